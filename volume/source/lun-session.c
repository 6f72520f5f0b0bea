/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lun-session - one login to a target.
 *
 * Its one idea: a session is alive or lost, and nothing else. libiscsi would reconnect by itself,
 * for ever and without looking whether the LUN is still the same; that is switched off, and whoever
 * uses a session opens a new one. Waiting is one loop with a deadline, so nothing here can hang.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lun.h"
#include "lunette/clock.h"

/* How often a target may send us on to another address before that is called a loop. */
#define REDIRECTS_MAX 4

/* RFC 7143, 11.13.5: status class and detail of a login response. */
enum {
	LOGIN_MOVED = 0x0102, /* for good: libiscsi knows only the other one */
	LOGIN_AUTHENTICATION = 0x0201,
	LOGIN_AUTHORIZATION = 0x0202,
	LOGIN_NOT_FOUND = 0x0203,
	LOGIN_REMOVED = 0x0204,
};

/* ---- waiting ---- */

static void drain(int wake_fd)
{
	uint64_t n;
	while (read(wake_fd, &n, sizeof(n)) < 0 && errno == EINTR)
		;
}

int lun_session_poll(struct lun_session *s, int ms, struct error *err)
{
	struct pollfd fds[2] = { { .fd = s->wake_fd, .events = POLLIN }, { .fd = -1 } };
	if (s->wire) {
		fds[1].fd = lun_wire_poll(s->wire, &fds[1].events, err);
		if (fds[1].fd < 0)
			return -ECONNRESET;
	} else if (s->iscsi) {
		fds[1].fd = iscsi_get_fd(s->iscsi);
		fds[1].events = (short)iscsi_which_events(s->iscsi);
	}
	int n = poll(fds, 2, ms);
	if (n <= 0)
		return 0;
	if (fds[0].revents)
		drain(s->wake_fd);
	if (!fds[1].revents)
		return 0;
	if (s->wire)
		return lun_wire_carry(s->wire, fds[1].revents, err);
	if (iscsi_service(s->iscsi, fds[1].revents) < 0)
		return error_set(err, -ECONNRESET, "the target closed the connection");
	return 0;
}

void lun_session_done(struct iscsi_context *iscsi, int status, void *command_data,
		      void *private_data)
{
	(void)command_data;
	struct lun_session *s = private_data;
	s->awaited.done = true;
	s->awaited.status = status;
	/* Kept now: the next message in the same breath covers the cause. */
	snprintf(s->awaited.text, sizeof(s->awaited.text), "%s", iscsi_get_error(iscsi));
}

int lun_session_await(struct lun_session *s, int64_t deadline, struct error *err)
{
	while (!s->awaited.done) {
		int64_t left = deadline - clock_now_ms();
		if (atomic_load(&s->stop))
			return error_set(err, -ECANCELED, "closing");
		if (left <= 0)
			return error_set(err, -ETIMEDOUT, "no answer within %u s",
					 s->login->timeout_s);
		int rc = lun_session_poll(s, (int)MIN(left, (int64_t)1000), err);
		if (rc < 0 && !s->awaited.done)
			return rc;
	}
	return 0;
}

/* ---- what libiscsi says ---- */

/* Its messages end in a number, "Connection refused(111)", "Authentication failure(513)"; or 0. */
static int number_in(const char *text)
{
	const char *open = strrchr(text, '(');
	return open && isdigit((unsigned char)open[1]) ? atoi(open + 1) : 0;
}

static int connect_error(struct lun_session *s, const char *portal, struct error *err)
{
	int code = number_in(s->awaited.text);
	if (code == ECONNREFUSED)
		return error_set(err, -ECONNREFUSED, "connection refused: nothing listens on %s",
				 portal);
	return error_set(err, code ? -code : -EIO, code ? "connect: %m" : "the connection failed");
}

static int login_error(struct lun_session *s, struct error *err)
{
	const char *text = s->awaited.text;
	const struct lun_url *url = &s->login->url;
	/* What the target is called in such a message is its own text: not repeated. */
	if (strstr(text, "CHAP_N") || strstr(text, "CHAP_R") || strstr(text, "CHAP targetname"))
		return error_set(
			err, -EACCES,
			"the target failed to prove itself with the mutual CHAP user and secret");
	int status = number_in(text);
	switch (status) {
	case LOGIN_AUTHENTICATION:
		if (!*url->user)
			return error_set(err, -EACCES,
					 "the target wants CHAP: give USER@ in front of the host, "
					 "and a secret");
		return error_set(err, -EACCES,
				 "the target refused the CHAP user or secret of '%s'%s", url->user,
				 *s->login->mutual_user ? ", or is not set up to prove itself"
							: "");
	case LOGIN_AUTHORIZATION:
		return error_set(err, -EACCES, "the target does not let initiator '%s' in",
				 s->login->initiator);
	case LOGIN_NOT_FOUND:
	case LOGIN_REMOVED:
		return error_set(err, -ENOENT, "there is no such target on '%s'", url->host);
	case 0:
		return error_set(err, -EPROTO, "the login failed");
	default:
		return error_set(err, -EPROTO, "the target refused the login with status 0x%04x",
				 status);
	}
}

/* ---- connecting ---- */

/* "192.0.2.1:3260", "[2001:db8::1]:3260" */
static int portal_of(const struct addrinfo *ai, const char *port, char *buf, size_t room,
		     struct error *err)
{
	char host[NI_MAXHOST];
	int rc = getnameinfo(ai->ai_addr, ai->ai_addrlen, host, sizeof(host), NULL, 0,
			     NI_NUMERICHOST);
	if (rc)
		return error_set(err, -EIO, "address: %s", gai_strerror(rc));
	snprintf(buf, room, ai->ai_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
	return 0;
}

static int resolve(struct lun_session *s, struct error *err)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	int rc = getaddrinfo(s->login->url.host, s->login->url.port, &hints, &s->addresses);
	if (rc == 0)
		return 0;
	s->addresses = NULL;
	return error_set(err, rc == EAI_NONAME ? -ENOENT : -EIO, "host '%s': %s",
			 s->login->url.host, gai_strerror(rc));
}

static int new_context(struct lun_session *s, struct error *err)
{
	const struct lun_login *login = s->login;
	s->iscsi = iscsi_create_context(login->initiator);
	if (!s->iscsi)
		return error_set(err, -ENOMEM, "create an iSCSI context: %m");
	iscsi_set_noautoreconnect(s->iscsi, 1);
	bool discovery = !*login->url.target;
	int rc = discovery ? 0 : iscsi_set_targetname(s->iscsi, login->url.target);
	rc |= iscsi_set_session_type(s->iscsi,
				     discovery ? ISCSI_SESSION_DISCOVERY : ISCSI_SESSION_NORMAL);
	rc |= iscsi_set_header_digest(s->iscsi, login->header_digest
							? ISCSI_HEADER_DIGEST_CRC32C_NONE
							: ISCSI_HEADER_DIGEST_NONE_CRC32C);
	if (*login->url.user)
		rc |= iscsi_set_initiator_username_pwd(s->iscsi, login->url.user, login->secret);
	if (*login->mutual_user)
		rc |= iscsi_set_target_username_pwd(s->iscsi, login->mutual_user,
						    login->mutual_secret);
	return rc ? error_set(err, -EINVAL, "set up an iSCSI context: %m") : 0;
}

/* libiscsi pads with zeros to the end of its fields, so this wipes its copies of the secrets. */
static void forget_secrets(struct iscsi_context *iscsi)
{
	iscsi_set_initiator_username_pwd(iscsi, "", "");
	iscsi_set_target_username_pwd(iscsi, "", "");
}

static int log_in(struct lun_session *s, const char *portal, int64_t deadline, struct error *err)
{
	int rc = new_context(s, err);
	if (rc < 0)
		return rc;
	s->awaited.done = false;
	if (iscsi_connect_async(s->iscsi, portal, lun_session_done, s) != 0) {
		lun_session_done(s->iscsi, SCSI_STATUS_ERROR, NULL, s);
		return connect_error(s, portal, err);
	}
	rc = lun_session_await(s, deadline, err);
	if (rc < 0)
		return error_wrap(err, rc, "connect");
	if (s->awaited.status != SCSI_STATUS_GOOD)
		return connect_error(s, portal, err);
	rc = lun_wire_new(s->iscsi, &s->wire, err);
	if (rc < 0)
		return rc;
	s->awaited.done = false;
	if (iscsi_login_async(s->iscsi, lun_session_done, s) != 0)
		return error_set(err, -ENOMEM, "login: %m");
	rc = lun_session_await(s, deadline, err);
	if (rc < 0)
		return error_wrap(err, rc, "login");
	if (s->awaited.status == SCSI_STATUS_REDIRECT ||
	    (number_in(s->awaited.text) == LOGIN_MOVED && *iscsi_get_target_address(s->iscsi)))
		return 1;
	if (s->awaited.status != SCSI_STATUS_GOOD)
		return login_error(s, err);
	forget_secrets(s->iscsi);
	return 0;
}

/* A target may answer a login with the address of another portal. */
static int log_in_somewhere(struct lun_session *s, char *portal, size_t room, int64_t deadline,
			    struct error *err)
{
	for (int i = 0; i < REDIRECTS_MAX; i++) {
		int rc = log_in(s, portal, deadline, err);
		if (rc == 0)
			return 0;
		if (rc > 0)
			snprintf(portal, room, "%s", iscsi_get_target_address(s->iscsi));
		lun_session_close(s);
		if (rc < 0)
			return rc;
	}
	return error_set(err, -ELOOP, "the target sends us from portal to portal");
}

int lun_session_open(struct lun_session *s, int64_t deadline, struct error *err)
{
	int rc = s->addresses ? 0 : resolve(s, err);
	for (const struct addrinfo *ai = s->addresses; ai; ai = ai->ai_next) {
		char portal[NI_MAXHOST + 16];
		rc = portal_of(ai, s->login->url.port, portal, sizeof(portal), err);
		if (rc < 0)
			return rc;
		rc = log_in_somewhere(s, portal, sizeof(portal), deadline, err);
		/* Another address of the host may do, unless somebody answered: that is an answer.
		 */
		if (rc == 0 || rc == -EACCES || rc == -ENOENT || rc == -EPROTO || rc == -ECANCELED)
			return rc;
	}
	return rc;
}

/* ---- the end ---- */

void lun_session_close(struct lun_session *s)
{
	if (!s->iscsi)
		return;
	forget_secrets(s->iscsi);
	iscsi_destroy_context(s->iscsi);
	s->iscsi = NULL;
	lun_wire_free(s->wire);
	s->wire = NULL;
}

void lun_session_logout(struct lun_session *s)
{
	if (s->iscsi && iscsi_is_logged_in(s->iscsi)) {
		atomic_store(&s->stop, false);
		s->awaited.done = false;
		if (iscsi_logout_async(s->iscsi, lun_session_done, s) == 0)
			lun_session_await(s, clock_now_ms() + 2000, NULL);
	}
	lun_session_close(s);
}

void lun_session_free(struct lun_session *s)
{
	lun_session_close(s);
	if (s->addresses)
		freeaddrinfo(s->addresses);
	s->addresses = NULL;
	if (s->wake_fd >= 0)
		close(s->wake_fd);
	s->wake_fd = -1;
}
