/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lun-wire - see lun-wire.h.
 *
 * libiscsi reads and writes a descriptor. In its place it gets one end of a pair of sockets; at the
 * other end, and at the connection, is this. It all happens in the thread that the session belongs
 * to.
 */
#include "lun-wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <iscsi/iscsi.h>

#define IN_ROOM  (256 * 1024)
#define OUT_ROOM (64 * 1024)
/* So much is taken before others have their turn. */
#define IN_ROUNDS 16

/**
 * struct lun_wire - see the head of this file
 * @target: the connection
 * @end: of the pair, of which libiscsi has the other
 * @out: on its way to the target: from @out_at to @out_len
 * @in: on its way from it
 */
struct lun_wire {
	struct iscsi_context *iscsi;
	int target;
	int end;
	struct lun_talk talk;
	size_t out_at, out_len;
	uint8_t out[OUT_ROOM];
	uint8_t in[IN_ROOM];
};

static int lost(struct error *err)
{
	return error_set(err, -ECONNRESET, "the target closed the connection");
}

/* The connection and the pair, in place of the connection. */
static int step_in(struct lun_wire *wire, int fd, struct error *err)
{
	int pair[2];
	wire->target = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (wire->target < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return error_set(err, -errno, "connect: %m");
	int room = 2 * IN_ROOM;
	wire->end = pair[0];
	setsockopt(wire->end, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	int rc = dup3(pair[1], fd, O_CLOEXEC) < 0 ? error_set(err, -errno, "connect: %m") : 0;
	close(pair[1]);
	return rc;
}

int lun_wire_new(struct iscsi_context *iscsi, struct lun_wire **ret, struct error *err)
{
	struct lun_wire *wire = calloc(1, sizeof(*wire));
	if (!wire)
		return error_set(err, -ENOMEM, "connect: %m");
	wire->iscsi = iscsi;
	wire->target = wire->end = -1;
	int rc = step_in(wire, iscsi_get_fd(iscsi), err);
	if (rc < 0)
		lun_wire_free(wire);
	else
		*ret = wire;
	return rc;
}

void lun_wire_free(struct lun_wire *wire)
{
	if (!wire)
		return;
	if (wire->target >= 0)
		close(wire->target);
	if (wire->end >= 0)
		close(wire->end);
	free(wire);
}

size_t lun_wire_got(struct lun_wire *wire, uint32_t tag, bool *ret_gap)
{
	return lun_talk_got(&wire->talk, tag, ret_gap);
}

/* ---- to the target ---- */

/* Return: 0, also when the target takes no more for now. */
static int send_out(struct lun_wire *wire, struct error *err)
{
	while (wire->out_at < wire->out_len) {
		ssize_t n = send(wire->target, wire->out + wire->out_at,
				 wire->out_len - wire->out_at, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : lost(err);
		wire->out_at += (size_t)n;
	}
	return 0;
}

/* All that libiscsi has to say, as far as the target takes it. */
static int carry_out(struct lun_wire *wire, struct error *err)
{
	for (;;) {
		int rc = send_out(wire, err);
		if (rc < 0 || wire->out_at < wire->out_len)
			return rc;
		if (iscsi_which_events(wire->iscsi) & POLLOUT &&
		    iscsi_service(wire->iscsi, POLLOUT) < 0)
			return lost(err);
		ssize_t n = recv(wire->end, wire->out, sizeof(wire->out), MSG_DONTWAIT);
		if (n <= 0)
			return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : lost(err);
		wire->out_at = 0;
		wire->out_len = (size_t)n;
		rc = lun_talk_to(&wire->talk, wire->out, wire->out_len, err);
		if (rc < 0)
			return rc;
	}
}

/* ---- from it ---- */

/* How much libiscsi has not read yet. */
static int unread(const struct lun_wire *wire)
{
	int n = 0;
	return ioctl(iscsi_get_fd(wire->iscsi), FIONREAD, &n) < 0 ? 0 : n;
}

/* Hands over what libiscsi may see, and has it look at that: at one PDU in each turn. */
static int hand_over(struct lun_wire *wire, size_t len, struct error *err)
{
	size_t at = 0;
	for (int before = -1, left = 0; at < len || left > 0; before = left) {
		ssize_t n = at == len ? 0
				      : send(wire->end, wire->in + at, len - at,
					     MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN)
			return lost(err);
		at += n < 0 ? 0 : (size_t)n;
		if (iscsi_service(wire->iscsi, POLLIN) < 0)
			return lost(err);
		left = unread(wire);
		if (n <= 0 && left == before)
			return lost(err);
	}
	return 0;
}

static int carry_in(struct lun_wire *wire, struct error *err)
{
	for (int i = 0; i < IN_ROUNDS; i++) {
		ssize_t n = recv(wire->target, wire->in, sizeof(wire->in), MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n <= 0)
			return lost(err);
		int rc = lun_talk_from(&wire->talk, wire->in, (size_t)n, err);
		if (rc == 0)
			rc = hand_over(wire, (size_t)n, err);
		if (rc < 0)
			return rc;
		if ((size_t)n < sizeof(wire->in))
			return 0;
	}
	return 0;
}

int lun_wire_poll(struct lun_wire *wire, short *ret_events, struct error *err)
{
	if (carry_out(wire, err) < 0)
		return -1;
	*ret_events = (short)(POLLIN | (wire->out_at < wire->out_len ? POLLOUT : 0));
	return wire->target;
}

int lun_wire_carry(struct lun_wire *wire, short events, struct error *err)
{
	return events & ~POLLOUT ? carry_in(wire, err) : 0;
}
