#ifndef DOVEADM_MIGRATION_ROWS_H
#define DOVEADM_MIGRATION_ROWS_H

/* Progress of what has many rows: on a terminal one line of stdout that is drawn
   over and gone at the end, else a line on stderr every few seconds. */

struct doveadm_migration_rows;

/* silent: nothing is shown, because nobody sees it. */
struct doveadm_migration_rows *doveadm_migration_rows_init(bool silent);
void doveadm_migration_rows_deinit(struct doveadm_migration_rows **rows);

/* What is going on ("reading"), how many rows are done, and how many percent
   that are (-1 = nobody knows). Cheap: may be called for each row. */
void doveadm_migration_rows_show(struct doveadm_migration_rows *rows,
				 const char *what, unsigned int count,
				 int percent);

#endif
