#ifndef MIGRATION_FUZZ_H
#define MIGRATION_FUZZ_H

/* What a fuzz target provides: libFuzzer's interface. It is called any number
   of times, with any bytes, and ends the process with a failed i_assert() if
   the code under test breaks a promise. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
