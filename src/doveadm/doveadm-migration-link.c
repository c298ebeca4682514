/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "ioloop.h"
#include "istream.h"
#include "net.h"
#include "ostream.h"
#include "time-util.h"
#include "doveadm.h"
#include "doveadm-settings.h"
#include "migration-compat-tls.h"
#include "migration-limits.h"
#include "doveadm-migration-link.h"

struct doveadm_migration_link {
	struct doveadm_migration_link_settings set;
	const struct doveadm_migration_link_vfuncs *vfuncs;
	void *context;

	struct ip_addr *ips;
	unsigned int ips_count, ip_idx;

	int fd;
	struct io *io;
	struct istream *input;
	struct ostream *output;
	struct ssl_iostream_context *ssl_ctx;
	struct ssl_iostream *ssl;

	struct timeval deadline;
	/* the whole, and one address of several */
	struct timeout *to, *to_connect;

	/* the stream may not get beyond this offset */
	uoff_t max_offset;
	uoff_t skip;

	/* what is wrong with the certificate, checked or not */
	char *cert_error;
	bool cert_refused:1;
	bool secured:1;
	bool stopped:1;
};

static void link_connect_next(struct doveadm_migration_link *link);

struct doveadm_migration_link *
doveadm_migration_link_init(const struct doveadm_migration_link_settings *set,
			    const struct doveadm_migration_link_vfuncs *vfuncs,
			    void *context)
{
	struct doveadm_migration_link *link;

	link = i_new(struct doveadm_migration_link, 1);
	link->set = *set;
	link->vfuncs = vfuncs;
	link->context = context;
	link->fd = -1;
	return link;
}

static void link_disconnect(struct doveadm_migration_link *link)
{
	io_remove(&link->io);
	ssl_iostream_destroy(&link->ssl);
	i_stream_destroy(&link->input);
	o_stream_destroy(&link->output);
	if (link->fd != -1)
		net_disconnect(link->fd);
	link->fd = -1;
}

void doveadm_migration_link_deinit(struct doveadm_migration_link **_link)
{
	struct doveadm_migration_link *link = *_link;

	if (link == NULL)
		return;
	*_link = NULL;
	doveadm_migration_link_stop(link);
	link_disconnect(link);
	ssl_iostream_context_unref(&link->ssl_ctx);
	i_free(link->ips);
	i_free(link->cert_error);
	i_free(link);
}

void doveadm_migration_link_stop(struct doveadm_migration_link *link)
{
	link->stopped = TRUE;
	io_remove(&link->io);
	timeout_remove(&link->to);
	timeout_remove(&link->to_connect);
}

static void link_fail(struct doveadm_migration_link *link,
		      enum migration_transport transport, const char *error)
{
	if (link->stopped)
		return;
	doveadm_migration_link_stop(link);
	link->vfuncs->failed(transport, error, link->context);
}

static void link_expired(struct doveadm_migration_link *link)
{
	link_fail(link, MIGRATION_TRANSPORT_TIMEOUT,
		  t_strdup_printf(
			  "not done within %u.%03u s (migration_login_timeout)",
			  link->set.timeout_msecs / 1000,
			  link->set.timeout_msecs % 1000));
}

static int link_msecs_left(const struct doveadm_migration_link *link)
{
	struct timeval now;

	/* ioloop_timeval stands still while a name is looked up */
	i_gettimeofday(&now);
	return timeval_diff_msecs(&link->deadline, &now);
}

/* --- TLS --- */

/* lib-ssl-iostream hints at settings that are not ours. */
static const char *link_cut_hint(const char *error)
{
	const char *start, *end;

	start = strstr(error, " (check ssl_client_ca_");
	if (start == NULL)
		start = strstr(error, " (ssl_client_ca_");
	if (start == NULL || (end = strchr(start, ')')) == NULL)
		return error;
	return t_strconcat(t_strdup_until(error, start), end + 1, NULL);
}

static int link_tls_handshaked(const char **error_r, void *context)
{
	struct doveadm_migration_link *link = context;
	const char *error;

	if (ssl_iostream_check_cert_validity(link->ssl, link->set.host,
					     &error) == 0)
		return 0;
	i_free(link->cert_error);
	link->cert_error = i_strdup(link_cut_hint(error));
	if (!link->set.verify)
		return 0;
	link->cert_refused = TRUE;
	*error_r = link->cert_error;
	return -1;
}

static void link_tls_failed(struct doveadm_migration_link *link)
{
	const char *error = ssl_iostream_get_last_error(link->ssl);

	if (link->cert_refused) {
		link_fail(link, MIGRATION_TRANSPORT_CERTIFICATE,
			  link->cert_error);
	} else {
		link_fail(link, MIGRATION_TRANSPORT_TLS,
			  error != NULL ? error : "connection closed");
	}
}

static void link_secured(struct doveadm_migration_link *link)
{
	const char *detail = ssl_iostream_get_security_string(link->ssl);

	link->secured = TRUE;
	if (link->set.verify) {
		detail = t_strdup_printf("%s, certificate is valid for %s",
					 detail, link->set.host);
	} else {
		detail = t_strdup_printf(
			"%s, certificate not verified (ssl_verify = no)%s%s",
			detail,
			link->cert_error == NULL ? "" :
						   ", it would be refused: ",
			link->cert_error == NULL ? "" : link->cert_error);
	}
	link->vfuncs->event(DOVEADM_MIGRATION_LINK_SECURED, detail,
			    link->context);
}

static int
link_tls_init(struct doveadm_migration_link *link, const char **error_r)
{
	struct ssl_iostream_settings base;
	const struct migration_compat_tls tls = {
		.host = link->set.host,
		.ca_file = link->set.ca_file,
		.verify = link->set.verify,
		.base = &base,
	};

	migration_compat_tls_doveadm_base(&base);
	if (migration_compat_tls_client(&tls, &link->input, &link->output,
					&link->ssl_ctx, &link->ssl,
					error_r) < 0)
		return -1;
	ssl_iostream_set_handshake_callback(link->ssl, link_tls_handshaked,
					    link);
	return 0;
}

/* --- lines --- */

/* Takes one line out of the buffer. Returns FALSE if there is none yet. */
static bool link_next_line(struct doveadm_migration_link *link)
{
	const unsigned char *data, *end;
	size_t size, skip;

	data = i_stream_get_data(link->input, &size);
	skip = I_MIN(size, link->skip);
	if (skip > 0) {
		link->skip -= skip;
		i_stream_skip(link->input, skip);
		return TRUE;
	}
	end = memchr(data, '\n', size);
	if (end == NULL)
		return FALSE;
	size = end - data;
	data = p_memdup(pool_datastack_create(), data, size + 1);
	i_stream_skip(link->input, size + 1);
	if (size > 0 && data[size - 1] == '\r')
		size--;
	link->vfuncs->line(data, size, link->context);
	return TRUE;
}

static void link_read_failed(struct doveadm_migration_link *link)
{
	if (link->ssl != NULL && !link->secured) {
		link_tls_failed(link);
	} else {
		link_fail(link, MIGRATION_TRANSPORT_CLOSED,
			  link->input->stream_errno == 0 ?
				  "" :
				  i_stream_get_error(link->input));
	}
}

static void link_input(struct doveadm_migration_link *link)
{
	ssize_t ret;
	bool more = TRUE;

	ret = i_stream_read(link->input);
	if (link->ssl != NULL && !link->secured &&
	    ssl_iostream_is_handshaked(link->ssl))
		link_secured(link);

	if (link->input->v_offset + i_stream_get_data_size(link->input) >
	    link->max_offset) {
		link_fail(link, MIGRATION_TRANSPORT_GARBAGE,
			  "the server sends too much");
	}
	while (more && !link->stopped)
		T_BEGIN
		{
			more = link_next_line(link);
		}
	T_END;

	if (link->stopped)
		return;
	if (ret == -2) {
		link_fail(link, MIGRATION_TRANSPORT_GARBAGE,
			  "the server sends a line without an end");
	} else if (ret == -1) {
		link_read_failed(link);
	}
}

void doveadm_migration_link_send(struct doveadm_migration_link *link,
				 const void *data, size_t size)
{
	o_stream_nsend(link->output, data, size);
}

void doveadm_migration_link_skip(struct doveadm_migration_link *link,
				 uoff_t size)
{
	if (size > link->max_offset) {
		link_fail(link, MIGRATION_TRANSPORT_GARBAGE,
			  "the server announces too much");
		return;
	}
	link->skip = size;
}

void doveadm_migration_link_set_budget(struct doveadm_migration_link *link,
				       uoff_t bytes)
{
	link->max_offset = link->input->v_offset +
			   i_stream_get_data_size(link->input) + bytes;
}

void doveadm_migration_link_start_tls(struct doveadm_migration_link *link)
{
	const char *error;
	int ret;

	if (i_stream_get_data_size(link->input) > 0) {
		link_fail(link, MIGRATION_TRANSPORT_GARBAGE,
			  "the server sends unencrypted data after the answer "
			  "to STARTTLS");
		return;
	}
	io_remove(&link->io);
	if (link_tls_init(link, &error) < 0) {
		link_fail(link, MIGRATION_TRANSPORT_INTERNAL,
			  link_cut_hint(error));
		return;
	}
	/* offsets start again with the new stream */
	doveadm_migration_link_set_budget(link, MIGRATION_MAX_ANSWER_BYTES);
	link->io = io_add_istream(link->input, link_input, link);
	ret = ssl_iostream_handshake(link->ssl);
	if (ret < 0)
		link_tls_failed(link);
	else if (ret > 0)
		link_secured(link);
}

/* --- connecting --- */

static void link_connected(struct doveadm_migration_link *link)
{
	const struct ip_addr *ip = &link->ips[link->ip_idx - 1];

	io_remove(&link->io);
	timeout_remove(&link->to_connect);
	link->input = i_stream_create_fd(link->fd, MIGRATION_MAX_ANSWER_BYTES);
	link->output = o_stream_create_fd(link->fd, SIZE_MAX);
	o_stream_set_no_error_handling(link->output, TRUE);
	doveadm_migration_link_set_budget(link, MIGRATION_MAX_ANSWER_BYTES);
	link->vfuncs->event(DOVEADM_MIGRATION_LINK_CONNECTED,
			    t_strdup_printf(ip->family == AF_INET6 ? "[%s]:%u" :
								     "%s:%u",
					    net_ip2addr(ip), link->set.port),
			    link->context);
	if (link->set.tls_at_once)
		doveadm_migration_link_start_tls(link);
	else
		link->io = io_add_istream(link->input, link_input, link);
}

static void
link_connect_failed(struct doveadm_migration_link *link, const char *error)
{
	const struct ip_addr *ip = &link->ips[link->ip_idx - 1];

	link_disconnect(link);
	timeout_remove(&link->to_connect);
	if (link->ip_idx < link->ips_count) {
		link_connect_next(link);
	} else {
		link_fail(link, MIGRATION_TRANSPORT_CONNECT,
			  t_strdup_printf("%s port %u: %s", net_ip2addr(ip),
					  link->set.port, error));
	}
}

static void link_connect_expired(struct doveadm_migration_link *link)
{
	link_connect_failed(link, "no answer");
}

static void link_connect_finished(struct doveadm_migration_link *link)
{
	int err = net_geterror(link->fd);

	if (err != 0)
		link_connect_failed(link, strerror(err));
	else
		link_connected(link);
}

static void link_connect_next(struct doveadm_migration_link *link)
{
	unsigned int left = link->ips_count - link->ip_idx;
	int msecs = link_msecs_left(link);

	link->fd = net_connect_ip(&link->ips[link->ip_idx++], link->set.port,
				  NULL);
	if (link->fd == -1) {
		link_connect_failed(link, strerror(errno));
		return;
	}
	link->io = io_add(link->fd, IO_WRITE, link_connect_finished, link);
	/* a dead address must leave time for the others */
	if (left > 1) {
		link->to_connect = timeout_add(I_MAX(msecs, 1) / left,
					       link_connect_expired, link);
	}
}

static int link_resolve(struct doveadm_migration_link *link)
{
	struct ip_addr *ips;
	const char *detail = "";
	unsigned int i, count;
	int ret;

	ret = net_gethostbyname(link->set.host, &ips, &count);
	if (ret != 0) {
		link_fail(link, MIGRATION_TRANSPORT_DNS,
			  t_strdup_printf("%s: %s", link->set.host,
					  net_gethosterror(ret)));
		return -1;
	}
	link->ips = i_new(struct ip_addr, count);
	memcpy(link->ips, ips, sizeof(*ips) * count);
	link->ips_count = count;
	for (i = 0; i < count; i++) {
		detail = t_strconcat(detail, i == 0 ? "" : " ",
				     net_ip2addr(&ips[i]), NULL);
	}
	link->vfuncs->event(DOVEADM_MIGRATION_LINK_RESOLVED, detail,
			    link->context);
	return 0;
}

void doveadm_migration_link_connect(struct doveadm_migration_link *link)
{
	int msecs;

	i_gettimeofday(&link->deadline);
	timeval_add_msecs(&link->deadline, link->set.timeout_msecs);
	/* Waits, as doveadm may. The resolver has limits of its own, and what
	   it takes is missing afterwards. */
	if (link_resolve(link) < 0)
		return;
	/* timeouts count from there, and somebody may have taken their time
	   to type a password */
	io_loop_time_refresh();
	msecs = link_msecs_left(link);
	if (msecs <= 0) {
		link_expired(link);
		return;
	}
	link->to = timeout_add(msecs, link_expired, link);
	link_connect_next(link);
}
