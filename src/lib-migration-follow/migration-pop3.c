/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "base64.h"
#include "hash.h"
#include "ioloop.h"
#include "istream.h"
#include "istream-dot.h"
#include "ostream.h"
#include "safe-memset.h"
#include "str.h"
#include "str-sanitize.h"
#include "mail-user.h"
#include "migration-compat.h"
#include "migration-compat-tls.h"
#include "migration-header-hash.h"
#include "migration-pop3-reply.h"
#include "migration-pop3.h"
#include "migration-remote.h"
#include "migration-secret.h"
#include "migration-settings.h"

#include <unistd.h>

/* For one address, and for the greeting */
#define POP3_CONNECT_TIMEOUT_MSECS (30 * 1000)
/* Without a byte from the provider while it owes us an answer */
#define POP3_COMMAND_TIMEOUT_MSECS (5 * 60 * 1000)
#define POP3_QUIT_TIMEOUT_MSECS (5 * 1000)
#define POP3_STOP_CHECK_MSECS 250
#define POP3_MAX_LINE_BYTES 8192
#define POP3_MAX_LIST_BYTES (64 * 1024 * 1024)
#define POP3_MAX_HEADER_BYTES (1024 * 1024)
#define POP3_MAX_ERROR_BYTES 256
/* Commands on their way at once */
#define POP3_PIPELINE 50

struct migration_pop3 {
	pool_t pool;
	const struct migration_remote_settings *set;
	struct mail_user *user;
	bool (*is_stopped)(void *context);
	void *context;

	struct ioloop *ioloop;
	int fd;
	struct io *io;
	struct istream *input;
	struct ostream *output;
	struct ssl_iostream *ssl_iostream;
	struct ssl_iostream_context *ssl_ctx;

	enum migration_pop3_capability capabilities;
	unsigned int timeout_msecs;
	enum migration_pop3_result result;
	const char *error;

	bool timed_out:1;
	/* the server does not know CAPA */
	bool no_capa:1;
	bool logged_in:1;
};

static void pop3_disconnect(struct migration_pop3 *pop3)
{
	io_remove(&pop3->io);
	ssl_iostream_destroy(&pop3->ssl_iostream);
	i_stream_destroy(&pop3->input);
	o_stream_destroy(&pop3->output);
	i_close_fd(&pop3->fd);
}

/* Returns -1. */
static int ATTR_FORMAT(3, 4)
	pop3_fail(struct migration_pop3 *pop3,
		  enum migration_pop3_result result, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (pop3->result == MIGRATION_POP3_OK) {
		pop3->result = result;
		pop3->error = p_strdup_vprintf(pop3->pool, format, args);
	}
	va_end(args);
	pop3_disconnect(pop3);
	return -1;
}

/* --- waiting --- */

static void pop3_ready(struct migration_pop3 *pop3)
{
	io_loop_stop(pop3->ioloop);
}

static void pop3_timed_out(struct migration_pop3 *pop3)
{
	pop3->timed_out = TRUE;
	io_loop_stop(pop3->ioloop);
}

static void pop3_check_stop(struct migration_pop3 *pop3)
{
	if (pop3->is_stopped(pop3->context))
		io_loop_stop(pop3->ioloop);
}

/* Until the connection is ready. Returns 0, or -1. */
static int pop3_wait(struct migration_pop3 *pop3, const char *what)
{
	struct timeout *to, *to_stop;

	pop3->timed_out = FALSE;
	to = timeout_add(pop3->timeout_msecs, pop3_timed_out, pop3);
	to_stop =
		timeout_add_short(POP3_STOP_CHECK_MSECS, pop3_check_stop, pop3);
	io_loop_run(pop3->ioloop);
	timeout_remove(&to_stop);
	timeout_remove(&to);
	if (pop3->is_stopped(pop3->context)) {
		return pop3_fail(pop3, MIGRATION_POP3_STOPPED,
				 "The sync was stopped");
	}
	if (pop3->timed_out) {
		return pop3_fail(pop3, MIGRATION_POP3_TEMPORARY,
				 "%s timed out after %u seconds", what,
				 pop3->timeout_msecs / 1000);
	}
	return 0;
}

static int pop3_lost(struct migration_pop3 *pop3)
{
	const char *error = NULL;

	if (pop3->ssl_iostream != NULL)
		error = ssl_iostream_get_last_error(pop3->ssl_iostream);
	if (error == NULL && pop3->input->stream_errno != 0)
		error = i_stream_get_error(pop3->input);
	return pop3_fail(pop3, MIGRATION_POP3_TEMPORARY,
			 "The server closed the connection%s%s",
			 error == NULL ? "" : ": ", error == NULL ? "" : error);
}

/* --- reading and writing --- */

static int pop3_read_line(struct migration_pop3 *pop3, const char **line_r)
{
	ssize_t ret;

	while ((*line_r = i_stream_next_line(pop3->input)) == NULL) {
		ret = i_stream_read(pop3->input);
		if (ret == 0 && pop3_wait(pop3, "Waiting for an answer") < 0)
			return -1;
		if (ret == -2) {
			return pop3_fail(pop3, MIGRATION_POP3_TEMPORARY,
					 "The server sent a line without end");
		}
		if (ret == -1) {
			*line_r = i_stream_next_line(pop3->input);
			return *line_r != NULL ? 0 : pop3_lost(pop3);
		}
	}
	return 0;
}

/* The status of an answer. text_r is for people. Returns -1 if the connection
   is lost. */
static int
pop3_read_reply(struct migration_pop3 *pop3, enum migration_pop3_reply *reply_r,
		const char **text_r)
{
	const char *line;

	if (pop3_read_line(pop3, &line) < 0)
		return -1;
	*reply_r = migration_pop3_reply_parse(line, text_r);
	/* some servers repeat what was sent */
	if (strstr(*text_r, migration_secret_get(pop3->set->password)) != NULL)
		*text_r = "(its answer has the password in it)";
	*text_r = *text_r[0] == '\0' ?
			  "(no reason given)" :
			  str_sanitize(*text_r, POP3_MAX_ERROR_BYTES);
	if (*reply_r == MIGRATION_POP3_REPLY_INVALID) {
		return pop3_fail(pop3, MIGRATION_POP3_TEMPORARY,
				 "The server does not speak POP3: %s", *text_r);
	}
	return 0;
}

/* The lines behind the status of an answer. Of more than max_bytes nothing is
   kept. */
static int
pop3_read_lines(struct migration_pop3 *pop3, size_t max_bytes, buffer_t *lines)
{
	struct istream *input = migration_istream_create_dot(pop3->input);
	const unsigned char *data;
	bool failed, too_long = FALSE;
	uoff_t left_out = 0;
	ssize_t ret;
	size_t size;

	while ((ret = i_stream_read(input)) != -1) {
		if (ret == 0 && pop3_wait(pop3, "Waiting for an answer") < 0) {
			i_stream_unref(&input);
			return -1;
		}
		data = i_stream_get_data(input, &size);
		if (lines->used + size > max_bytes)
			too_long = TRUE;
		if (!too_long)
			buffer_append(lines, data, size);
		else if ((left_out += size) > POP3_MAX_LIST_BYTES)
			break;
		i_stream_skip(input, size);
	}
	if (left_out > POP3_MAX_LIST_BYTES) {
		i_stream_unref(&input);
		return pop3_fail(pop3, MIGRATION_POP3_TEMPORARY,
				 "The server's answer is too long");
	}
	failed = input->stream_errno != 0;
	i_stream_unref(&input);
	if (failed)
		return pop3_lost(pop3);
	if (too_long)
		buffer_set_used_size(lines, 0);
	return 0;
}

static void pop3_send(struct migration_pop3 *pop3, const char *command)
{
	const struct const_iovec iov[] = {
		{ command, strlen(command) },
		{ "\r\n", 2 },
	};

	o_stream_nsendv(pop3->output, iov, N_ELEMENTS(iov));
}

static int pop3_command(struct migration_pop3 *pop3, const char *command,
			enum migration_pop3_reply *reply_r, const char **text_r)
{
	pop3_send(pop3, command);
	return pop3_read_reply(pop3, reply_r, text_r);
}

/* --- connecting --- */

static void pop3_set_io(struct migration_pop3 *pop3)
{
	io_remove(&pop3->io);
	pop3->io = io_add_istream(pop3->input, pop3_ready, pop3);
}

static int pop3_start_tls(struct migration_pop3 *pop3)
{
	const struct migration_provider_settings *provider =
		pop3->set->provider;
	struct ssl_iostream_settings base;
	const struct migration_compat_tls tls = {
		.host = provider->pop3_host,
		.ca_file = migration_remote_get_ca_file(provider),
		.verify = provider->ssl_verify,
		.event = pop3->user->event,
		.base = &base,
	};
	const char *error;

	/* there must be none while the streams are made */
	io_remove(&pop3->io);
	migration_compat_tls_user_base(pop3->user, &base);
	if (migration_compat_tls_client(&tls, &pop3->input, &pop3->output,
					&pop3->ssl_ctx, &pop3->ssl_iostream,
					&error) < 0) {
		return pop3_fail(pop3, MIGRATION_POP3_TEMPORARY,
				 "TLS cannot be used: %s", error);
	}
	pop3_set_io(pop3);
	if (ssl_iostream_handshake(pop3->ssl_iostream) < 0)
		return pop3_lost(pop3);
	return 0;
}

/* Returns 0, or -1 if this address cannot be reached. */
static int pop3_connect_ip(struct migration_pop3 *pop3,
			   const struct ip_addr *ip, const char **error_r)
{
	const in_port_t port = pop3->set->provider->pop3_port;
	int err;

	*error_r = NULL;
	pop3->fd = net_connect_ip(ip, port, NULL);
	err = errno;
	if (pop3->fd != -1) {
		pop3->io = io_add(pop3->fd, IO_WRITE, pop3_ready, pop3);
		if (pop3_wait(pop3, t_strdup_printf("connect(%s, %u)",
						    net_ip2addr(ip), port)) < 0)
			return -1;
		io_remove(&pop3->io);
		err = net_geterror(pop3->fd);
	}
	if (err == 0)
		return 0;
	i_close_fd(&pop3->fd);
	*error_r = t_strdup_printf("connect(%s, %u) failed: %s",
				   net_ip2addr(ip), port, strerror(err));
	return -1;
}

static int pop3_connect_host(struct migration_pop3 *pop3)
{
	struct ip_addr *ips;
	unsigned int i, count;
	const char *error = NULL;
	int ret;

	ret = net_gethostbyname(pop3->set->provider->pop3_host, &ips, &count);
	if (ret != 0) {
		return pop3_fail(pop3, MIGRATION_POP3_TEMPORARY,
				 "The host name cannot be resolved: %s",
				 net_gethosterror(ret));
	}
	for (i = 0; i < count; i++) {
		if (pop3_connect_ip(pop3, &ips[i], &error) == 0)
			return 0;
		if (pop3->result == MIGRATION_POP3_TEMPORARY && i + 1 < count) {
			/* it timed out; another address may not */
			pop3->result = MIGRATION_POP3_OK;
		} else if (pop3->result != MIGRATION_POP3_OK) {
			return -1;
		}
	}
	return pop3_fail(pop3, MIGRATION_POP3_TEMPORARY, "%s", error);
}

static int pop3_read_greeting(struct migration_pop3 *pop3)
{
	enum migration_pop3_reply reply;
	const char *text;

	if (pop3_read_reply(pop3, &reply, &text) < 0)
		return -1;
	if (reply == MIGRATION_POP3_REPLY_OK)
		return 0;
	return pop3_fail(pop3,
			 reply == MIGRATION_POP3_REPLY_FINAL ?
				 MIGRATION_POP3_REFUSED :
				 MIGRATION_POP3_TEMPORARY,
			 "The server does not serve us: %s", text);
}

static int pop3_stls(struct migration_pop3 *pop3)
{
	enum migration_pop3_reply reply;
	const char *text;

	if (pop3_command(pop3, "STLS", &reply, &text) < 0)
		return -1;
	if (reply != MIGRATION_POP3_REPLY_OK) {
		return pop3_fail(pop3, MIGRATION_POP3_TEMPORARY,
				 "The server refuses STLS: %s", text);
	}
	if (i_stream_get_data_size(pop3->input) > 0) {
		return pop3_fail(pop3, MIGRATION_POP3_TEMPORARY,
				 "The server sent something before TLS");
	}
	return pop3_start_tls(pop3);
}

static int pop3_connect(struct migration_pop3 *pop3)
{
	const char *ssl = pop3->set->provider->pop3_ssl;

	pop3->timeout_msecs = POP3_CONNECT_TIMEOUT_MSECS;
	if (pop3_connect_host(pop3) < 0)
		return -1;
	pop3->input = i_stream_create_fd(pop3->fd, POP3_MAX_LINE_BYTES);
	pop3->output = o_stream_create_fd(pop3->fd, SIZE_MAX);
	o_stream_set_no_error_handling(pop3->output, TRUE);
	pop3_set_io(pop3);
	if (strcmp(ssl, "pop3s") == 0 && pop3_start_tls(pop3) < 0)
		return -1;
	if (pop3_read_greeting(pop3) < 0)
		return -1;
	return strcmp(ssl, "starttls") == 0 ? pop3_stls(pop3) : 0;
}

/* --- logging in --- */

static int pop3_capa(struct migration_pop3 *pop3)
{
	enum migration_pop3_reply reply;
	const char *text, *const *lines;
	buffer_t *data;

	if (pop3_command(pop3, "CAPA", &reply, &text) < 0)
		return -1;
	pop3->capabilities = 0;
	pop3->no_capa = reply != MIGRATION_POP3_REPLY_OK;
	if (pop3->no_capa)
		return 0;
	data = t_buffer_create(1024);
	if (pop3_read_lines(pop3, POP3_MAX_LIST_BYTES, data) < 0)
		return -1;
	lines = t_strsplit_spaces(str_c(data), "\r\n");
	for (; *lines != NULL; lines++)
		pop3->capabilities |= migration_pop3_reply_capability(*lines);
	return 0;
}

static void pop3_send_pass(struct migration_pop3 *pop3)
{
	const struct migration_secret *password = pop3->set->password;
	const struct const_iovec iov[] = {
		{ "PASS ", 5 },
		{ migration_secret_get(password),
		  migration_secret_get_size(password) },
		{ "\r\n", 2 },
	};

	o_stream_nsendv(pop3->output, iov, N_ELEMENTS(iov));
}

static void pop3_send_plain(struct migration_pop3 *pop3)
{
	const struct migration_remote_settings *set = pop3->set;
	const char *authzid = set->master_user == NULL ? "" : set->remote_user;
	const char *authid = set->master_user == NULL ? set->remote_user :
							set->master_user;
	const size_t size = strlen(authzid) + 1 + strlen(authid) + 1 +
			    migration_secret_get_size(set->password);
	/* neither of them grows */
	buffer_t *plain = buffer_create_dynamic(default_pool, size);
	buffer_t *base64 =
		buffer_create_dynamic(default_pool,
				      MAX_BASE64_ENCODED_SIZE(size) + 3);

	/* with their NULs */
	buffer_append(plain, authzid, strlen(authzid) + 1);
	buffer_append(plain, authid, strlen(authid) + 1);
	buffer_append(plain, migration_secret_get(set->password),
		      migration_secret_get_size(set->password));
	base64_encode(plain->data, plain->used, base64);
	buffer_append(base64, "\r\n", 2);
	o_stream_nsend(pop3->output, base64->data, base64->used);
	safe_memset(buffer_get_modifiable_data(plain, NULL), 0, plain->used);
	safe_memset(buffer_get_modifiable_data(base64, NULL), 0, base64->used);
	buffer_free(&plain);
	buffer_free(&base64);
}

/* Says what the server made of a step of the login. Returns 0, or -1. */
static int pop3_check_login(struct migration_pop3 *pop3,
			    enum migration_pop3_reply reply, const char *text)
{
	if (reply == MIGRATION_POP3_REPLY_OK)
		return 0;
	return pop3_fail(pop3,
			 reply == MIGRATION_POP3_REPLY_TEMPORARY ?
				 MIGRATION_POP3_TEMPORARY :
				 MIGRATION_POP3_REFUSED,
			 "The login is refused: %s", text);
}

static int pop3_login_user(struct migration_pop3 *pop3)
{
	enum migration_pop3_reply reply;
	const char *text;

	if (pop3_command(pop3,
			 t_strconcat("USER ", pop3->set->remote_user, NULL),
			 &reply, &text) < 0 ||
	    pop3_check_login(pop3, reply, text) < 0)
		return -1;
	/* it may have to look for all messages first */
	pop3->timeout_msecs = POP3_COMMAND_TIMEOUT_MSECS;
	pop3_send_pass(pop3);
	if (pop3_read_reply(pop3, &reply, &text) < 0)
		return -1;
	return pop3_check_login(pop3, reply, text);
}

static int pop3_login_plain(struct migration_pop3 *pop3)
{
	enum migration_pop3_reply reply;
	const char *line, *text;

	pop3_send(pop3, "AUTH PLAIN");
	if (pop3_read_line(pop3, &line) < 0)
		return -1;
	if (*line != '+') {
		reply = migration_pop3_reply_parse(line, &text);
		return pop3_check_login(pop3, reply,
					str_sanitize(text,
						     POP3_MAX_ERROR_BYTES));
	}
	pop3->timeout_msecs = POP3_COMMAND_TIMEOUT_MSECS;
	pop3_send_plain(pop3);
	if (pop3_read_line(pop3, &line) < 0)
		return -1;
	reply = migration_pop3_reply_parse(line, &text);
	/* some servers repeat what was sent, with the password in it */
	return pop3_check_login(pop3, reply, "AUTH PLAIN was refused");
}

static int pop3_login(struct migration_pop3 *pop3)
{
	const enum migration_pop3_capability methods =
		MIGRATION_POP3_CAPABILITY_USER |
		MIGRATION_POP3_CAPABILITY_SASL_PLAIN;

	if (!migration_secret_is_sendable(pop3->set->password)) {
		return pop3_fail(pop3, MIGRATION_POP3_REFUSED,
				 "The password cannot be sent over POP3");
	}
	if (pop3_connect(pop3) < 0 || pop3_capa(pop3) < 0)
		return -1;
	if (pop3->set->master_user != NULL ||
	    (pop3->capabilities & methods) ==
		    MIGRATION_POP3_CAPABILITY_SASL_PLAIN) {
		if (pop3_login_plain(pop3) < 0)
			return -1;
	} else if (pop3_login_user(pop3) < 0) {
		return -1;
	}
	pop3->logged_in = TRUE;
	/* what it has said before the login may be less */
	return pop3_capa(pop3);
}

/* --- what there is --- */

static int pop3_get_lines(struct migration_pop3 *pop3, const char *command,
			  buffer_t *lines)
{
	enum migration_pop3_reply reply;
	const char *text;

	if (pop3_command(pop3, command, &reply, &text) < 0)
		return -1;
	if (reply != MIGRATION_POP3_REPLY_OK) {
		return pop3_fail(pop3,
				 reply == MIGRATION_POP3_REPLY_TEMPORARY ?
					 MIGRATION_POP3_TEMPORARY :
					 MIGRATION_POP3_REFUSED,
				 "The server refuses %s: %s", command, text);
	}
	return pop3_read_lines(pop3, POP3_MAX_LIST_BYTES, lines);
}

/* Cuts the next line off; NULL if there is none. */
static char *pop3_next_line(char **lines)
{
	char *line = *lines, *end;

	if (*line == '\0')
		return NULL;
	end = strchr(line, '\n');
	if (end == NULL) {
		*lines = line + strlen(line);
		return line;
	}
	*lines = end + 1;
	if (end > line && end[-1] == '\r')
		end--;
	*end = '\0';
	return line;
}

/* Whoever gives the same UIDL twice, gives it to the first one. */
static void pop3_parse_uidls(char *lines, pool_t pool,
			     ARRAY_TYPE(migration_pop3_mail) *mails)
{
	HASH_TABLE(const char *, void *) seen;
	struct migration_pop3_mail *mail;
	unsigned int number, last = 0;
	const char *line, *uidl;
	int ret;

	hash_table_create(&seen, default_pool, 0, str_hash, strcmp);
	while ((line = pop3_next_line(&lines)) != NULL) {
		ret = migration_pop3_reply_uidl(line, &number, &uidl);
		if (ret < 0 || number <= last)
			continue;
		last = number;
		mail = array_append_space(mails);
		mail->number = number;
		mail->size = UOFF_T_MAX;
		if (ret == 0 || hash_table_lookup(seen, uidl) != NULL)
			continue;
		mail->uidl = p_strdup(pool, uidl);
		hash_table_insert(seen, mail->uidl, POINTER_CAST(1));
	}
	hash_table_destroy(&seen);
}

static int pop3_mail_number_cmp(const unsigned int *number,
				const struct migration_pop3_mail *mail)
{
	if (*number == mail->number)
		return 0;
	return *number < mail->number ? -1 : 1;
}

static void
pop3_parse_sizes(char *lines, ARRAY_TYPE(migration_pop3_mail) *mails)
{
	const struct migration_pop3_mail *found;
	struct migration_pop3_mail *mail;
	unsigned int number;
	const char *line;
	uoff_t size;

	while ((line = pop3_next_line(&lines)) != NULL) {
		if (migration_pop3_reply_list(line, &number, &size) < 0)
			continue;
		found = array_bsearch(mails, &number, pop3_mail_number_cmp);
		if (found == NULL)
			continue;
		mail = array_idx_modifiable(mails,
					    array_ptr_to_idx(mails, found));
		mail->size = size;
	}
}

static int pop3_list(struct migration_pop3 *pop3, pool_t pool,
		     ARRAY_TYPE(migration_pop3_mail) *mails)
{
	buffer_t *lines = buffer_create_dynamic(default_pool, 1024 * 64);
	int ret;

	ret = pop3_get_lines(pop3, "UIDL", lines);
	if (ret == 0) {
		pop3_parse_uidls(str_c_modifiable(lines), pool, mails);
		buffer_set_used_size(lines, 0);
		ret = pop3_get_lines(pop3, "LIST", lines);
	}
	if (ret == 0)
		pop3_parse_sizes(str_c_modifiable(lines), mails);
	buffer_free(&lines);
	return ret;
}

static int
pop3_read_header(struct migration_pop3 *pop3, struct migration_pop3_mail *mail)
{
	enum migration_pop3_reply reply;
	struct istream *input;
	const char *text;
	buffer_t *header;
	int ret;

	if (pop3_read_reply(pop3, &reply, &text) < 0)
		return -1;
	if (reply != MIGRATION_POP3_REPLY_OK)
		return 0;
	header = buffer_create_dynamic(default_pool, 4096);
	ret = pop3_read_lines(pop3, POP3_MAX_HEADER_BYTES, header);
	if (ret == 0 && header->used > 0) {
		input = i_stream_create_from_data(header->data, header->used);
		mail->has_hash = migration_header_hash(input, mail->hash) == 0;
		i_stream_unref(&input);
	}
	buffer_free(&header);
	return ret;
}

static int pop3_hash_headers(struct migration_pop3 *pop3,
			     ARRAY_TYPE(migration_pop3_mail) *mails)
{
	const unsigned int window =
		(pop3->capabilities & MIGRATION_POP3_CAPABILITY_PIPELINING) !=
				0 ?
			POP3_PIPELINE :
			1;
	struct migration_pop3_mail *mail;
	unsigned int asked, answered, waiting = 0, count;
	int ret = 0;

	mail = array_get_modifiable(mails, &count);
	for (asked = answered = 0; answered < count && ret == 0;) {
		for (; asked < count && waiting < window; asked++) {
			if (!mail[asked].want_hash)
				continue;
			pop3_send(pop3, t_strdup_printf("TOP %u 0",
							mail[asked].number));
			waiting++;
		}
		if (mail[answered].want_hash)
			T_BEGIN
			{
				ret = pop3_read_header(pop3, &mail[answered]);
				waiting--;
			}
		T_END;
		answered++;
	}
	return ret;
}

/* --- public --- */

struct migration_pop3 *
migration_pop3_init(const struct migration_remote_settings *set,
		    struct mail_user *user, bool (*is_stopped)(void *context),
		    void *context)
{
	struct migration_pop3 *pop3;
	struct ioloop *ioloop = current_ioloop;
	pool_t pool;

	pool = pool_alloconly_create("migration pop3", 1024);
	pop3 = p_new(pool, struct migration_pop3, 1);
	pop3->pool = pool;
	pop3->set = set;
	pop3->user = user;
	pop3->is_stopped = is_stopped;
	pop3->context = context;
	pop3->fd = -1;
	pop3->error = "";
	pop3->ioloop = io_loop_create();
	io_loop_set_current(ioloop);
	return pop3;
}

static void pop3_quit(struct migration_pop3 *pop3)
{
	enum migration_pop3_reply reply;
	const char *text;

	pop3->timeout_msecs = POP3_QUIT_TIMEOUT_MSECS;
	(void)pop3_command(pop3, "QUIT", &reply, &text);
}

void migration_pop3_deinit(struct migration_pop3 **_pop3)
{
	struct migration_pop3 *pop3 = *_pop3;

	*_pop3 = NULL;
	io_loop_set_current(pop3->ioloop);
	if (pop3->logged_in && pop3->result == MIGRATION_POP3_OK)
		pop3_quit(pop3);
	pop3_disconnect(pop3);
	if (pop3->ssl_ctx != NULL)
		ssl_iostream_context_unref(&pop3->ssl_ctx);
	io_loop_destroy(&pop3->ioloop);
	pool_unref(&pop3->pool);
}

enum migration_pop3_result migration_pop3_login(struct migration_pop3 *pop3)
{
	struct ioloop *ioloop = current_ioloop;

	io_loop_set_current(pop3->ioloop);
	(void)pop3_login(pop3);
	io_loop_set_current(ioloop);
	return pop3->result;
}

enum migration_pop3_result
migration_pop3_list(struct migration_pop3 *pop3, pool_t pool,
		    ARRAY_TYPE(migration_pop3_mail) *mails)
{
	struct ioloop *ioloop = current_ioloop;

	if (pop3->result != MIGRATION_POP3_OK)
		return pop3->result;
	io_loop_set_current(pop3->ioloop);
	(void)pop3_list(pop3, pool, mails);
	io_loop_set_current(ioloop);
	return pop3->result;
}

bool migration_pop3_have_headers(const struct migration_pop3 *pop3)
{
	/* servers without CAPA may well have it */
	return pop3->no_capa ||
	       (pop3->capabilities & MIGRATION_POP3_CAPABILITY_TOP) != 0;
}

enum migration_pop3_result
migration_pop3_hash_headers(struct migration_pop3 *pop3,
			    ARRAY_TYPE(migration_pop3_mail) *mails)
{
	struct ioloop *ioloop = current_ioloop;

	if (pop3->result != MIGRATION_POP3_OK)
		return pop3->result;
	io_loop_set_current(pop3->ioloop);
	(void)pop3_hash_headers(pop3, mails);
	io_loop_set_current(ioloop);
	return pop3->result;
}

const char *migration_pop3_get_error(const struct migration_pop3 *pop3)
{
	return t_strdup_printf("%s:%u: %s", pop3->set->provider->pop3_host,
			       pop3->set->provider->pop3_port, pop3->error);
}
