/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "ioloop.h"
#include "llist.h"
#include "str-sanitize.h"
#include "time-util.h"
#include "migration-curl.h"
#include "migration-compat-curl.h"
#include "migration-limits.h"
#include "migration-provider-status.h"
#include "migration-reply.h"
#include "migration-secret.h"
#include "migration-settings.h"
#include "migration-probe.h"

/* Only this can be asked by somebody who is really logged in. */
#define PROBE_SESSION_COMMAND "LIST \"\" \"\""

/* libcurl remembers the address of a host name for 60 seconds. */
#define PROBE_RESOLVED_SECS 50

/* Checks of one provider that run, and those that wait behind them. */
struct probe_line {
	struct probe_line *prev, *next;
	struct migration_prober *prober;
	struct migration_breaker breaker;
	const struct migration_provider_settings *provider;
	struct migration_probe *waiting_head, *waiting_tail;
	unsigned int running, waiting;

	/* The host's name is resolved by one check for all: libcurl makes a
	   thread for each that needs it at the same time, and auth has not the
	   memory for many. The others wait in line. */
	struct migration_probe *resolving;
	time_t resolved;
	struct timeout *to_run;
};

struct migration_prober {
	struct migration_prober_settings set;
	struct migration_curl *curl;
	struct probe_line *lines;
};

struct migration_probe {
	struct migration_probe *prev, *next;
	struct migration_prober *prober;
	struct probe_line *line;
	char *user;
	struct migration_secret *secret;
	migration_probe_callback_t *callback;
	void *context;

	CURL *easy;
	struct timeout *to;
	struct timeval deadline;
	const char *mechanism;
	enum migration_probe_limit limit;
	bool in_waiting:1;
	/* the breaker waits to be told how it ended */
	bool sent:1;
	bool trial:1;
	/* most of its time was spent in line */
	bool late:1;

	/* what this attempt has seen so far */
	struct migration_contact contact;
	unsigned int lines, bytes, tagged;
	char tag_letter;
	char *login_code;
	/* the provider's own words */
	char *text;
	bool greeting_seen:1;
	bool has_plain:1;
	/* libcurl is told to stop: either all is known or it is garbage */
	bool stop:1;
};

static void probe_start_attempt(struct migration_probe *probe);
static void probe_run_next(struct probe_line *line);

/* libcurl numbers its commands from 1: CAPABILITY, then with STARTTLS that
   and CAPABILITY again, then the login, then ours. */
static unsigned int probe_login_number(const struct migration_probe *probe)
{
	return strcmp(probe->line->provider->ssl, "starttls") == 0 ? 4 : 2;
}

static void
probe_stop(struct migration_probe *probe, enum migration_transport transport)
{
	probe->contact.transport = transport;
	probe->stop = TRUE;
}

static void probe_set_text(struct migration_probe *probe, const char *text)
{
	i_free(probe->text);
	probe->text = i_strdup(text);
}

static void probe_greeting(struct migration_probe *probe,
			   const struct migration_reply *reply)
{
	probe->greeting_seen = TRUE;
	probe_set_text(probe, reply->text);
	if (reply->kind != MIGRATION_REPLY_UNTAGGED) {
		probe_stop(probe, MIGRATION_TRANSPORT_GARBAGE);
		return;
	}
	switch (reply->status) {
	case MIGRATION_REPLY_STATUS_OK:
		probe->contact.greeting_ok = TRUE;
		return;
	case MIGRATION_REPLY_STATUS_PREAUTH:
		probe->contact.greeting_preauth = TRUE;
		probe_stop(probe, MIGRATION_TRANSPORT_OK);
		return;
	case MIGRATION_REPLY_STATUS_BYE:
		probe_stop(probe, MIGRATION_TRANSPORT_OK);
		return;
	case MIGRATION_REPLY_STATUS_NO:
	case MIGRATION_REPLY_STATUS_BAD:
	case MIGRATION_REPLY_STATUS_NONE:
		probe_stop(probe, MIGRATION_TRANSPORT_GARBAGE);
		return;
	}
}

/* A001, A002, ... in order and nothing between: else somebody answers what was
   not asked. */
static bool probe_tag_is_next(struct migration_probe *probe, const char *tag)
{
	unsigned int number;

	if (str_to_uint(tag + 1, &number) < 0 || number != probe->tagged + 1)
		return FALSE;
	if (probe->tagged == 0)
		probe->tag_letter = tag[0];
	return tag[0] == probe->tag_letter;
}

static void probe_login_answer(struct migration_probe *probe,
			       const struct migration_reply *reply)
{
	probe_set_text(probe, reply->text);
	switch (reply->status) {
	case MIGRATION_REPLY_STATUS_OK:
		probe->contact.login = MIGRATION_ANSWER_OK;
		return;
	case MIGRATION_REPLY_STATUS_NO:
		probe->contact.login = MIGRATION_ANSWER_NO;
		break;
	case MIGRATION_REPLY_STATUS_BAD:
		probe->contact.login = MIGRATION_ANSWER_BAD;
		break;
	case MIGRATION_REPLY_STATUS_BYE:
	case MIGRATION_REPLY_STATUS_PREAUTH:
	case MIGRATION_REPLY_STATUS_NONE:
		i_unreached();
	}
	probe->login_code = i_strdup(reply->code);
	probe->contact.login_code = probe->login_code;
	probe_stop(probe, MIGRATION_TRANSPORT_OK);
}

static void
probe_tagged(struct migration_probe *probe, const struct migration_reply *reply)
{
	unsigned int login = probe_login_number(probe);

	if (!probe_tag_is_next(probe, reply->tag)) {
		probe_stop(probe, MIGRATION_TRANSPORT_GARBAGE);
		return;
	}
	probe->tagged++;
	if (probe->tagged == login)
		probe_login_answer(probe, reply);
	else if (probe->tagged == login + 1) {
		probe_set_text(probe, reply->text);
		probe->contact.session_ok = reply->status ==
					    MIGRATION_REPLY_STATUS_OK;
		/* Ending it here also keeps libcurl from waiting for the
		   answer to a LOGOUT, which it does without returning to the
		   ioloop. */
		probe_stop(probe, MIGRATION_TRANSPORT_OK);
	}
}

static void probe_line_received(struct migration_probe *probe, const void *data,
				size_t size)
{
	struct migration_reply reply;

	probe->bytes += size;
	if (++probe->lines > MIGRATION_MAX_ANSWER_LINES ||
	    probe->bytes > MIGRATION_MAX_ANSWER_BYTES) {
		probe_stop(probe, MIGRATION_TRANSPORT_GARBAGE);
		return;
	}
	migration_reply_parse(data, size, &reply);
	if (reply.literal) {
		/* libcurl would read the literal's lines as answers */
		probe_stop(probe, MIGRATION_TRANSPORT_GARBAGE);
		return;
	}
	if (!probe->greeting_seen) {
		probe_greeting(probe, &reply);
		return;
	}
	switch (reply.kind) {
	case MIGRATION_REPLY_TAGGED:
		probe_tagged(probe, &reply);
		break;
	case MIGRATION_REPLY_UNTAGGED:
		if (reply.status == MIGRATION_REPLY_STATUS_BYE)
			probe_set_text(probe, reply.text);
		if (reply.code != NULL &&
		    strcmp(reply.code, "CAPABILITY") == 0) {
			probe->has_plain =
				migration_reply_has_capability(&reply,
							       "AUTH=PLAIN");
		}
		break;
	case MIGRATION_REPLY_CONTINUE:
		break;
	case MIGRATION_REPLY_GARBAGE:
		probe_set_text(probe, reply.text);
		probe_stop(probe, MIGRATION_TRANSPORT_GARBAGE);
		break;
	}
}

/* libcurl gives every line of the server as a "header". Anything but the size
   ends the transfer. */
static size_t
probe_header_callback(char *data, size_t size, size_t nmemb, void *context)
{
	struct migration_probe *probe = context;

	T_BEGIN
	{
		if (!probe->stop)
			probe_line_received(probe, data, size * nmemb);
	}
	T_END;
	return probe->stop ? 0 : size * nmemb;
}

static size_t probe_body_callback(char *data ATTR_UNUSED, size_t size,
				  size_t nmemb, void *context ATTR_UNUSED)
{
	return size * nmemb;
}

static enum migration_transport
probe_code_to_transport(const struct migration_probe *probe, CURLcode code)
{
	switch (migration_curl_code(code)) {
	case CURLE_OK:
		return MIGRATION_TRANSPORT_OK;
	case CURLE_COULDNT_RESOLVE_HOST:
		return MIGRATION_TRANSPORT_DNS;
	case CURLE_COULDNT_CONNECT:
		return MIGRATION_TRANSPORT_CONNECT;
	case CURLE_OPERATION_TIMEDOUT:
		return MIGRATION_TRANSPORT_TIMEOUT;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_CACERT_BADFILE:
		return MIGRATION_TRANSPORT_CERTIFICATE;
	case CURLE_SSL_CONNECT_ERROR:
		return MIGRATION_TRANSPORT_TLS;
	case CURLE_USE_SSL_FAILED:
		return MIGRATION_TRANSPORT_NO_STARTTLS;
	case CURLE_LOGIN_DENIED:
		return probe->contact.login != MIGRATION_ANSWER_NONE ?
			       MIGRATION_TRANSPORT_OK :
			       MIGRATION_TRANSPORT_NO_MECHANISM;
	case CURLE_WEIRD_SERVER_REPLY:
		return MIGRATION_TRANSPORT_GARBAGE;
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_GOT_NOTHING:
		return MIGRATION_TRANSPORT_CLOSED;
	default:
		return MIGRATION_TRANSPORT_INTERNAL;
	}
}

static const char *
probe_describe(const struct migration_probe *probe, const char *detail)
{
	const struct migration_contact *contact = &probe->contact;
	const char *what;

	if (contact->transport != MIGRATION_TRANSPORT_OK)
		what = migration_transport_to_string(contact->transport);
	else if (contact->greeting_preauth)
		what = "the server greets with PREAUTH and checks no password";
	else if (!contact->greeting_ok)
		what = "the server turned the connection away";
	else if (contact->login == MIGRATION_ANSWER_OK)
		what = "the login was answered OK, but the session does not "
		       "work";
	else if (contact->login == MIGRATION_ANSWER_NO)
		what = "the login was refused";
	else
		what = "the login failed";
	if (contact->login_code != NULL) {
		what = t_strdup_printf("%s with [%s]", what,
				       str_sanitize(contact->login_code, 50));
	}
	if (probe->text != NULL && *probe->text != '\0')
		what = t_strdup_printf("%s: server said: %s", what,
				       probe->text);
	if (detail != NULL && *detail != '\0')
		what = t_strdup_printf("%s (%s)", what, detail);
	return what;
}

static void probe_reset_attempt(struct migration_probe *probe)
{
	i_zero(&probe->contact);
	probe->lines = probe->bytes = probe->tagged = 0;
	i_free(probe->login_code);
	i_free(probe->text);
	probe->greeting_seen = FALSE;
	probe->has_plain = FALSE;
	probe->stop = FALSE;
}

static void line_changed(struct probe_line *line, const char *breaker_cause)
{
	const struct migration_prober_settings *set = &line->prober->set;
	const struct migration_provider_status status = {
		.breaker = line->breaker.state,
		.until = migration_breaker_until(&line->breaker, &set->breaker),
		.running = line->running,
		.waiting = line->waiting,
		.failures = line->breaker.failures,
	};

	set->changed(line->provider, &status, breaker_cause, set->context);
}

static bool line_needs_resolving(const struct probe_line *line)
{
	struct ip_addr ip;

	return net_addr2ip(line->provider->host, &ip) < 0 &&
	       (ioloop_time < line->resolved ||
		ioloop_time - line->resolved >= PROBE_RESOLVED_SECS);
}

static bool line_is_busy(const struct probe_line *line)
{
	return line->running >= line->provider->max_logins ||
	       line->resolving != NULL;
}

static bool line_is_blocked(const struct probe_line *line)
{
	return migration_breaker_blocks(&line->breaker,
					&line->prober->set.breaker,
					ioloop_time);
}

static void
probe_tell_breaker(struct migration_probe *probe,
		   enum migration_breaker_result result, const char *cause)
{
	struct probe_line *line = probe->line;

	if (!probe->sent)
		return;
	probe->sent = FALSE;
	if (migration_breaker_finish(&line->breaker, &line->prober->set.breaker,
				     result, probe->trial, ioloop_time))
		line_changed(line, cause);
}

static enum migration_breaker_result
probe_breaker_result(const struct migration_probe *probe)
{
	switch (migration_verdict_reach(&probe->contact)) {
	case MIGRATION_REACH_ANSWERED:
		return MIGRATION_BREAKER_ANSWERED;
	case MIGRATION_REACH_UNKNOWN:
		return MIGRATION_BREAKER_UNKNOWN;
	case MIGRATION_REACH_FAILED:
		break;
	}
	/* a provider that was given no time is not to blame */
	if (probe->late &&
	    probe->contact.transport == MIGRATION_TRANSPORT_TIMEOUT)
		return MIGRATION_BREAKER_UNKNOWN;
	return MIGRATION_BREAKER_FAILED;
}

static void probe_free(struct migration_probe *probe)
{
	struct probe_line *line = probe->line;

	probe_tell_breaker(probe, MIGRATION_BREAKER_UNKNOWN, "");
	if (line->resolving == probe)
		line->resolving = NULL;
	if (probe->easy != NULL) {
		migration_curl_remove(probe->prober->curl, probe->easy);
		curl_easy_cleanup(probe->easy);
		line->running--;
	}
	if (probe->in_waiting) {
		DLLIST2_REMOVE(&line->waiting_head, &line->waiting_tail, probe);
		line->waiting--;
	}
	timeout_remove(&probe->to);
	migration_secret_free(&probe->secret);
	i_free(probe->login_code);
	i_free(probe->text);
	i_free(probe->user);
	i_free(probe);
	line_changed(line, NULL);
}

static const char *probe_get_ip(const struct migration_probe *probe)
{
	const char *ip = NULL;

	if (probe->easy != NULL)
		(void)curl_easy_getinfo(probe->easy, CURLINFO_PRIMARY_IP, &ip);
	return ip == NULL ? "" : t_strdup(ip);
}

static void probe_finish(struct migration_probe *probe, const char *detail)
{
	struct probe_line *line = probe->line;
	struct migration_probe_result result;

	i_zero(&result);
	result.asked = TRUE;
	result.contact = probe->contact;
	result.verdict = migration_verdict(&probe->contact);
	result.mechanism = probe->mechanism;
	result.ip = probe_get_ip(probe);
	result.error = result.verdict == MIGRATION_VERDICT_OK ?
			       "" :
			       probe_describe(probe, detail);
	/* what the callback starts must find it changed already */
	probe_tell_breaker(probe, probe_breaker_result(probe), result.error);
	probe->callback(&result, probe->context);
	probe_free(probe);
	probe_run_next(line);
}

/* The provider was not asked. */
static void probe_finish_limited(struct migration_probe *probe)
{
	struct probe_line *line = probe->line;
	struct migration_probe_result result;

	i_zero(&result);
	result.verdict = MIGRATION_VERDICT_TEMPORARY;
	result.limit = probe->limit;
	result.mechanism = probe->mechanism;
	result.ip = "";
	result.error = t_strdup(probe->text);
	probe->callback(&result, probe->context);
	probe_free(probe);
	probe_run_next(line);
}

static void
probe_limit_later(struct migration_probe *probe,
		  enum migration_probe_limit limit, const char *text)
{
	probe->limit = limit;
	probe_set_text(probe, text);
	timeout_remove(&probe->to);
	probe->to = timeout_add_short(0, probe_finish_limited, probe);
}

static void probe_expired(struct migration_probe *probe)
{
	struct probe_line *line = probe->line;

	if (probe->in_waiting) {
		probe->limit = MIGRATION_PROBE_LIMIT_LINE;
		probe_set_text(probe,
			       line->resolving != NULL ?
				       "timed out before the provider's host "
				       "name was resolved" :
				       "timed out in line behind max_logins "
				       "checks");
		probe_finish_limited(probe);
		return;
	}
	/* libcurl took too long */
	probe->contact.transport = MIGRATION_TRANSPORT_TIMEOUT;
	probe_finish(probe, NULL);
}

static void probe_transfer_finished(CURLcode code, bool overflow, void *context)
{
	struct migration_probe *probe = context;
	const char *detail = NULL;

	if (overflow)
		probe->contact.transport = MIGRATION_TRANSPORT_GARBAGE;
	else if (!probe->stop) {
		probe->contact.transport = probe_code_to_transport(probe, code);
		detail = curl_easy_strerror(code);
	}
	if (probe->contact.transport == MIGRATION_TRANSPORT_NO_MECHANISM &&
	    !probe->has_plain && strcmp(probe->mechanism, "PLAIN") == 0) {
		/* no AUTHENTICATE PLAIN there: the LOGIN command instead */
		probe->mechanism = "LOGIN";
		curl_easy_cleanup(probe->easy);
		probe->easy = NULL;
		probe->line->running--;
		probe_start_attempt(probe);
		return;
	}
	probe_finish(probe, detail);
}

static void
probe_set_tls(CURL *easy, const struct migration_provider_settings *set)
{
	long verify = set->ssl_verify ? 1 : 0;

	(void)curl_easy_setopt(easy, CURLOPT_USE_SSL,
			       strcmp(set->ssl, "no") == 0 ?
				       (long)CURLUSESSL_NONE :
				       (long)CURLUSESSL_ALL);
	(void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, verify);
	(void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, verify * 2);
	(void)curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	(void)curl_easy_setopt(easy, CURLOPT_CAINFO,
			       *set->ssl_ca_file != '\0' ? set->ssl_ca_file :
							   MIGRATION_CA_FILE);
}

static void
probe_set_url(CURL *easy, const struct migration_provider_settings *set)
{
	bool ipv6 = strchr(set->host, ':') != NULL;

	/* the settings check lets only host names and addresses through */
	(void)curl_easy_setopt(easy, CURLOPT_URL,
			       t_strdup_printf("%s://%s%s%s:%u/",
					       strcmp(set->ssl, "imaps") == 0 ?
						       "imaps" :
						       "imap",
					       ipv6 ? "[" : "", set->host,
					       ipv6 ? "]" : "", set->port));
	migration_curl_only_imap(easy);
	/* not what auth's environment may say */
	(void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
}

static CURL *probe_create_easy(struct migration_probe *probe, long msecs)
{
	CURL *easy = curl_easy_init();

	if (easy == NULL)
		return NULL;
	probe_set_url(easy, probe->line->provider);
	probe_set_tls(easy, probe->line->provider);
	(void)curl_easy_setopt(easy, CURLOPT_USERNAME, probe->user);
	(void)curl_easy_setopt(easy, CURLOPT_PASSWORD,
			       migration_secret_get(probe->secret));
	/* without it libcurl takes what there is, LOGIN at the last */
	if (strcmp(probe->mechanism, "PLAIN") == 0) {
		(void)curl_easy_setopt(easy, CURLOPT_LOGIN_OPTIONS,
				       "AUTH=PLAIN");
	}
	(void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST,
			       PROBE_SESSION_COMMAND);
	(void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, msecs);
	(void)curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION,
			       probe_header_callback);
	(void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, probe);
	(void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION,
			       probe_body_callback);
	migration_curl_quick_exit(easy);
	return easy;
}

static void probe_failed(struct migration_probe *probe)
{
	probe_finish(probe, NULL);
}

static void
probe_fail_later(struct migration_probe *probe,
		 enum migration_transport transport, const char *text)
{
	probe->contact.transport = transport;
	probe_set_text(probe, text);
	timeout_remove(&probe->to);
	probe->to = timeout_add_short(0, probe_failed, probe);
}

static void line_run_next(struct probe_line *line)
{
	timeout_remove(&line->to_run);
	probe_run_next(line);
}

/* Called from within libcurl. */
static void probe_connecting(void *context)
{
	struct migration_probe *probe = context;
	struct probe_line *line = probe->line;

	if (line->resolving != probe)
		return;
	line->resolving = NULL;
	line->resolved = ioloop_time;
	if (line->to_run == NULL)
		line->to_run = timeout_add_short(0, line_run_next, line);
}

static void probe_start_attempt(struct migration_probe *probe)
{
	int msecs = timeval_diff_msecs(&probe->deadline, &ioloop_timeval);
	const char *error;

	probe_reset_attempt(probe);
	probe->easy = probe_create_easy(probe, I_MAX(msecs, 1));
	if (probe->easy == NULL) {
		probe_fail_later(probe, MIGRATION_TRANSPORT_INTERNAL,
				 "curl_easy_init() failed");
		return;
	}
	probe->line->running++;
	if (migration_curl_add(probe->prober->curl, probe->easy,
			       probe_transfer_finished, probe_connecting, probe,
			       &error) < 0) {
		probe_fail_later(probe, MIGRATION_TRANSPORT_INTERNAL, error);
	}
}

/* First in line, or nobody waits: now or, because of the breaker, not. */
static void probe_send(struct migration_probe *probe)
{
	struct probe_line *line = probe->line;
	int msecs = timeval_diff_msecs(&probe->deadline, &ioloop_timeval);

	if (line_is_blocked(line)) {
		probe_limit_later(probe, MIGRATION_PROBE_LIMIT_BREAKER,
				  "the provider cannot be talked to at the "
				  "moment");
		return;
	}
	probe->late = msecs < (int)line->prober->set.timeout_msecs / 2;
	probe->trial = migration_breaker_start(&line->breaker);
	probe->sent = TRUE;
	if (line_needs_resolving(line))
		line->resolving = probe;
	probe_start_attempt(probe);
	line_changed(line, probe->trial ? "" : NULL);
}

static void probe_run_next(struct probe_line *line)
{
	struct migration_probe *probe;

	while (line->waiting_head != NULL &&
	       (!line_is_busy(line) || line_is_blocked(line))) {
		probe = line->waiting_head;
		DLLIST2_REMOVE(&line->waiting_head, &line->waiting_tail, probe);
		line->waiting--;
		probe->in_waiting = FALSE;
		probe_send(probe);
	}
}

static struct probe_line *
probe_line_get(struct migration_prober *prober,
	       const struct migration_provider_settings *provider)
{
	struct probe_line *line;

	for (line = prober->lines; line != NULL; line = line->next) {
		if (line->provider == provider)
			return line;
	}
	line = i_new(struct probe_line, 1);
	line->prober = prober;
	line->provider = provider;
	DLLIST_PREPEND(&prober->lines, line);
	return line;
}

struct migration_probe *
migration_probe_start(struct migration_prober *prober,
		      const struct migration_provider_settings *provider,
		      const char *user, const struct migration_secret *secret,
		      unsigned int timeout_msecs,
		      migration_probe_callback_t *callback, void *context)
{
	struct migration_probe *probe;
	struct probe_line *line = probe_line_get(prober, provider);

	probe = i_new(struct migration_probe, 1);
	probe->prober = prober;
	probe->line = line;
	probe->user = i_strdup(user);
	probe->secret =
		migration_secret_create(migration_secret_get(secret),
					migration_secret_get_size(secret));
	probe->callback = callback;
	probe->context = context;
	probe->mechanism = "PLAIN";
	probe->deadline = ioloop_timeval;
	timeval_add_msecs(&probe->deadline, timeout_msecs);
	/* libcurl keeps to the deadline by itself; this one also covers the
	   line, a little later so that libcurl can say where it was stuck */
	probe->to = timeout_add(timeout_msecs + 500, probe_expired, probe);

	if (!line_is_busy(line) || line_is_blocked(line))
		probe_send(probe);
	else if (line->running + line->waiting <
		 provider->max_logins + prober->set.max_waiting) {
		DLLIST2_APPEND(&line->waiting_head, &line->waiting_tail, probe);
		line->waiting++;
		probe->in_waiting = TRUE;
		line_changed(line, NULL);
	} else {
		probe_limit_later(probe, MIGRATION_PROBE_LIMIT_LINE,
				  "too many logins wait in line already "
				  "(migration_login_line)");
	}
	return probe;
}

void migration_probe_cancel(struct migration_probe **_probe)
{
	struct migration_probe *probe = *_probe;
	struct probe_line *line;

	if (probe == NULL)
		return;
	*_probe = NULL;
	line = probe->line;
	probe_free(probe);
	probe_run_next(line);
}

int migration_prober_init(const struct migration_prober_settings *set,
			  struct migration_prober **prober_r,
			  const char **error_r)
{
	struct migration_prober *prober;

	prober = i_new(struct migration_prober, 1);
	prober->set = *set;
	if (migration_curl_init(&prober->curl, error_r) < 0) {
		i_free(prober);
		return -1;
	}
	*prober_r = prober;
	return 0;
}

void migration_prober_deinit(struct migration_prober **_prober)
{
	struct migration_prober *prober = *_prober;
	struct probe_line *line;

	if (prober == NULL)
		return;
	*_prober = NULL;
	while (prober->lines != NULL) {
		line = prober->lines;
		i_assert(line->running == 0 && line->waiting == 0);
		DLLIST_REMOVE(&prober->lines, line);
		timeout_remove(&line->to_run);
		i_free(line);
	}
	migration_curl_deinit(&prober->curl);
	i_free(prober);
}
