#ifndef MIGRATION_TEST_COMMON_H
#define MIGRATION_TEST_COMMON_H

/* What several test programs share. */

/* Path of a file in the program's own temporary directory, which is made at
   the first call. From the data stack. */
const char *test_tmp_path(const char *name);
/* Removes the directory with all that is in it. Call it at the end of each
   test that used test_tmp_path(). */
void test_tmp_remove(void);

/* Writes the file with this mode, overwriting it. */
void test_write_file(const char *path, mode_t mode, const char *text);
/* From the data stack. */
const char *test_read_file(const char *path);

/* A sequence that is the same in each run. limit > 0; the result is below
   it. */
unsigned int test_random(unsigned int limit);

#endif
