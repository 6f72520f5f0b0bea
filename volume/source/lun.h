/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lun - a LUN over iSCSI as a blk, through libiscsi.
 *
 * libiscsi 1.19 has one context for one thread. So every LUN has an event thread that owns the
 * session; threads that read hand it requests and wait. From the bottom up:
 *
 *   lun-url      what the user wrote
 *   lun-login    what a login needs
 *   lun-talk     what may go over the wire, in either direction
 *   lun-wire     between the connection and libiscsi: it sees nothing that may not
 *   lun-session  one login to a target, alive or lost; never reconnects by itself
 *   lun-sense    what its complaints mean
 *   lun-ask      one question to a LUN and its answer
 *   lun-scsi     what the LUN says of itself: identity, size, limits
 *   lun-report   which LUNs a target has
 *   lun-command  a request in SCSI: sent, answered, judged
 *   lun-queue    the event thread: requests become commands in flight; reconnects, in bounded time
 *   lun          the blk: reads, extents, opening, closing
 *
 * portal.c stands beside lun-command: it only asks, and waits for each answer.
 */
#ifndef LUN_H
#define LUN_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>

#include "lunette/blk.h"
#include "lunette/bytes.h"
#include "lunette/error.h"
#include "lunette/source.h"

#include "lun-wire.h"

/* ---- lun-url.c ---- */

/* libiscsi keeps names and secrets in fields of this size and cuts off what is longer. */
#define LUN_NAME_MAX (MAX_STRING_SIZE + 1)

struct lun_url {
	char user[LUN_NAME_MAX]; /* "": no CHAP */
	char host[LUN_NAME_MAX]; /* an IPv6 address without its brackets */
	char port[6];
	char target[LUN_NAME_MAX]; /* "": all of the host's */
	int lun;                   /* -1: all of the target's */
};

/* Whether @spec is meant to be a LUN, well formed or not. */
bool lun_is_url(const char *spec);

/*
 * Return: 0; -EINVAL, with a message that never quotes what may be a secret.
 */
int lun_url_parse(const char *spec, struct lun_url *ret, struct error *err);

/* The same, but LUN may be missing, and IQN with it. */
int lun_url_parse_place(const char *spec, struct lun_url *ret, struct error *err);

/* What lun_url_parse() takes apart as @url. */
#define LUN_URL_MAX (3 * LUN_NAME_MAX + 64)
int lun_url_print(const struct lun_url *url, char ret[LUN_URL_MAX]);

/*
 * The first two bytes of a LUN's address, which libiscsi takes for its number. Source: SAM-5, 4.7:
 * one byte in peripheral addressing, 14 bits in flat addressing.
 */
static inline int lun_address(int lun)
{
	return lun < 256 ? lun : 0x4000 | lun;
}

/* ---- lun-login.c ---- */

/*
 * Everything a login needs. It is kept for as long as the LUN is open, because a lost session is
 * logged in again, and wiped when the LUN is closed.
 */
struct lun_login {
	struct lun_url url;
	char initiator[LUN_NAME_MAX];
	char secret[LUN_NAME_MAX];
	char mutual_user[LUN_NAME_MAX];
	char mutual_secret[LUN_NAME_MAX];
	bool header_digest;
	unsigned int timeout_s;
};

/* Copies what is needed. Return: 0; -EINVAL, -EACCES for options that cannot work; ... */
int lun_login_init(struct lun_login *login, const struct lun_url *url,
		   const struct source_options *opts, struct error *err);

/* ---- lun-session.c ---- */

/**
 * struct lun_session - one login; belongs to the event thread
 * @iscsi: NULL when there is no session
 * @wire: what lies between it and the target; NULL before the login
 * @addresses: of the host, asked for once, so that a reconnect does not depend on DNS
 * @wake_fd: eventfd that ends a wait, so that somebody looks at @stop and at the queue
 * @stop: the LUN is being closed: waits end with -ECANCELED
 * @awaited: of the one thing that lun_session_await() waits for
 */
struct lun_session {
	const struct lun_login *login;
	struct iscsi_context *iscsi;
	struct lun_wire *wire;
	struct addrinfo *addresses;
	int wake_fd;
	atomic_bool stop;
	struct {
		bool done;
		int status;
		char text[MAX_STRING_SIZE + 1]; /* of libiscsi, about that status */
	} awaited;
};

/* Connects, logs in: to the target, or, without one, to ask for targets. On failure there is no
 * session, and the message says why. */
int lun_session_open(struct lun_session *s, int64_t deadline, struct error *err);

/*
 * Ends the session. Every command in flight is called back with SCSI_STATUS_CANCELLED before this
 * returns, so that nothing is written into anybody's buffer any more.
 */
void lun_session_close(struct lun_session *s);

/* As above, after a polite logout of at most two seconds. */
void lun_session_logout(struct lun_session *s);

/* Frees what a session keeps from one login to the next. */
void lun_session_free(struct lun_session *s);

/*
 * Waits for the network or @wake_fd for at most @ms milliseconds (-1: for ever) and has libiscsi
 * call back what has come in.
 *
 * Return: 0; -ECONNRESET when the session is lost and has to be closed.
 */
int lun_session_poll(struct lun_session *s, int ms, struct error *err);

/* The callback of what lun_session_await() waits for; private_data is the session. */
void lun_session_done(struct iscsi_context *iscsi, int status, void *command_data,
		      void *private_data);

/*
 * Waits until lun_session_done() was called. Return: 0, the status is in @awaited; -ETIMEDOUT;
 * -ECANCELED when the LUN is being closed; -ECONNRESET.
 */
int lun_session_await(struct lun_session *s, int64_t deadline, struct error *err);

/* ---- lun-sense.c ---- */

/* What is to be done about a command that did not end well. */
enum lun_verdict {
	LUN_DONE,    /* it did end well, with a remark: an error that was recovered from */
	LUN_RETRY,   /* the same command may succeed now, or soon */
	LUN_SUSPECT, /* the LUN may have become another one: log in anew and look */
	LUN_GONE,    /* there is no such LUN any more */
	LUN_FAIL,    /* this command will not succeed */
};
enum lun_verdict lun_judge(int status, const struct scsi_sense *sense);

/*
 * The same for an INQUIRY: a complaint says nothing of who the LUN is, and another answer may come,
 * unless it does not know the question.
 */
enum lun_verdict lun_judge_who(int status, const struct scsi_sense *sense);

/* "MEDIUM ERROR, unrecovered read error (0x1100)", "status 8"; @buf has LUN_WHY_MAX bytes. */
#define LUN_WHY_MAX 160
const char *lun_why(int status, const struct scsi_sense *sense, char *buf);

/* ---- lun-ask.c ---- */

/* Bytes that are asked for of a VPD page. */
#define LUN_VPD_MAX 1024
/* So many LUNs of a target are listed. */
#define LUN_REPORT_MAX 1024

/**
 * struct lun_question - a command that brings an answer
 * @make: the command, of @arg
 * @judge: lun_judge, or lun_judge_who
 */
struct lun_question {
	struct scsi_task *(*make)(int arg);
	int arg;
	enum lun_verdict (*judge)(int status, const struct scsi_sense *sense);
};

/**
 * struct lun_answer - what came back for it
 * @len: bytes of @data that the LUN has sent; the rest is zero
 */
struct lun_answer {
	int status;
	struct scsi_sense sense;
	size_t len;
	uint8_t data[8 + 8 * LUN_REPORT_MAX];
};

/*
 * Asks the LUN of the session's login, and again what it was not ready for.
 *
 * Return: 0, also when the LUN complained: see its status. On failure the session is closed.
 */
int lun_ask(struct lun_session *s, const struct lun_question *question, int64_t deadline,
	    struct lun_answer *ret, struct error *err);

/* ---- lun-scsi.c ---- */

/* What a LUN is known by, and what can be asked of it. */
struct lun_identity {
	char vendor[9];
	char product[17];
	char serial[256];
	char id[SOURCE_ID_MAX];
	uint64_t size;
	uint32_t sector;
	uint32_t transfer;     /* most bytes a command should read, a multiple of the sector */
	bool unmapped_is_zero; /* deallocated blocks read as zeros */
	bool cut;              /* of what names it not all has come */
};

/* Return: 0; -ENOENT: no such LUN; -ENODEV: not a disk; -EBUSY: not ready; ... */
int lun_identify(struct lun_session *s, int64_t deadline, struct lun_identity *ret,
		 struct error *err);

/* VPD page 0x83 without its head: the best designator, "naa.…", "eui.…", "t10.…"; or @ret stays. */
void lun_parse_designators(const uint8_t *body, size_t len, char *ret);

/* VPD page 0xb0 without its head; sets @id->transfer, with @id->sector as the unit. */
void lun_parse_limits(const uint8_t *body, size_t len, struct lun_identity *id);

/* Whether a LUN is the one it was; else -ESTALE and what has changed, or -EPROTO when what it says
 * of itself came cut, and proves neither. */
int lun_identity_check(const struct lun_identity *was, const struct lun_identity *is,
		       struct error *err);

/* The VPD page that tells one LUN from another; 0 for one that has neither. */
int lun_identity_page(const struct lun_identity *id);

/* lun_identity_check() by that page alone: @len bytes, with its head; -ENODEV: no such LUN. */
int lun_identity_confirm(const struct lun_identity *was, const uint8_t *page, size_t len,
			 struct error *err);

/* ---- lun-report.c ---- */

/**
 * struct lun_report - which LUNs a target says that it has
 * @luns: their addresses as they came, and as a number, or -1 for one that cannot be reached by a
 *        number
 * @told: how many there are, by what the target says
 * @missing: not all of them came, or some came twice
 */
struct lun_report {
	size_t n;
	struct lun_reported {
		uint8_t address[8];
		int lun;
	} luns[LUN_REPORT_MAX];
	uint64_t told;
	bool missing;
};

/* REPORT LUNS parameter data, @len bytes of it. */
void lun_parse_report(const uint8_t *buf, size_t len, struct lun_report *ret);

/* Asks the target of the session. Return: 0; -EREMOTEIO when it complains; as lun_ask() */
int lun_report_ask(struct lun_session *s, int64_t deadline, struct lun_report *ret,
		   struct error *err);

/* ---- lun-command.c ---- */

enum {
	LUN_COMMANDS = 32,         /* in flight, and answered but held */
	LUN_IN_FLIGHT = 16,        /* at most: half: what is held does not keep others waiting */
	LUN_TRANSFER = 256 * 1024, /* bytes of a READ at most */
	LUN_SECTOR_MAX = 65536,
	LUN_EXTENTS = 64, /* asked for in one GET LBA STATUS */
	LUN_EXTENT_COST = 16 * 1024 * 1024,
	LUN_EXTENT_QUESTIONS = 64, /* so many at first, and never more than that saved up */
};

/* What a request asks of the LUN. */
enum lun_ask {
	LUN_READ,
	LUN_LBA_STATUS, /* GET LBA STATUS for the block at its offset */
	LUN_WHO,        /* INQUIRY for the page that tells it from others */
};

/**
 * struct lun_request - what a thread waits for; lives on its stack
 * @buf: @len bytes: of the LUN from byte @off on, or the answer
 * @got: bytes of the answer
 * @rc: 0 or a negative errno, with @error
 * @key: SCSI sense key of a command that failed
 * @next_off: where the next command of a read begins, @end: where the last one ends (both in whole
 *            sectors)
 * @in_flight: commands that belong to it
 */
struct lun_request {
	struct lun_request *next;
	enum lun_ask ask;
	unsigned char *buf;
	size_t len;
	uint64_t off;
	size_t got;
	int rc;
	struct error error;
	int key;
	bool done;
	pthread_cond_t cond;
	uint64_t next_off;
	uint64_t end;
	unsigned int in_flight;
};

/**
 * struct lun_command - a SCSI command in flight or about to be
 * @request: NULL: the slot is free
 * @task: libiscsi's; NULL while it is not in flight
 * @iov: unwanted bytes in front, wanted ones, unwanted ones behind
 * @number: of all, in their order: the oldest is sent first
 * @sending: the number of its sending
 * @got: bytes of data that have come for it, @gap: not all in their place
 * @answered: well; and it is held until all that was sent up to number @beside is answered
 * @since: when it was first sent, or began to wait anew: the LUN is given up when that is too long
 *         ago
 * @renewals: how often it began to wait anew
 * @sent: when it was last sent: the session is given up when that is too long ago
 * @not_before: when it may be sent again
 * @short_reads: how often its data came short
 */
struct lun_command {
	struct lun_request *request;
	struct scsi_task *task;
	struct lun *lun;
	uint64_t off;
	uint32_t len;
	struct scsi_iovec iov[3];
	uint64_t number;
	uint64_t sending;
	uint64_t beside;
	bool answered;
	size_t got;
	bool gap;
	int64_t since;
	unsigned int renewals;
	int64_t sent;
	int64_t not_before;
	unsigned int short_reads;
};

/**
 * struct lun_extents - the last answer to GET LBA STATUS
 * @start: where each run begins; one more than @n, for the end of the last
 * @unknown: the target does not tell, or too little at a time: everything is data
 * @credit: how many bytes' worth of questions it has still, see lun_extents_earn()
 */
struct lun_extents {
	pthread_mutex_t lock;
	bool unknown;
	size_t n;
	uint64_t start[LUN_EXTENTS + 1];
	bool zero[LUN_EXTENTS];
	uint64_t credit;
};

/**
 * struct lun - see the head of this file
 * @lock: of @first, @last, @opened, @dead and of each request's done; the rest is the event
 * thread's
 * @dead: why nothing can be read any more; code 0 while it can
 * @fatal: why the LUN is to be given up, found out while libiscsi calls back
 * @complaint: what was last said of a command that is sent again; code 0 since one ended well
 * @suspect: what comes in is not to be trusted until the LUN has been identified again
 * @check: who is asked from time to time whether it is still itself, and @page its answer
 * @checking: it is on its way; @checked: when it was last asked
 * @n_sent: commands that there were
 * @n_sendings: of these, those that are sent again included
 * @width: how many are in flight at most: fewer when the connection is cut before one is answered
 * @further: one was answered since the session was made
 * @scratch: where unwanted bytes go
 */
struct lun {
	struct blk blk;
	struct lun_login login;
	struct lun_identity identity;

	pthread_mutex_t lock;
	pthread_cond_t opened_cond;
	bool opened;
	struct error dead;
	struct lun_request *first, **last;

	pthread_t thread;
	struct lun_session session;
	struct lun_command commands[LUN_COMMANDS];
	unsigned int n_commands;
	bool suspect;
	bool running;
	struct error fatal;
	struct error complaint;
	struct lun_request check;
	uint8_t page[LUN_VPD_MAX];
	bool checking;
	int64_t checked;
	uint64_t n_sent;
	uint64_t n_sendings;
	unsigned int width;
	bool further;
	unsigned char scratch[LUN_SECTOR_MAX];

	struct lun_extents extents;
	char name[2 * LUN_NAME_MAX + 64];
};

/* Takes the first request off the queue. */
void lun_queue_pop(struct lun *lun);

/* Nothing more of it is to be sent. */
bool lun_is_carved(const struct lun_request *request);

/* Lets a request go when all of it is done: it lies on the stack of a thread that then goes on. */
void lun_settle(struct lun *lun, struct lun_request *request);

/* Ends a command, and fails its request. */
void lun_command_fail(struct lun *lun, struct lun_command *command, const struct error *why);

/* Return: 0; -ECONNRESET when the session takes no commands any more. */
int lun_command_send(struct lun *lun, struct lun_command *command, struct error *err);

/* Lets those go that were answered well, and beside which nothing is in doubt. */
void lun_release(struct lun *lun);

/* ---- lun-queue.c ---- */

/* Starts the event thread and waits until it has found the LUN, or why not. */
int lun_queue_start(struct lun *lun, struct error *err);

/* Ends the event thread; there are no requests any more. */
void lun_queue_stop(struct lun *lun);

/* Hands a request over and waits for its end. Return: its rc, with its error. */
int lun_queue_submit(struct lun *lun, struct lun_request *request, struct error *err);

/* ---- lun.c ---- */

/*
 * An answer to GET LBA STATUS for the block at byte @off; no runs when it makes no sense.
 */
void lun_parse_extents(const uint8_t *buf, size_t len, uint64_t off, uint32_t sector, uint64_t size,
		       struct lun_extents *ext);

/*
 * Pays for a question that was answered by @ext, of what it gained. A question costs as much as
 * LUN_EXTENT_COST bytes that are told of, or as one READ that is saved: a target that answers block
 * by block would be asked more often than it is read.
 *
 * Return: false when there is no more to pay with.
 */
bool lun_extents_earn(struct lun_extents *ext);

/* Fills @source: blk and identity. */
int lun_open(const char *spec, const struct source_options *opts, struct source *source,
	     struct error *err);

#endif
