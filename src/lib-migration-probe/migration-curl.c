/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "ioloop.h"
#include "llist.h"
#include "migration-limits.h"
#include "migration-curl.h"
#include "migration-compat-curl.h"

#include <fcntl.h>
#include <sys/socket.h>

struct migration_curl {
	CURLM *multi;
	struct timeout *to;
	struct migration_curl_transfer *transfers;
	struct migration_curl_socket *sockets;
};

struct migration_curl_transfer {
	struct migration_curl_transfer *prev, *next;
	struct migration_curl *curl;
	CURL *easy;
	migration_curl_callback_t *callback;
	migration_curl_connecting_t *connecting;
	void *context;
	unsigned int reads;
	bool overflow;
};

/* One of libcurl's sockets. It belongs to the multi handle, which frees it
   with CURL_POLL_REMOVE.

   The ioloop watches a duplicate: libcurl closes a socket that is still
   connecting before it says so (7.88), and may open the next one under the
   same number without saying so at all. */
struct migration_curl_socket {
	struct migration_curl_socket *prev, *next;
	struct migration_curl *curl;
	struct migration_curl_transfer *transfer;
	int fd, watched_fd;
	/* CURL_POLL_IN, _OUT, _INOUT or _NONE */
	int what;
	struct io *io_read, *io_write;
};

static void curl_transfer_free(struct migration_curl *curl,
			       struct migration_curl_transfer *transfer)
{
	(void)curl_multi_remove_handle(curl->multi, transfer->easy);
	(void)curl_easy_setopt(transfer->easy, CURLOPT_PRIVATE, NULL);
	DLLIST_REMOVE(&curl->transfers, transfer);
	i_free(transfer);
}

static void
curl_transfer_finish(struct migration_curl *curl,
		     struct migration_curl_transfer *transfer, CURLcode code)
{
	migration_curl_callback_t *callback = transfer->callback;
	void *context = transfer->context;
	bool overflow = transfer->overflow;

	curl_transfer_free(curl, transfer);
	callback(code, overflow, context);
}

static struct migration_curl_transfer *curl_transfer_get(CURL *easy)
{
	char *ptr = NULL;

	(void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &ptr);
	return (void *)ptr;
}

/* Callbacks run here only, never from within libcurl. */
static void curl_finish_transfers(struct migration_curl *curl)
{
	struct migration_curl_transfer *transfer;
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(curl->multi, &left)) != NULL) {
		if (msg->msg != CURLMSG_DONE)
			continue;
		transfer = curl_transfer_get(msg->easy_handle);
		i_assert(transfer != NULL);
		curl_transfer_finish(curl, transfer, msg->data.result);
	}
	transfer = curl->transfers;
	while (transfer != NULL) {
		if (!transfer->overflow) {
			transfer = transfer->next;
			continue;
		}
		curl_transfer_finish(curl, transfer, CURLE_RECV_ERROR);
		/* the callback may have changed the list */
		transfer = curl->transfers;
	}
}

static void curl_socket_ready(struct migration_curl_socket *sock, int action)
{
	struct migration_curl *curl = sock->curl;
	int running;

	/* may free sock */
	(void)curl_multi_socket_action(curl->multi, sock->fd, action, &running);
	curl_finish_transfers(curl);
}

static void curl_socket_read(struct migration_curl_socket *sock)
{
	if (++sock->transfer->reads > MIGRATION_MAX_ANSWER_READS)
		sock->transfer->overflow = TRUE;
	curl_socket_ready(sock, CURL_CSELECT_IN);
}

static void curl_socket_write(struct migration_curl_socket *sock)
{
	curl_socket_ready(sock, CURL_CSELECT_OUT);
}

static void curl_socket_unwatch(struct migration_curl_socket *sock)
{
	io_remove(&sock->io_read);
	io_remove(&sock->io_write);
	i_close_fd(&sock->watched_fd);
}

static void curl_socket_watch(struct migration_curl_socket *sock)
{
	curl_socket_unwatch(sock);
	if ((sock->what & CURL_POLL_INOUT) == 0)
		return;
	sock->watched_fd = fcntl(sock->fd, F_DUPFD_CLOEXEC, 0);
	if (sock->watched_fd == -1)
		return; /* the transfer's time limit ends it */
	if ((sock->what & CURL_POLL_IN) != 0) {
		sock->io_read = io_add(sock->watched_fd, IO_READ,
				       curl_socket_read, sock);
	}
	if ((sock->what & CURL_POLL_OUT) != 0) {
		sock->io_write = io_add(sock->watched_fd, IO_WRITE,
					curl_socket_write, sock);
	}
}

static int curl_socket_changed(CURL *easy, curl_socket_t fd, int what,
			       void *context, void *_sock)
{
	struct migration_curl *curl = context;
	struct migration_curl_socket *sock = _sock;

	if (what == CURL_POLL_REMOVE) {
		if (sock == NULL)
			return 0;
		(void)curl_multi_assign(curl->multi, fd, NULL);
		curl_socket_unwatch(sock);
		DLLIST_REMOVE(&curl->sockets, sock);
		i_free(sock);
		return 0;
	}
	if (sock == NULL) {
		sock = i_new(struct migration_curl_socket, 1);
		sock->curl = curl;
		sock->fd = fd;
		sock->watched_fd = -1;
		DLLIST_PREPEND(&curl->sockets, sock);
		(void)curl_multi_assign(curl->multi, fd, sock);
	}
	sock->transfer = curl_transfer_get(easy);
	sock->what = what;
	curl_socket_watch(sock);
	return 0;
}

static curl_socket_t
curl_socket_open(void *context, curlsocktype purpose ATTR_UNUSED,
		 struct curl_sockaddr *addr)
{
	struct migration_curl_transfer *transfer = context;
	struct migration_curl *curl = transfer->curl;
	struct migration_curl_socket *sock;
	int fd;

	transfer->connecting(transfer->context);
	fd = socket(addr->family, addr->socktype | SOCK_CLOEXEC,
		    addr->protocol);
	for (sock = curl->sockets; sock != NULL; sock = sock->next) {
		if (sock->fd == fd)
			curl_socket_watch(sock);
	}
	return fd == -1 ? CURL_SOCKET_BAD : fd;
}

static void curl_timeout(struct migration_curl *curl)
{
	int running;

	timeout_remove(&curl->to);
	(void)curl_multi_socket_action(curl->multi, CURL_SOCKET_TIMEOUT, 0,
				       &running);
	curl_finish_transfers(curl);
}

static int
curl_timer_changed(CURLM *multi ATTR_UNUSED, long msecs, void *context)
{
	struct migration_curl *curl = context;

	timeout_remove(&curl->to);
	if (msecs >= 1000)
		curl->to = timeout_add(msecs, curl_timeout, curl);
	else if (msecs >= 0)
		curl->to = timeout_add_short(msecs, curl_timeout, curl);
	return 0;
}

int migration_curl_init(struct migration_curl **curl_r, const char **error_r)
{
	struct migration_curl *curl;
	CURLcode code;

	code = curl_global_init(CURL_GLOBAL_DEFAULT);
	if (code != CURLE_OK) {
		*error_r = t_strdup_printf("curl_global_init() failed: %s",
					   curl_easy_strerror(code));
		return -1;
	}
	migration_curl_one_arena();
	curl = i_new(struct migration_curl, 1);
	curl->multi = curl_multi_init();
	if (curl->multi == NULL) {
		*error_r = "curl_multi_init() failed";
		i_free(curl);
		curl_global_cleanup();
		return -1;
	}
	(void)curl_multi_setopt(curl->multi, CURLMOPT_SOCKETFUNCTION,
				curl_socket_changed);
	(void)curl_multi_setopt(curl->multi, CURLMOPT_SOCKETDATA, curl);
	(void)curl_multi_setopt(curl->multi, CURLMOPT_TIMERFUNCTION,
				curl_timer_changed);
	(void)curl_multi_setopt(curl->multi, CURLMOPT_TIMERDATA, curl);
	*curl_r = curl;
	return 0;
}

void migration_curl_deinit(struct migration_curl **_curl)
{
	struct migration_curl *curl = *_curl;

	if (curl == NULL)
		return;
	*_curl = NULL;
	i_assert(curl->transfers == NULL);
	(void)curl_multi_cleanup(curl->multi);
	timeout_remove(&curl->to);
	curl_global_cleanup();
	i_free(curl);
}

int migration_curl_add(struct migration_curl *curl, CURL *easy,
		       migration_curl_callback_t *callback,
		       migration_curl_connecting_t *connecting, void *context,
		       const char **error_r)
{
	struct migration_curl_transfer *transfer;
	CURLMcode mcode;

	transfer = i_new(struct migration_curl_transfer, 1);
	transfer->curl = curl;
	transfer->easy = easy;
	transfer->callback = callback;
	transfer->connecting = connecting;
	transfer->context = context;
	DLLIST_PREPEND(&curl->transfers, transfer);
	(void)curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
	(void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION,
			       curl_socket_open);
	(void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer);
	/* only sets a timer: the transfer begins in the next turn */
	mcode = curl_multi_add_handle(curl->multi, easy);
	if (mcode != CURLM_OK) {
		*error_r = t_strdup_printf("curl_multi_add_handle() failed: "
					   "%s",
					   curl_multi_strerror(mcode));
		(void)curl_easy_setopt(easy, CURLOPT_PRIVATE, NULL);
		DLLIST_REMOVE(&curl->transfers, transfer);
		i_free(transfer);
		return -1;
	}
	return 0;
}

void migration_curl_remove(struct migration_curl *curl, CURL *easy)
{
	struct migration_curl_transfer *transfer = curl_transfer_get(easy);

	if (transfer != NULL)
		curl_transfer_free(curl, transfer);
}
