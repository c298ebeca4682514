/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "base64.h"
#include "buffer.h"
#include "hex-binary.h"
#include "str.h"
#include "migration-compat.h"
#include "migration-box.h"
#include "migration-keygen.h"
#include "migration-limits.h"
#include "migration-seal.h"
#include "migration-secret.h"
#include "migration-unseal.h"
#include "test-common.h"
#include "migration-test-common.h"

#include <sys/stat.h>
#include <unistd.h>

#define ACCOUNT "user@old.example"
#define PROVIDER "oldhost"
#define PASSWORD "s3cret p\xc3\xa4ss"

#define ERROR_MALFORMED \
	"Cannot open the sealed password: It is not a sealed box in base64"
#define ERROR_FORGED \
	"Cannot open the sealed password: It was changed, or sealed for " \
	"another account or provider"

/* Made by openssl genpkey, and a box made for it by another implementation
   (Python's cryptography) after migration-box.h. */
static const char *const vector_private =
	"-----BEGIN PRIVATE KEY-----\n"
	"MC4CAQAwBQYDK2VuBCIEIKD9v5VvaZ7sykzKGq6l7I0oaCciFyEvPjw1QrCbHzp5\n"
	"-----END PRIVATE KEY-----\n";
static const char *const vector_public =
	"-----BEGIN PUBLIC KEY-----\n"
	"MCowBQYDK2VuAyEAArZRCUV4u/B3KEUnY9cuand6Tnoe4LTLxcpEBefLwlA=\n"
	"-----END PUBLIC KEY-----\n";
static const char *const vector_key_id = "45b80da11a670ec8";
static const char *const vector_box =
	"AUW4DaEaZw7Ij0DFrbaPJWJK5bIU6nZ6bslNgp09e14a0bpvPiE4KF9kZWZnaGlqa2xt"
	"bm/mYn1z7bjvftCl9ewWFD/7cl6jnfLmoAPWHdDU";

static const char *const ed25519_private =
	"-----BEGIN PRIVATE KEY-----\n"
	"MC4CAQAwBQYDK2VwBCIEIBhN3yrcFQf1CMCKjQttdVBhVcVo3q+U+DWF2LaVo3//\n"
	"-----END PRIVATE KEY-----\n";
static const char *const ed25519_public =
	"-----BEGIN PUBLIC KEY-----\n"
	"MCowBQYDK2VwAyEAK1eAROzZq6qU0Q/7wE3ZUVyCTOMnAblJxwHLQw0fPOs=\n"
	"-----END PUBLIC KEY-----\n";

struct test_pair {
	const char *private_path, *public_path, *key_id;
	struct migration_sealer *sealer;
	struct migration_unsealer *unsealer;
};

static void test_pair_init(struct test_pair *pair, const char *name)
{
	const char *error;

	pair->private_path = test_tmp_path(t_strconcat(name, ".private.pem",
						       NULL));
	pair->public_path = test_tmp_path(t_strconcat(name, ".public.pem",
						      NULL));
	if (migration_keygen(pair->private_path, pair->public_path,
			     &pair->key_id, &error) < 0 ||
	    migration_sealer_init(pair->public_path, &pair->sealer,
				  &error) < 0 ||
	    migration_unsealer_init(pair->private_path, &pair->unsealer,
				    &error) < 0)
		i_fatal("%s", error);
}

static void test_pair_deinit(struct test_pair *pair)
{
	migration_sealer_deinit(&pair->sealer);
	migration_unsealer_deinit(&pair->unsealer);
}

static const char *
test_seal(struct migration_sealer *sealer, const char *password)
{
	struct migration_secret *secret;
	const char *box, *error;

	secret = migration_secret_create(password, strlen(password));
	if (migration_seal(sealer, secret, ACCOUNT, PROVIDER, &box,
			   &error) < 0)
		i_fatal("%s", error);
	migration_secret_free(&secret);
	return box;
}

/* Opens the box and checks that nothing but the right password comes out. */
static enum migration_unseal_result
test_unseal(struct migration_unsealer *unsealer, const char *box,
	    const char *account, const char *provider, const char **error_r)
{
	struct migration_secret *secret = NULL;
	enum migration_unseal_result result;

	*error_r = NULL;
	result = migration_unseal(unsealer, box, account, provider, &secret,
				  error_r);
	if (result == MIGRATION_UNSEAL_OK) {
		test_assert(*error_r == NULL);
		test_assert(secret != NULL);
		test_assert_strcmp(migration_secret_get(secret), PASSWORD);
		migration_secret_free(&secret);
	} else {
		test_assert(*error_r != NULL);
		test_assert(secret == NULL);
	}
	return result;
}

static const char *test_encode(const unsigned char *data, size_t size)
{
	return str_c(t_base64_encode(0, 0, data, size));
}

static void test_migration_seal_round_trip(void)
{
	static const size_t sizes[] = {
		0, 1, 15, 16, 17, 63, MIGRATION_MAX_PASSWORD_BYTES
	};
	unsigned char password[MIGRATION_MAX_PASSWORD_BYTES];
	struct migration_secret *secret, *secret2;
	struct test_pair pair;
	const char *box, *error;
	unsigned int i, j;

	test_begin("migration seal: round trip");
	test_pair_init(&pair, "key");
	for (i = 0; i < N_ELEMENTS(sizes); i++) {
		for (j = 0; j < sizes[i]; j++)
			password[j] = test_random(256);
		secret = migration_secret_create(password, sizes[i]);
		test_assert_idx(migration_seal(pair.sealer, secret, ACCOUNT,
					       PROVIDER, &box, &error) == 0,
				i);
		test_assert_idx(strlen(box) < 2048, i);
		secret2 = NULL;
		test_assert_idx(migration_unseal(pair.unsealer, box, ACCOUNT,
						 PROVIDER, &secret2,
						 &error) ==
				MIGRATION_UNSEAL_OK, i);
		test_assert_idx(secret2 != NULL &&
				migration_secret_get_size(secret2) ==
				sizes[i] &&
				memcmp(migration_secret_get(secret2),
				       password, sizes[i]) == 0, i);
		migration_secret_free(&secret);
		migration_secret_free(&secret2);
	}
	/* never the same box twice */
	test_assert(strcmp(test_seal(pair.sealer, PASSWORD),
			   test_seal(pair.sealer, PASSWORD)) != 0);
	test_pair_deinit(&pair);
	test_assert(pair.sealer == NULL && pair.unsealer == NULL);
	test_pair_deinit(&pair);
	test_tmp_remove();
	test_end();
}

static void test_migration_seal_layout(void)
{
	struct test_pair pair;
	const unsigned char *data, *data2;
	buffer_t *box;

	test_begin("migration seal: layout of the box");
	test_pair_init(&pair, "key");
	box = t_base64_decode_str(test_seal(pair.sealer, PASSWORD));
	data = box->data;
	test_assert_ucmp(box->used, ==,
			 1 + 8 + 32 + 12 + strlen(PASSWORD) + 16);
	test_assert(data[0] == 1);
	test_assert_ucmp(strlen(pair.key_id), ==, 16);
	test_assert_strcmp(binary_to_hex(data + 1, 8), pair.key_id);
	/* a new ephemeral key and nonce each time */
	box = t_base64_decode_str(test_seal(pair.sealer, PASSWORD));
	data2 = box->data;
	test_assert(memcmp(data, data2, 9) == 0);
	test_assert(memcmp(data + 9, data2 + 9, 32) != 0);
	test_assert(memcmp(data + 41, data2 + 41, 12) != 0);
	test_pair_deinit(&pair);
	test_tmp_remove();
	test_end();
}

static void test_migration_seal_vector(void)
{
	struct migration_sealer *sealer;
	struct migration_unsealer *unsealer;
	const char *path = test_tmp_path("vector.pem"), *box, *error;
	const buffer_t *data;

	test_begin("migration seal: a box of another implementation");
	test_write_file(path, 0600, vector_private);
	test_assert(migration_unsealer_init(path, &unsealer, &error) == 0);
	test_assert(test_unseal(unsealer, vector_box, ACCOUNT, PROVIDER,
				&error) == MIGRATION_UNSEAL_OK);

	test_write_file(path, 0644, vector_public);
	test_assert(migration_sealer_init(path, &sealer, &error) == 0);
	box = test_seal(sealer, PASSWORD);
	data = t_base64_decode_str(box);
	test_assert_strcmp(binary_to_hex(CONST_PTR_OFFSET(data->data, 1), 8),
			   vector_key_id);
	test_assert(test_unseal(unsealer, box, ACCOUNT, PROVIDER, &error) ==
		    MIGRATION_UNSEAL_OK);
	migration_sealer_deinit(&sealer);
	migration_unsealer_deinit(&unsealer);
	test_tmp_remove();
	test_end();
}

static void test_migration_seal_too_long(void)
{
	char password[MIGRATION_MAX_PASSWORD_BYTES + 1];
	struct migration_secret *secret;
	struct test_pair pair;
	const char *box, *error = NULL;

	test_begin("migration seal: too long a password");
	test_pair_init(&pair, "key");
	memset(password, 'x', sizeof(password));
	secret = migration_secret_create(password, sizeof(password));
	test_assert(migration_seal(pair.sealer, secret, ACCOUNT, PROVIDER,
				   &box, &error) < 0);
	test_assert_strcmp(error, "The password is longer than 1024 bytes");
	migration_secret_free(&secret);
	test_pair_deinit(&pair);
	test_tmp_remove();
	test_end();
}

static void test_migration_seal_tampered(void)
{
	static const unsigned char flips[] = { 0x01, 0x80 };
	enum migration_unseal_result result, expected;
	struct test_pair pair;
	const char *box, *error;
	unsigned char *data;
	buffer_t *buf;
	size_t i;
	unsigned int j;

	test_begin("migration seal: any byte changed");
	test_pair_init(&pair, "key");
	box = test_seal(pair.sealer, PASSWORD);
	buf = t_base64_decode_str(box);
	data = buffer_get_modifiable_data(buf, NULL);
	for (i = 0; i < buf->used; i++) {
		expected = i == 0 ? MIGRATION_UNSEAL_MALFORMED :
			i <= 8 ? MIGRATION_UNSEAL_NO_KEY :
			MIGRATION_UNSEAL_FORGED;
		for (j = 0; j < N_ELEMENTS(flips); j++) {
			data[i] ^= flips[j];
			result = test_unseal(pair.unsealer,
					     test_encode(data, buf->used),
					     ACCOUNT, PROVIDER, &error);
			test_assert_cmp_idx(result, ==, expected, i);
			if (expected == MIGRATION_UNSEAL_FORGED)
				test_assert_strcmp_idx(error, ERROR_FORGED, i);
			data[i] ^= flips[j];
		}
	}
	/* it really was only that */
	test_assert(test_unseal(pair.unsealer, test_encode(data, buf->used),
				ACCOUNT, PROVIDER, &error) ==
		    MIGRATION_UNSEAL_OK);
	test_pair_deinit(&pair);
	test_tmp_remove();
	test_end();
}

/* A public key that leads to a shared secret that everybody knows. */
static void test_migration_seal_low_order(void)
{
	struct test_pair pair;
	const char *error;
	unsigned char *data;
	buffer_t *buf;

	test_begin("migration seal: ephemeral key of low order");
	test_pair_init(&pair, "key");
	buf = t_base64_decode_str(test_seal(pair.sealer, PASSWORD));
	data = buffer_get_modifiable_data(buf, NULL);
	memset(data + 9, 0, 32);
	test_assert(test_unseal(pair.unsealer, test_encode(data, buf->used),
				ACCOUNT, PROVIDER, &error) ==
		    MIGRATION_UNSEAL_FORGED);
	test_assert(strstr(error, "X25519 key agreement failed") != NULL);
	data[9] = 1;
	test_assert(test_unseal(pair.unsealer, test_encode(data, buf->used),
				ACCOUNT, PROVIDER, &error) ==
		    MIGRATION_UNSEAL_FORGED);
	test_assert(strstr(error, "X25519 key agreement failed") != NULL);
	test_pair_deinit(&pair);
	test_tmp_remove();
	test_end();
}

static void test_migration_seal_truncated(void)
{
	enum migration_unseal_result result, expected;
	struct test_pair pair;
	const char *box, *error;
	const unsigned char *data;
	unsigned char longer[MIGRATION_MAX_PASSWORD_BYTES * 2];
	buffer_t *buf;
	size_t i;

	test_begin("migration seal: truncated or extended");
	test_pair_init(&pair, "key");
	box = test_seal(pair.sealer, PASSWORD);
	buf = t_base64_decode_str(box);
	data = buf->data;
	for (i = 0; i < buf->used; i++) {
		/* room for key, nonce and tag or not */
		expected = i < 1 + 8 + 32 + 12 + 16 ?
			MIGRATION_UNSEAL_MALFORMED : MIGRATION_UNSEAL_FORGED;
		result = test_unseal(pair.unsealer, test_encode(data, i),
				     ACCOUNT, PROVIDER, &error);
		test_assert_cmp_idx(result, ==, expected, i);
	}
	/* in the middle of base64 */
	for (i = 0; i < strlen(box); i++) {
		result = test_unseal(pair.unsealer,
				     t_strdup_until(box, box + i),
				     ACCOUNT, PROVIDER, &error);
		test_assert_idx(result == MIGRATION_UNSEAL_MALFORMED ||
				result == MIGRATION_UNSEAL_FORGED, i);
		if (i % 4 != 0)
			test_assert_cmp_idx(result, ==,
					    MIGRATION_UNSEAL_MALFORMED, i);
	}
	memset(longer, 0, sizeof(longer));
	memcpy(longer, data, buf->used);
	for (i = buf->used + 1; i < buf->used + 20; i++) {
		result = test_unseal(pair.unsealer, test_encode(longer, i),
				     ACCOUNT, PROVIDER, &error);
		test_assert_cmp_idx(result, ==, MIGRATION_UNSEAL_FORGED, i);
	}
	/* the longest password, and one byte more */
	i = 1 + 8 + 32 + 12 + 16 + MIGRATION_MAX_PASSWORD_BYTES;
	test_assert(test_unseal(pair.unsealer, test_encode(longer, i),
				ACCOUNT, PROVIDER, &error) ==
		    MIGRATION_UNSEAL_FORGED);
	test_assert(test_unseal(pair.unsealer, test_encode(longer, i + 1),
				ACCOUNT, PROVIDER, &error) ==
		    MIGRATION_UNSEAL_MALFORMED);
	test_assert(test_unseal(pair.unsealer,
				test_encode(longer, sizeof(longer)),
				ACCOUNT, PROVIDER, &error) ==
		    MIGRATION_UNSEAL_MALFORMED);
	test_pair_deinit(&pair);
	test_tmp_remove();
	test_end();
}

static void test_migration_seal_malformed(void)
{
	const char *const boxes[] = {
		"",
		"=",
		"====",
		"secret password",
		"\xff\xfe",
		/* one box and more */
		t_strconcat(vector_box, " ", NULL),
		t_strconcat(vector_box, "\n", NULL),
		t_strconcat(vector_box, "=", NULL),
		t_strconcat(" ", vector_box, NULL),
		t_strconcat("\n", vector_box, NULL),
		/* white space in it */
		t_strdup_printf("%s\n%s", t_strdup_until(vector_box,
							 vector_box + 64),
				vector_box + 64),
	};
	struct migration_unsealer *unsealer;
	const char *path = test_tmp_path("key.pem"), *error;
	enum migration_unseal_result result;
	unsigned int i;

	test_begin("migration seal: no box at all");
	test_write_file(path, 0600, vector_private);
	test_assert(migration_unsealer_init(path, &unsealer, &error) == 0);
	for (i = 0; i < N_ELEMENTS(boxes); i++) {
		result = test_unseal(unsealer, boxes[i], ACCOUNT, PROVIDER,
				     &error);
		test_assert_cmp_idx(result, ==, MIGRATION_UNSEAL_MALFORMED, i);
		test_assert_strcmp_idx(error, ERROR_MALFORMED, i);
	}
	migration_unsealer_deinit(&unsealer);
	test_tmp_remove();
	test_end();
}

/* One box has one spelling. */
static void test_migration_seal_canonical(void)
{
	struct test_pair pair;
	const char *box, *error;
	char *copy;
	size_t len;

	test_begin("migration seal: other spellings of a box");
	test_pair_init(&pair, "key");
	/* 71 bytes: one "=" and two bits that do not count */
	box = test_seal(pair.sealer, "xx");
	len = strlen(box);
	test_assert(box[len - 1] == '=' && box[len - 2] != '=');
	copy = t_strdup_noconst(box);
	copy[len - 2]++;
	test_assert(memcmp(t_base64_decode_str(copy)->data,
			   t_base64_decode_str(box)->data,
			   t_base64_decode_str(box)->used) == 0);
	test_assert(test_unseal(pair.unsealer, copy, ACCOUNT, PROVIDER,
				&error) == MIGRATION_UNSEAL_MALFORMED);
	/* without padding */
	test_assert(test_unseal(pair.unsealer,
				t_strdup_until(box, box + len - 1), ACCOUNT,
				PROVIDER, &error) ==
		    MIGRATION_UNSEAL_MALFORMED);
	test_pair_deinit(&pair);
	test_tmp_remove();
	test_end();
}

static void test_migration_seal_version(void)
{
	struct test_pair pair;
	const char *error;
	unsigned char *data;
	buffer_t *buf;
	unsigned int i;

	test_begin("migration seal: unknown version");
	test_pair_init(&pair, "key");
	buf = t_base64_decode_str(test_seal(pair.sealer, PASSWORD));
	data = buffer_get_modifiable_data(buf, NULL);
	for (i = 0; i < 256; i++) {
		if (i == MIGRATION_BOX_VERSION)
			continue;
		data[0] = i;
		test_assert_idx(test_unseal(pair.unsealer,
					    test_encode(data, buf->used),
					    ACCOUNT, PROVIDER, &error) ==
				MIGRATION_UNSEAL_MALFORMED, i);
		test_assert_strcmp_idx(error, t_strdup_printf(
			"Cannot open the sealed password: Version %u of the "
			"box is not known here", i), i);
	}
	test_pair_deinit(&pair);
	test_tmp_remove();
	test_end();
}

static void test_migration_seal_wrong_key(void)
{
	struct test_pair pair, other;
	const char *box, *error;
	const buffer_t *id;
	unsigned char *data;
	buffer_t *buf;

	test_begin("migration seal: another key");
	test_pair_init(&pair, "key");
	test_pair_init(&other, "other");
	test_assert(strcmp(pair.key_id, other.key_id) != 0);
	box = test_seal(pair.sealer, PASSWORD);
	test_assert(test_unseal(other.unsealer, box, ACCOUNT, PROVIDER,
				&error) == MIGRATION_UNSEAL_NO_KEY);
	test_assert_strcmp(error, t_strdup_printf(
		"Cannot open the sealed password: It was sealed for key %s, "
		"which is not in %s", pair.key_id, other.private_path));

	/* the box says that it is for the other key */
	buf = t_base64_decode_str(box);
	data = buffer_get_modifiable_data(buf, NULL);
	id = t_base64_decode_str(test_seal(other.sealer, PASSWORD));
	memcpy(data + 1, CONST_PTR_OFFSET(id->data, 1), 8);
	test_assert(test_unseal(other.unsealer, test_encode(data, buf->used),
				ACCOUNT, PROVIDER, &error) ==
		    MIGRATION_UNSEAL_FORGED);
	test_pair_deinit(&pair);
	test_pair_deinit(&other);
	test_tmp_remove();
	test_end();
}

static void test_migration_seal_other_row(void)
{
	static const struct {
		const char *account, *provider;
	} tests[] = {
		{ "other@old.example", PROVIDER },
		{ "User@old.example", PROVIDER },
		{ "", PROVIDER },
		{ ACCOUNT, "otherhost" },
		{ ACCOUNT, "" },
		{ ACCOUNT" ", PROVIDER },
		{ PROVIDER, ACCOUNT },
		/* the same letters, split elsewhere */
		{ ACCOUNT"o", "ldhost" },
		{ "user@old.exampl", "e"PROVIDER },
		{ ACCOUNT PROVIDER, "" },
		{ "", ACCOUNT PROVIDER },
	};
	struct test_pair pair;
	const char *box, *error;
	unsigned int i;

	test_begin("migration seal: other account or provider");
	test_pair_init(&pair, "key");
	box = test_seal(pair.sealer, PASSWORD);
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		test_assert_idx(test_unseal(pair.unsealer, box,
					    tests[i].account,
					    tests[i].provider, &error) ==
				MIGRATION_UNSEAL_FORGED, i);
		test_assert_strcmp_idx(error, ERROR_FORGED, i);
	}
	test_pair_deinit(&pair);
	test_tmp_remove();
	test_end();
}

static void test_migration_seal_rotation(void)
{
	struct test_pair old_pair, new_pair;
	struct migration_unsealer *unsealer;
	const char *path, *old_box, *new_box, *error;
	const char *old_text, *new_text;

	test_begin("migration seal: rotation");
	test_pair_init(&old_pair, "old");
	test_pair_init(&new_pair, "new");
	old_box = test_seal(old_pair.sealer, PASSWORD);
	new_box = test_seal(new_pair.sealer, PASSWORD);
	old_text = test_read_file(old_pair.private_path);
	new_text = test_read_file(new_pair.private_path);

	/* the new key in front of the old one, with notes between them */
	path = test_tmp_path("both.pem");
	test_write_file(path, 0600, t_strconcat(
		"Current key:\n", new_text, "\nUntil they are resealed:\n",
		old_text, "End.\n", NULL));
	test_assert(migration_unsealer_init(path, &unsealer, &error) == 0);
	test_assert(test_unseal(unsealer, old_box, ACCOUNT, PROVIDER,
				&error) == MIGRATION_UNSEAL_OK);
	test_assert(test_unseal(unsealer, new_box, ACCOUNT, PROVIDER,
				&error) == MIGRATION_UNSEAL_OK);
	migration_unsealer_deinit(&unsealer);

	/* in the other order; CRLF; no line feed at the end */
	test_write_file(path, 0600, t_strconcat(
		t_str_replace(old_text, '\n', '\r'), new_text, NULL));
	test_assert(migration_unsealer_init(path, &unsealer, &error) == 0);
	test_assert(test_unseal(unsealer, old_box, ACCOUNT, PROVIDER,
				&error) == MIGRATION_UNSEAL_OK);
	test_assert(test_unseal(unsealer, new_box, ACCOUNT, PROVIDER,
				&error) == MIGRATION_UNSEAL_OK);
	migration_unsealer_deinit(&unsealer);

	/* the old one is gone */
	test_assert(test_unseal(new_pair.unsealer, old_box, ACCOUNT, PROVIDER,
				&error) == MIGRATION_UNSEAL_NO_KEY);
	test_pair_deinit(&old_pair);
	test_pair_deinit(&new_pair);
	test_tmp_remove();
	test_end();
}

static void test_migration_seal_key_modes(void)
{
	static const struct {
		mode_t mode;
		bool ok;
	} tests[] = {
		{ 0600, TRUE }, { 0400, TRUE }, { 0700, TRUE },
		{ 0640, FALSE }, { 0604, FALSE }, { 0620, FALSE },
		{ 0602, FALSE }, { 0610, FALSE }, { 0601, FALSE },
		{ 0644, FALSE }, { 0666, FALSE }, { 0440, FALSE },
	};
	struct migration_unsealer *unsealer;
	const char *path = test_tmp_path("key.pem"), *error;
	unsigned int i;
	int ret;

	test_begin("migration seal: mode of the private key");
	test_write_file(path, 0600, vector_private);
	for (i = 0; i < N_ELEMENTS(tests); i++) {
		if (chmod(path, tests[i].mode) < 0)
			i_fatal("chmod(%s) failed: %m", path);
		error = NULL;
		ret = migration_unsealer_init(path, &unsealer, &error);
		test_assert_idx((ret == 0) == tests[i].ok, i);
		if (ret == 0)
			migration_unsealer_deinit(&unsealer);
		else {
			test_assert_strcmp_idx(error, t_strdup_printf(
				"Cannot read the private key: %s is open to "
				"others than its owner (mode %04o): "
				"chmod 600 %s", path,
				(unsigned int)tests[i].mode, path), i);
		}
	}
	test_tmp_remove();
	test_end();
}

static void
test_bad_private(const char *text, const char *error_part, unsigned int i)
{
	struct migration_unsealer *unsealer;
	const char *path = test_tmp_path("bad.pem"), *error = NULL;

	test_write_file(path, 0600, text);
	test_assert_idx(migration_unsealer_init(path, &unsealer, &error) < 0,
			i);
	test_assert_idx(error != NULL &&
			str_begins_with(error, "Cannot read the private key: ") &&
			strstr(error, path) != NULL &&
			strstr(error, error_part) != NULL, i);
	/* never the contents */
	test_assert_idx(error != NULL && strstr(error, "MC4CAQ") == NULL, i);
}

static void test_migration_seal_bad_private(void)
{
	static const unsigned char zeros[4096];
	unsigned int i = 0;

	test_begin("migration seal: bad private key file");
	test_bad_private("", "has no private key", i++);
	test_bad_private("hello\n", "has no private key", i++);
	test_bad_private(vector_public, "has no private key", i++);
	test_bad_private(t_strcut(vector_private, '\n'),
			 "Private key 1 of ", i++);
	test_bad_private(t_strndup(vector_private, 60),
			 "Its end is missing", i++);
	test_bad_private(t_strconcat(t_strndup(vector_private, 60), "\n"
				     "-----END PRIVATE KEY-----\n", NULL),
			 "Decoding it failed", i++);
	test_bad_private("-----BEGIN PRIVATE KEY-----\n"
			 "-----END PRIVATE KEY-----\n",
			 "Decoding it failed", i++);
	test_bad_private("-----BEGIN PRIVATE KEY-----\nno base64!\n"
			 "-----END PRIVATE KEY-----\n",
			 "It is not base64", i++);
	test_bad_private(t_strconcat("-----BEGIN PRIVATE KEY-----\n",
				     test_encode(zeros, sizeof(zeros)),
				     "\n-----END PRIVATE KEY-----\n", NULL),
			 "It is too long for an X25519 key", i++);
	test_bad_private(t_strconcat("-----BEGIN PRIVATE KEY-----\n",
				     test_encode(zeros, 48),
				     "\n-----END PRIVATE KEY-----\n", NULL),
			 "Decoding it failed", i++);
	test_bad_private(ed25519_private, "It is not an X25519 key", i++);
	test_bad_private(t_strconcat(vector_private, ed25519_private, NULL),
			 "Private key 2 of ", i++);
	test_tmp_remove();
	test_end();
}

static void test_migration_seal_bad_public(void)
{
	const char *path = test_tmp_path("bad.pem"), *error;
	const char *const texts[] = {
		"", "hello\n", vector_private, ed25519_public,
		t_strndup(vector_public, 60),
		/* only its end is missing */
		t_strdup_until(vector_public,
			       strstr(vector_public, "-----END")),
		t_strconcat(t_strndup(vector_public, 60), "\n"
			    "-----END PUBLIC KEY-----\n", NULL),
		"-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
		"-----END PUBLIC KEY-----\n-----BEGIN PUBLIC KEY-----\n",
	};
	struct migration_sealer *sealer;
	unsigned int i;

	test_begin("migration seal: bad public key file");
	for (i = 0; i < N_ELEMENTS(texts); i++) {
		test_write_file(path, 0644, texts[i]);
		error = NULL;
		test_assert_idx(migration_sealer_init(path, &sealer,
						      &error) < 0, i);
		test_assert_strcmp_idx(error, t_strdup_printf(
			"Cannot read the public key: %s has no X25519 public "
			"key in PEM form", path), i);
	}
	/* the first one counts */
	test_write_file(path, 0644, t_strconcat("note\n", vector_public,
						ed25519_public, NULL));
	test_assert(migration_sealer_init(path, &sealer, &error) == 0);
	migration_sealer_deinit(&sealer);
	test_tmp_remove();
	test_end();
}

static void test_migration_seal_no_file(void)
{
	struct migration_sealer *sealer;
	struct migration_unsealer *unsealer;
	const char *path = test_tmp_path("nothing.pem"), *error = NULL;
	const char *dir = test_tmp_path("dir");

	test_begin("migration seal: no key file");
	test_assert(migration_sealer_init(path, &sealer, &error) < 0);
	test_assert_strcmp(error, t_strdup_printf(
		"Cannot read the public key: open(%s) failed: "
		"No such file or directory", path));
	test_assert(migration_unsealer_init(path, &unsealer, &error) < 0);
	test_assert_strcmp(error, t_strdup_printf(
		"Cannot read the private key: open(%s) failed: "
		"No such file or directory", path));

	if (mkdir(dir, 0700) < 0)
		i_fatal("mkdir(%s) failed: %m", dir);
	test_assert(migration_sealer_init(dir, &sealer, &error) < 0);
	test_assert_strcmp(error, t_strdup_printf(
		"Cannot read the public key: %s is not a key file", dir));
	test_assert(migration_unsealer_init(dir, &unsealer, &error) < 0);
	test_assert_strcmp(error, t_strdup_printf(
		"Cannot read the private key: %s is not a key file", dir));

	/* a file that is no key file at all */
	test_write_file(path, 0600, "");
	if (truncate(path, 1024*1024*1024) < 0)
		i_fatal("truncate(%s) failed: %m", path);
	test_assert(migration_sealer_init(path, &sealer, &error) < 0);
	test_assert(migration_unsealer_init(path, &unsealer, &error) < 0);
	test_tmp_remove();
	test_end();
}

int main(void)
{
	static void (*const test_functions[])(void) = {
		test_migration_seal_round_trip,
		test_migration_seal_layout,
		test_migration_seal_vector,
		test_migration_seal_too_long,
		test_migration_seal_tampered,
		test_migration_seal_low_order,
		test_migration_seal_truncated,
		test_migration_seal_malformed,
		test_migration_seal_canonical,
		test_migration_seal_version,
		test_migration_seal_wrong_key,
		test_migration_seal_other_row,
		test_migration_seal_rotation,
		test_migration_seal_key_modes,
		test_migration_seal_bad_private,
		test_migration_seal_bad_public,
		test_migration_seal_no_file,
		NULL
	};
	return test_run(test_functions);
}
