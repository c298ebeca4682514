#ifndef MIGRATION_TEXT_H
#define MIGRATION_TEXT_H

/* For people, on a terminal: what is no UTF-8 or a control character, those of
   U+0080 to U+009F included, becomes a replacement character or "?". Returned
   from the data stack, or text itself. */
const char *migration_text_sanitize(const char *text);

#endif
