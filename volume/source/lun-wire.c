/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lun-wire - see lun-wire.h.
 *
 * libiscsi reads and writes a descriptor. In its place it gets one end of a pair of sockets; at the
 * other end, and at the connection, is this. It all happens in the thread that the session belongs
 * to. Data of a READ is not sent through the pair: it is put where it belongs, and libiscsi sees a
 * head without data.
 */
#include "lun-wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>

#include "lunette/util.h"

#define IN_ROOM  (256 * 1024)
#define OUT_ROOM (64 * 1024)
/* So much is taken before others have their turn. */
#define IN_ROUNDS 16
/* Of memory, that the data of a command goes into. */
#define PARTS  3
#define PLACES 64

/* Where the data of a command belongs; no parts: the place is free. */
struct wire_place {
	uint32_t tag;
	int n;
	const struct scsi_iovec *iov;
};

/**
 * struct lun_wire - see the head of this file
 * @target: the connection
 * @end: of the pair, of which libiscsi has the other
 * @out: on its way to the target: from @out_at to @out_len
 * @in: what has come from it, @pass: of it what libiscsi is to see
 * @body: data of a PDU comes next, and it is @placed by us
 */
struct lun_wire {
	struct iscsi_context *iscsi;
	int target;
	int end;
	struct lun_talk talk;
	size_t out_at, out_len;
	uint8_t out[OUT_ROOM];
	uint8_t in[IN_ROOM];
	size_t pass_len;
	uint8_t pass[IN_ROOM];
	bool body;
	bool placed;
	struct wire_place places[PLACES];
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

/* ---- places ---- */

static struct wire_place *find_place(struct lun_wire *wire, uint32_t tag)
{
	for (size_t i = 0; i < PLACES; i++)
		if (wire->places[i].n && wire->places[i].tag == tag)
			return &wire->places[i];
	return NULL;
}

void lun_wire_into(struct lun_wire *wire, uint32_t tag, const struct scsi_iovec *iov, int n)
{
	for (size_t i = 0; i < PLACES && n <= PARTS; i++)
		if (!wire->places[i].n) {
			wire->places[i] = (struct wire_place){ .tag = tag, .n = n, .iov = iov };
			return;
		}
}

size_t lun_wire_got(struct lun_wire *wire, uint32_t tag, bool *ret_gap)
{
	struct wire_place *place = find_place(wire, tag);
	if (place)
		place->n = 0;
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
static int hand_over(struct lun_wire *wire, struct error *err)
{
	size_t at = 0;
	size_t len = wire->pass_len;
	wire->pass_len = 0;
	for (int before = -1, left = 0; at < len || left > 0; before = left) {
		ssize_t n = at == len ? 0
				      : send(wire->end, wire->pass + at, len - at,
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

static int pass(struct lun_wire *wire, const uint8_t *buf, size_t len, struct error *err)
{
	int rc = wire->pass_len + len > sizeof(wire->pass) ? hand_over(wire, err) : 0;
	if (rc < 0)
		return rc;
	memcpy(wire->pass + wire->pass_len, buf, len);
	wire->pass_len += len;
	return 0;
}

/* The parts of memory where the data that comes next belongs. Return: how many; 0: libiscsi knows.
 */
static int where(struct lun_wire *wire, struct iovec parts[PARTS], size_t *ret_len)
{
	uint32_t tag;
	uint32_t off;
	size_t len;
	int n = 0;
	*ret_len = 0;
	if (!lun_talk_data(&wire->talk, &tag, &off, &len))
		return 0;
	const struct wire_place *place = find_place(wire, tag);
	for (int i = 0; place && i < place->n && len > *ret_len; i++) {
		const struct scsi_iovec *iov = &place->iov[i];
		size_t skip = MIN((size_t)off, iov->iov_len);
		size_t part = MIN(len - *ret_len, iov->iov_len - skip);
		off -= (uint32_t)skip;
		if (part)
			parts[n++] = (struct iovec){ (uint8_t *)iov->iov_base + skip, part };
		*ret_len += part;
	}
	return *ret_len == len ? n : 0;
}

static void put(const struct iovec *parts, const uint8_t *buf, size_t len)
{
	for (; len; parts++) {
		size_t n = MIN(len, parts->iov_len);
		memcpy(parts->iov_base, buf, n);
		buf += n;
		len -= n;
	}
}

/* A PDU is whole whose data was placed: libiscsi sees a head that has none. */
static int pass_placed(struct lun_wire *wire, struct error *err)
{
	uint8_t *head = wire->talk.from.head;
	memset(head + 5, 0, 3);
	wire->placed = false;
	return pass(wire, head, 48, err);
}

/* One step through what has come. Return: bytes; or an error. */
static ssize_t look(struct lun_wire *wire, const uint8_t *buf, size_t len, struct error *err)
{
	struct lun_talk_step did;
	struct iovec parts[PARTS];
	size_t data;
	bool body = wire->body;
	if (body && wire->placed && where(wire, parts, &data))
		put(parts, buf, MIN(len, data));
	int rc = lun_talk_from(&wire->talk, buf, len, &did, err);
	if (rc < 0)
		return rc;
	wire->body = (body || did.head) && !did.whole;
	if (did.head) {
		wire->placed = wire->body && where(wire, parts, &data);
		rc = wire->placed ? 0 : pass(wire, wire->talk.from.head, did.head, err);
	} else if (body && !wire->placed) {
		rc = pass(wire, buf, did.n, err);
	}
	if (rc == 0 && did.whole && wire->placed)
		rc = pass_placed(wire, err);
	return rc < 0 ? rc : (ssize_t)did.n;
}

/* Return: bytes; @ret_straight: so many of them lie where they belong, the rest in @in. */
static ssize_t receive(struct lun_wire *wire, size_t *ret_straight)
{
	struct iovec parts[PARTS + 1];
	int n = 0;
	*ret_straight = 0;
	if (wire->body && wire->placed)
		n = where(wire, parts, ret_straight);
	parts[n++] = (struct iovec){ wire->in, sizeof(wire->in) };
	struct msghdr msg = { .msg_iov = parts, .msg_iovlen = (size_t)n };
	return recvmsg(wire->target, &msg, MSG_DONTWAIT);
}

static int look_at_all(struct lun_wire *wire, size_t straight, size_t len, struct error *err)
{
	struct lun_talk_step did = { 0 };
	if (straight)
		lun_talk_skip(&wire->talk, straight, &did);
	ssize_t n = 0;
	if (did.whole) {
		wire->body = false;
		n = pass_placed(wire, err);
	}
	for (const uint8_t *buf = wire->in; n >= 0 && len; buf += n, len -= (size_t)n) {
		n = look(wire, buf, len, err);
		if (n < 0)
			break;
	}
	return n < 0 ? (int)n : hand_over(wire, err);
}

static int carry_in(struct lun_wire *wire, struct error *err)
{
	for (int i = 0; i < IN_ROUNDS; i++) {
		size_t straight;
		ssize_t n = receive(wire, &straight);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n <= 0)
			return lost(err);
		bool all = (size_t)n < straight + sizeof(wire->in);
		straight = MIN(straight, (size_t)n);
		int rc = look_at_all(wire, straight, (size_t)n - straight, err);
		if (rc < 0 || all)
			return rc;
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
