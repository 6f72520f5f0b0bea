/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tgt - a request to tgtd's control socket, and its answer.
 *
 * Source: what tgtadm 1.0.85 writes and reads, as strace shows it; the same since 2013. A request
 * is the struct below and a text with its NUL, the answer two numbers and a text. Each has a
 * connection of its own.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "tgt.h"
#include "lunette/clock.h"

#define DEFAULT_SOCKET "/var/run/tgtd/socket"

/* More than tgtd tells about ten thousand LUNs. */
#define ANSWER_MAX (16u << 20)

struct wire_request {
	uint32_t mode;        /*   0 */
	uint32_t op;          /*   4 */
	char driver[64];      /*   8 "iscsi" */
	uint32_t len;         /*  72 of this and the text */
	int32_t target;       /*  76 -1: none */
	uint64_t session;     /*  80 */
	uint64_t lun;         /*  88 */
	uint32_t connection;  /*  96 */
	uint32_t host;        /* 100 */
	uint32_t device_type; /* 104 */
	uint32_t direction;   /* 108 */
	uint32_t passthrough; /* 112 */
	uint32_t force;       /* 116 */
};
_Static_assert(sizeof(struct wire_request) == 120, "as tgtadm writes it");

struct wire_answer {
	uint32_t error;
	uint32_t len; /* of this and the text */
};

/* tgtd's numbers of errors, as far as they say something to us. */
static const struct {
	uint32_t number;
	int error;
	const char *text;
} errors[] = {
	{ 2, -ENOMEM, "out of memory" },
	{ 4, -ENOENT, "there is no such target" },
	{ 5, -ENOENT, "there is no such LUN" },
	{ 6, -ENOENT, "there is no such session" },
	{ 7, -ENOENT, "there is no such connection" },
	{ 9, -EEXIST, "the target exists" },
	{ 10, -EEXIST, "the LUN exists" },
	{ 11, -EBUSY, "it is in use" },
	{ 12, -EEXIST, "the initiator is in the list" },
	{ 13, -ENOENT, "the initiator is not in the list" },
	{ 14, -EEXIST, "the account exists" },
	{ 15, -ENOENT, "there is no such account" },
	{ 17, -EINVAL, "it takes the request for invalid" },
	{ 22, -EBUSY, "commands are still active" },
};

int tgt_open(const struct plug_request *request, struct tgt *ret, struct error *err)
{
	const char *socket, *port;
	int rc = plug_config(request, "control-socket", DEFAULT_SOCKET, &socket, err);
	if (rc == 0)
		rc = plug_config(request, "control-port", "0", &port, err);
	if (rc == 0)
		rc = plug_config(request, "portal", "", &ret->portal, err);
	if (rc < 0)
		return rc;
	int len = snprintf(ret->socket, sizeof(ret->socket), "%s.%s", socket, port);
	if (len >= (int)sizeof(ret->socket) || socket[0] != '/')
		return error_set(
			err, -EINVAL,
			"setting 'control-socket': '%s' is not an absolute path of at most "
			"100 bytes",
			socket);
	ret->deadline = request->deadline;
	return 0;
}

static int set_timeouts(int fd, const struct tgt *tgt, struct error *err)
{
	int64_t ms = tgt->deadline - clock_now_ms();
	if (ms <= 0)
		return error_set(err, -ETIMEDOUT, "no time is left to ask tgtd");
	struct timeval t = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t)) < 0)
		return error_set(err, -errno, "set the socket's time: %m");
	return 0;
}

static int connect_to(const struct tgt *tgt, int *ret, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	strcpy(address.sun_path, tgt->socket);
	CLEANUP(close_cleanup) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_set(err, -errno, "socket: %m");
	int rc = set_timeouts(fd, tgt, err);
	if (rc < 0)
		return rc;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		int code = errno == ENOENT ? ECONNREFUSED : errno == EAGAIN ? ETIMEDOUT : errno;
		return error_set(err, -code, "no tgtd answers at '%s': %m", tgt->socket);
	}
	*ret = steal_fd(&fd);
	return 0;
}

static int receive(int fd, void *buf, size_t len, struct error *err)
{
	ssize_t n = recv(fd, buf, len, MSG_WAITALL);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return error_set(err, -ETIMEDOUT, "tgtd does not answer in time");
	if (n < 0)
		return error_set(err, -ECONNRESET, "tgtd's socket: %m");
	if ((size_t)n != len)
		return error_set(err, -ECONNRESET, "tgtd hung up");
	return 0;
}

static int failure(const struct tgt_call *call, uint32_t number, struct error *err)
{
	/* Never the text: it may hold a secret. */
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		if (errors[i].number == number)
			return error_set(err, errors[i].error, "tgtd, target %d: %s", call->target,
					 errors[i].text);
	return error_set(err, -EIO, "tgtd, target %d: its error %u (mode %d, operation %d)",
			 call->target, number, (int)call->mode, (int)call->op);
}

int tgt_do(const struct tgt *tgt, const struct tgt_call *call, char **ret_text, struct error *err)
{
	const char *params = call->params ? call->params : "";
	size_t len = *params ? strlen(params) + 1 : 0;
	struct wire_request request = {
		.mode = call->mode,
		.op = call->op,
		.driver = "iscsi",
		.len = (uint32_t)(sizeof(request) + len),
		.target = call->target ? call->target : -1,
		.session = call->session,
		.lun = call->mode == TGT_LUN ? call->lun : UINT64_MAX,
		.connection = call->connection,
		.force = call->force,
	};
	struct wire_answer answer;
	CLEANUP(close_cleanup) int fd = -1;
	int rc = connect_to(tgt, &fd, err);
	if (rc < 0)
		return rc;
	if (send(fd, &request, sizeof(request), MSG_NOSIGNAL) != sizeof(request) ||
	    (len && send(fd, params, len, MSG_NOSIGNAL) != (ssize_t)len))
		return error_set(err, -ECONNRESET, "tgtd's socket: %m");
	rc = receive(fd, &answer, sizeof(answer), err);
	if (rc < 0)
		return rc;
	if (answer.error)
		return failure(call, answer.error, err);
	if (answer.len < sizeof(answer) || answer.len > ANSWER_MAX)
		return error_set(err, -EPROTO, "tgtd announces an answer of %u bytes", answer.len);
	if (!ret_text)
		return 0;
	size_t size = answer.len - sizeof(answer);
	CLEANUP(free_cleanup) char *text = calloc(1, size + 1);
	if (!text)
		return error_set(err, -ENOMEM, "%m");
	rc = size ? receive(fd, text, size, err) : 0;
	if (rc == 0)
		*ret_text = steal(&text);
	return rc;
}

int tgt_process(const struct tgt *tgt, pid_t *ret, struct error *err)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);
	char path[64], name[32] = "";
	CLEANUP(close_cleanup) int fd = -1;
	int rc = connect_to(tgt, &fd, err);
	if (rc < 0)
		return rc;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return error_set(err, -errno, "tgtd's process: %m");
	/* It tells who made the socket; make sure that this is still the process that serves it. */
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)peer.pid);
	FILE *f = fopen(path, "re");
	if (!f || !fgets(name, sizeof(name), f))
		name[0] = '\0';
	if (f)
		fclose(f);
	if (strncmp(name, "tgtd", 4) != 0)
		return error_set(err, -ESRCH, "the process of tgtd at '%s' cannot be found",
				 tgt->socket);
	*ret = peer.pid;
	return 0;
}
