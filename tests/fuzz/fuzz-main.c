/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

/* main() for compilers without libFuzzer: runs every file of the given files
   and directories, then mutations of them. The same seed gives the same
   inputs; the one that ended the process is left in crash-input. Options as
   libFuzzer's: -runs=N -seed=N -dict=FILE. */

#include "lib.h"
#include "array.h"
#include "buffer.h"
#include "read-full.h"
#include "str.h"
#include "migration-compat.h"
#include "migration-fuzz.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define FUZZ_MAX_BYTES 4096
#define FUZZ_MAX_MUTATIONS 8
#define FUZZ_CRASH_PATH "crash-input"

ARRAY_DEFINE_TYPE(fuzz_input, buffer_t *);

struct fuzzer {
	pool_t pool;
	ARRAY_TYPE(fuzz_input) corpus;
	ARRAY_TYPE(fuzz_input) words;
	uint64_t random;
	unsigned int runs;
};

/* for the signal handler */
static const void *fuzz_input_data;
static size_t fuzz_input_size;

static void fuzz_crashed(int signo)
{
	int fd = open(FUZZ_CRASH_PATH, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd != -1 && write(fd, fuzz_input_data, fuzz_input_size) >= 0)
		(void)close(fd);
	(void)signal(signo, SIG_DFL);
	(void)raise(signo);
}

static void fuzz_run(const buffer_t *input)
{
	/* of exactly its size, so that reading beyond it is noticed */
	uint8_t *data = i_malloc(I_MAX(input->used, 1));

	memcpy(data, input->data, input->used);
	fuzz_input_data = data;
	fuzz_input_size = input->used;
	(void)LLVMFuzzerTestOneInput(data, input->used);
	fuzz_input_data = NULL;
	fuzz_input_size = 0;
	i_free(data);
}

/* splitmix64 (Vigna); the result is below limit */
static size_t fuzz_random(struct fuzzer *fuzzer, size_t limit)
{
	uint64_t z = (fuzzer->random += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return (z ^ (z >> 31)) % limit;
}

static const buffer_t *
fuzz_random_input(struct fuzzer *fuzzer, const ARRAY_TYPE(fuzz_input) *inputs)
{
	return array_idx_elem(inputs, fuzz_random(fuzzer,
						  array_count(inputs)));
}

enum fuzz_mutation {
	FUZZ_FLIP_BIT,
	FUZZ_SET_BYTE,
	FUZZ_INSERT_BYTES,
	FUZZ_DELETE,
	FUZZ_DUPLICATE,
	FUZZ_WORD,
	FUZZ_SPLICE,
	FUZZ_TRUNCATE,

	FUZZ_MUTATION_COUNT
};

static void fuzz_mutate(struct fuzzer *fuzzer, buffer_t *input)
{
	size_t pos = fuzz_random(fuzzer, input->used + 1), size;
	size_t left = input->used - pos;
	unsigned char *data = buffer_get_modifiable_data(input, NULL);
	enum fuzz_mutation mutation = fuzz_random(fuzzer, FUZZ_MUTATION_COUNT);
	const buffer_t *other;
	unsigned char byte;

	switch (mutation) {
	case FUZZ_FLIP_BIT:
		if (left > 0)
			data[pos] ^= 1 << fuzz_random(fuzzer, 8);
		break;
	case FUZZ_SET_BYTE:
		if (left > 0)
			data[pos] = fuzz_random(fuzzer, 256);
		break;
	case FUZZ_INSERT_BYTES:
		byte = fuzz_random(fuzzer, 256);
		for (size = fuzz_random(fuzzer, 40) + 1; size > 0; size--)
			buffer_insert(input, pos, &byte, 1);
		break;
	case FUZZ_DELETE:
		buffer_delete(input, pos, fuzz_random(fuzzer, left + 1));
		break;
	case FUZZ_DUPLICATE:
		size = fuzz_random(fuzzer, left + 1);
		buffer_copy(input, input->used, input, pos, size);
		break;
	case FUZZ_WORD:
		if (array_count(&fuzzer->words) == 0)
			break;
		other = fuzz_random_input(fuzzer, &fuzzer->words);
		buffer_insert(input, pos, other->data, other->used);
		break;
	case FUZZ_SPLICE:
		other = fuzz_random_input(fuzzer, &fuzzer->corpus);
		size = fuzz_random(fuzzer, other->used + 1);
		buffer_insert(input, pos, other->data, size);
		break;
	case FUZZ_TRUNCATE:
		buffer_set_used_size(input, pos);
		break;
	case FUZZ_MUTATION_COUNT:
		i_unreached();
	}
}

static void fuzz_run_mutated(struct fuzzer *fuzzer)
{
	const buffer_t *seed = fuzz_random_input(fuzzer, &fuzzer->corpus);
	buffer_t *input = t_buffer_create(FUZZ_MAX_BYTES);
	size_t i, count = 1 + fuzz_random(fuzzer, FUZZ_MAX_MUTATIONS);

	buffer_append(input, seed->data, seed->used);
	for (i = 0; i < count; i++)
		fuzz_mutate(fuzzer, input);
	if (input->used > FUZZ_MAX_BYTES)
		buffer_set_used_size(input, FUZZ_MAX_BYTES);
	fuzz_run(input);
}

static buffer_t *fuzz_read_file(struct fuzzer *fuzzer, const char *path)
{
	struct stat st;
	buffer_t *input;
	int fd;

	fd = open(path, O_RDONLY);
	if (fd == -1)
		i_fatal("open(%s) failed: %m", path);
	if (fstat(fd, &st) < 0)
		i_fatal("fstat(%s) failed: %m", path);
	input = buffer_create_dynamic(fuzzer->pool, st.st_size + 1);
	if (read_full(fd, buffer_append_space_unsafe(input, st.st_size),
		      st.st_size) <= 0)
		i_fatal("read(%s) failed: %m", path);
	i_close_fd(&fd);
	return input;
}

static void fuzz_add_file(struct fuzzer *fuzzer, const char *path)
{
	buffer_t *input = fuzz_read_file(fuzzer, path);

	array_push_back(&fuzzer->corpus, &input);
}

static int fuzz_name_cmp(const char *const *name1, const char *const *name2)
{
	return strcmp(*name1, *name2);
}

static void fuzz_add_path(struct fuzzer *fuzzer, const char *path)
{
	ARRAY_TYPE(const_string) names;
	const struct dirent *d;
	const char *name;
	struct stat st;
	DIR *dir;

	if (stat(path, &st) < 0)
		i_fatal("stat(%s) failed: %m", path);
	if (!S_ISDIR(st.st_mode)) {
		fuzz_add_file(fuzzer, path);
		return;
	}
	dir = opendir(path);
	if (dir == NULL)
		i_fatal("opendir(%s) failed: %m", path);
	t_array_init(&names, 64);
	while ((d = readdir(dir)) != NULL) {
		if (d->d_name[0] == '.')
			continue;
		name = t_strdup_printf("%s/%s", path, d->d_name);
		array_push_back(&names, &name);
	}
	if (closedir(dir) < 0)
		i_fatal("closedir(%s) failed: %m", path);
	/* the same order everywhere */
	array_sort(&names, fuzz_name_cmp);
	array_foreach_elem(&names, name)
		fuzz_add_file(fuzzer, name);
}

/* "text" with \\, \" and \xAB */
static const char *fuzz_parse_word(const char *p, buffer_t *word)
{
	for (; *p != '"'; p++) {
		unsigned char byte = *p;

		if (*p == '\0')
			return "a quote is not closed";
		if (*p == '\\') {
			p++;
			if (*p == '\\' || *p == '"')
				byte = *p;
			else if (*p == 'x' && i_isxdigit(p[1]) &&
				 i_isxdigit(p[2])) {
				byte = strtoul(t_strndup(p + 1, 2), NULL, 16);
				p += 2;
			} else {
				return "unknown escape";
			}
		}
		buffer_append_c(word, byte);
	}
	return NULL;
}

static void fuzz_add_dictionary(struct fuzzer *fuzzer, const char *path)
{
	const buffer_t *file = fuzz_read_file(fuzzer, path);
	const char *const *lines, *p, *error;
	unsigned int i;
	buffer_t *word;

	lines = t_strsplit(t_strndup(file->data, file->used), "\n");
	for (i = 0; lines[i] != NULL; i++) {
		if (*lines[i] == '#' || *lines[i] == '\0')
			continue;
		word = buffer_create_dynamic(fuzzer->pool, 16);
		p = strchr(lines[i], '"');
		error = p == NULL ? "no quote" : fuzz_parse_word(p + 1, word);
		if (error != NULL)
			i_fatal("%s line %u: %s", path, i + 1, error);
		array_push_back(&fuzzer->words, &word);
	}
}

static void fuzz_parse_arg(struct fuzzer *fuzzer, const char *arg)
{
	const char *value;

	if (str_begins_with(arg, "-runs=")) {
		value = arg + strlen("-runs=");
		if (str_to_uint(value, &fuzzer->runs) < 0)
			i_fatal("-runs: not a number: %s", value);
	} else if (str_begins_with(arg, "-seed=")) {
		value = arg + strlen("-seed=");
		if (str_to_uint64(value, &fuzzer->random) < 0)
			i_fatal("-seed: not a number: %s", value);
	} else if (str_begins_with(arg, "-dict=")) {
		fuzz_add_dictionary(fuzzer, arg + strlen("-dict="));
	} else if (*arg == '-') {
		i_fatal("Unknown option: %s "
			"(-runs=N -seed=N -dict=FILE PATH...)", arg);
	} else {
		fuzz_add_path(fuzzer, arg);
	}
}

int main(int argc, char *argv[])
{
	static const int signals[] = { SIGABRT, SIGSEGV, SIGBUS, SIGFPE };
	struct fuzzer fuzzer;
	buffer_t *input;
	unsigned int j;
	int i;

	lib_init();
	i_zero(&fuzzer);
	fuzzer.pool = pool_alloconly_create("fuzzer", 1024*64);
	p_array_init(&fuzzer.corpus, fuzzer.pool, 64);
	p_array_init(&fuzzer.words, fuzzer.pool, 64);
	for (i = 1; i < argc; i++) T_BEGIN {
		fuzz_parse_arg(&fuzzer, argv[i]);
	} T_END;
	if (array_count(&fuzzer.corpus) == 0)
		i_fatal("No input files given");
	for (j = 0; j < N_ELEMENTS(signals); j++)
		(void)signal(signals[j], fuzz_crashed);

	array_foreach_elem(&fuzzer.corpus, input)
		fuzz_run(input);
	for (j = 0; j < fuzzer.runs; j++) T_BEGIN {
		fuzz_run_mutated(&fuzzer);
	} T_END;
	printf("%s: %u files, %u mutations: ok\n", argv[0],
	       array_count(&fuzzer.corpus), fuzzer.runs);
	pool_unref(&fuzzer.pool);
	lib_deinit();
	return 0;
}
