/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lun-queue - the event thread of a LUN: requests in, commands out.
 *
 * Its one idea: a command that is in flight belongs to the session, a command that waits belongs to
 * us. When a session is lost all of them wait again, a new session is opened, and they are sent
 * once more: whoever reads does not notice. Each command remembers when it was first sent, so that
 * one clock bounds everything, a lost connection, a hung target and a LUN that is never ready:
 * after that time the LUN is dead, and says so at once to everybody who reads.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>

#include "lun.h"

/* Pause before a command is sent again that the LUN was not ready for. */
#define RETRY_MS 100
/* Pause between attempts to reach a target that is away. */
#define RECONNECT_MS 250
/* So often a READ may come short before it is an error. */
#define SHORT_READS 3
/* How often the clocks of commands in flight are looked at. */
#define TICK_MS 250

static int64_t patience(const struct lun *lun)
{
	return (int64_t)lun->login.timeout_s * 1000;
}

/* ---- requests, as seen by who reads ---- */

static void wake(struct lun *lun)
{
	uint64_t one = 1;
	while (write(lun->session.wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

int lun_queue_submit(struct lun *lun, struct lun_request *request, struct error *err)
{
	pthread_cond_init(&request->cond, NULL);
	pthread_mutex_lock(&lun->lock);
	if (lun->dead.code) {
		request->rc = lun->dead.code;
		request->error = lun->dead;
	} else {
		*lun->last = request;
		lun->last = &request->next;
		wake(lun);
		while (!request->done)
			pthread_cond_wait(&request->cond, &lun->lock);
	}
	pthread_mutex_unlock(&lun->lock);
	pthread_cond_destroy(&request->cond);
	return request->rc < 0 ? error_copy(err, request->rc, &request->error) : request->rc;
}

/* ---- requests, as seen by the event thread ---- */

static void pop_first(struct lun *lun)
{
	lun->first = lun->first->next;
	if (!lun->first)
		lun->last = &lun->first;
}

/* Nothing more of it is to be sent. */
static bool is_carved(const struct lun_request *request)
{
	return request->next_off == request->end || request->rc < 0;
}

/* Lets a request go when all of it is done: it lies on the stack of a thread that then goes on. */
static void settle(struct lun *lun, struct lun_request *request)
{
	if (request->in_flight || !is_carved(request))
		return;
	pthread_mutex_lock(&lun->lock);
	if (lun->first == request)
		pop_first(lun);
	request->done = true;
	pthread_cond_signal(&request->cond);
	pthread_mutex_unlock(&lun->lock);
}

/* The next command of a request, so that pieces lie at multiples of their size. */
static void carve(struct lun *lun, struct lun_request *request, struct lun_command *command)
{
	uint32_t piece = lun->identity.transfer;
	uint64_t len = MIN(request->end - request->next_off, piece - request->next_off % piece);
	*command = (struct lun_command){
		.request = request,
		.lun = lun,
		.off = request->next_off,
		.len = (uint32_t)len,
		.since = lun_now(),
	};
	request->next_off += len;
	request->in_flight++;
	lun->n_commands++;
}

/* Fills the free slots from the queue. Only its first request can be carved in part. */
static void take(struct lun *lun)
{
	pthread_mutex_lock(&lun->lock);
	for (size_t i = 0; i < LUN_COMMANDS && lun->first; i++) {
		if (lun->commands[i].request)
			continue;
		if (!is_carved(lun->first))
			carve(lun, lun->first, &lun->commands[i]);
		if (is_carved(lun->first))
			pop_first(lun);
	}
	pthread_mutex_unlock(&lun->lock);
}

static void end_command(struct lun *lun, struct lun_command *command)
{
	struct lun_request *request = command->request;
	command->request = NULL;
	lun->n_commands--;
	request->in_flight--;
	settle(lun, request);
}

static void fail_command(struct lun *lun, struct lun_command *command, const struct error *why)
{
	struct lun_request *request = command->request;
	if (request->rc == 0) {
		request->rc = why->code;
		request->error = *why;
	}
	end_command(lun, command);
}

/* ---- commands ---- */

/* Where the last wanted bytes of a READ go; NULL when they are too few for a mark. */
static unsigned char *tail_of(const struct lun_command *command)
{
	const struct lun_request *request = command->request;
	uint64_t from = MAX(command->off, request->off);
	uint64_t to = MIN(command->off + command->len, request->off + request->len);
	if (request->lba_status || to - from < sizeof(command->lun->mark))
		return NULL;
	return request->buf + (to - request->off) - sizeof(command->lun->mark);
}

/*
 * Data that came short, though the status is good. The target says so, or it does not: then the
 * mark that lay where the last bytes belong lies there still.
 */
static bool came_short(const struct lun_command *command, const struct scsi_task *task,
		       struct error *why)
{
	const unsigned char *tail = tail_of(command);
	const struct lun *lun = command->lun;
	if (task->residual_status != SCSI_RESIDUAL_NO_RESIDUAL)
		error_set(why, -EIO,
			  "%s: READ at offset %" PRIu64 " of %" PRIu32 " bytes: %zu bytes are %s",
			  lun->name, command->off, command->len, task->residual,
			  task->residual_status == SCSI_RESIDUAL_UNDERFLOW ? "missing"
									   : "too many");
	else if (tail && memcmp(tail, &lun->mark, sizeof(lun->mark)) == 0)
		error_set(why, -EIO,
			  "%s: READ at offset %" PRIu64 " of %" PRIu32
			  " bytes: the last ones are missing, and the target does not say so",
			  lun->name, command->off, command->len);
	else
		return false;
	return true;
}

static void on_good(struct lun *lun, struct lun_command *command, const struct scsi_task *task)
{
	struct lun_request *request = command->request;
	struct error why = { 0 };
	if (request->lba_status) {
		size_t missing =
			task->residual_status == SCSI_RESIDUAL_UNDERFLOW ? task->residual : 0;
		request->got = request->len - MIN(missing, request->len);
	} else if (came_short(command, task, &why)) {
		/* Once may be an accident on its way. */
		if (++command->short_reads == SHORT_READS)
			fail_command(lun, command, &why);
		return;
	}
	end_command(lun, command);
}

static void on_failed(struct lun *lun, struct lun_command *command, int status,
		      const struct scsi_sense *sense)
{
	char text[LUN_WHY_MAX];
	struct error why = { 0 };
	switch (lun_judge(status, sense)) {
	case LUN_RETRY:
		break;
	case LUN_SUSPECT:
		lun->suspect = true;
		break;
	case LUN_GONE:
		error_set(&lun->fatal, -ENODEV, "%s: the target has no such LUN any more",
			  lun->name);
		break;
	case LUN_FAIL:
		error_set(&why, -EIO, "%s: %s at offset %" PRIu64 ": %s", lun->name,
			  command->request->lba_status ? "GET LBA STATUS" : "READ", command->off,
			  lun_why(status, sense, text));
		command->request->key = status == SCSI_STATUS_CHECK_CONDITION ? (int)sense->key : 0;
		fail_command(lun, command, &why);
		break;
	}
}

static void on_command(struct iscsi_context *iscsi, int status, void *data, void *private_data)
{
	(void)iscsi;
	(void)data;
	struct lun_command *command = private_data;
	struct lun *lun = command->lun;
	struct scsi_task *task = command->task;
	/* After an answer that it does not understand libiscsi calls back a second time. */
	if (!task)
		return;
	command->task = NULL;
	command->not_before = lun_now() + RETRY_MS;
	/* The session is lost, whatever else libiscsi says. */
	if (status == SCSI_STATUS_CANCELLED)
		lun->suspect = true;
	if (!lun->suspect && status == SCSI_STATUS_GOOD)
		on_good(lun, command, task);
	else if (!lun->suspect)
		on_failed(lun, command, status, &task->sense);
	scsi_free_scsi_task(task);
}

/* Bytes of whole sectors that nobody asked for go to the scratch, the rest straight to the reader.
 */
static int point_at_buffer(struct lun *lun, struct lun_command *command)
{
	const struct lun_request *request = command->request;
	uint64_t end = command->off + command->len;
	uint64_t from = MAX(command->off, request->off);
	uint64_t to = MIN(end, request->off + request->len);
	int n = 0;
	if (command->off < from)
		command->iov[n++] = (struct scsi_iovec){ lun->scratch, from - command->off };
	command->iov[n++] = (struct scsi_iovec){ request->buf + (from - request->off), to - from };
	if (to < end)
		command->iov[n++] = (struct scsi_iovec){ lun->scratch, end - to };
	return n;
}

/* Return: 0; -ECONNRESET when the session takes no commands any more. */
static int send_command(struct lun *lun, struct lun_command *command, struct error *err)
{
	struct lun_request *request = command->request;
	uint64_t lba = command->off / lun->blk.sector;
	int n = 1;
	if (request->lba_status) {
		command->task = scsi_cdb_get_lba_status(lba, (uint32_t)request->len);
		command->iov[0] = (struct scsi_iovec){ request->buf, request->len };
	} else {
		command->task =
			scsi_cdb_read16(lba, command->len, (int)lun->blk.sector, 0, 0, 0, 0, 0);
		n = point_at_buffer(lun, command);
		if (tail_of(command))
			memcpy(tail_of(command), &lun->mark, sizeof(lun->mark));
	}
	if (!command->task)
		return error_set(err, -ENOMEM, "SCSI command: %m");
	scsi_task_set_iov_in(command->task, command->iov, n);
	command->sent = lun_now();
	if (iscsi_scsi_command_async(lun->session.iscsi, lun->login.url.lun, command->task,
				     on_command, NULL, command) != 0)
		return error_set(err, -ECONNRESET, "the target closed the connection");
	return 0;
}

static int send_waiting(struct lun *lun, struct error *err)
{
	for (size_t i = 0; i < LUN_COMMANDS; i++) {
		struct lun_command *command = &lun->commands[i];
		if (!command->request || command->task || command->not_before > lun_now())
			continue;
		int rc = send_command(lun, command, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* ---- losing the session, and the LUN ---- */

static void drop_session(struct lun *lun)
{
	lun_session_close(&lun->session);
	/* There is nobody left who could call these back. */
	for (size_t i = 0; i < LUN_COMMANDS; i++) {
		struct lun_command *command = &lun->commands[i];
		if (command->task)
			scsi_free_scsi_task(command->task);
		command->task = NULL;
		command->not_before = 0;
	}
}

/* Nothing can be read any more: tells everybody who waits, and from now on everybody who comes. */
static void give_up(struct lun *lun, const struct error *why)
{
	drop_session(lun);
	pthread_mutex_lock(&lun->lock);
	lun->dead = *why;
	pthread_mutex_unlock(&lun->lock);
	for (size_t i = 0; i < LUN_COMMANDS; i++)
		if (lun->commands[i].request)
			fail_command(lun, &lun->commands[i], why);
	while (lun->first) {
		lun->first->rc = why->code;
		lun->first->error = *why;
		settle(lun, lun->first);
	}
}

/* When the first of the commands was sent for the first time, and the last time. */
static void oldest(const struct lun *lun, int64_t *since, int64_t *sent)
{
	*since = *sent = INT64_MAX;
	for (size_t i = 0; i < LUN_COMMANDS; i++) {
		const struct lun_command *command = &lun->commands[i];
		if (command->request)
			*since = MIN(*since, command->since);
		if (command->task)
			*sent = MIN(*sent, command->sent);
	}
}

/* Opens a session and makes sure that it is still the same LUN behind the same number. */
static int reconnect(struct lun *lun, int64_t deadline, struct error *err)
{
	struct lun_identity identity;
	int rc = lun_session_open(&lun->session, deadline, err);
	if (rc == 0)
		rc = lun_identify(&lun->session, deadline, &identity, err);
	if (rc == 0)
		rc = lun_identity_check(&lun->identity, &identity, err);
	if (rc < 0)
		drop_session(lun);
	return rc;
}

static void report_dead(struct lun *lun, const struct error *last)
{
	struct error why = { 0 };
	if (last->code)
		error_set(&why, -ETIMEDOUT,
			  "%s: lost for %u s, and given up: open it anew when it is back: %s",
			  lun->name, lun->login.timeout_s, last->msg);
	else
		error_set(&why, -ETIMEDOUT, "%s: no answer for %u s", lun->name,
			  lun->login.timeout_s);
	give_up(lun, &why);
}

/* ---- the thread ---- */

/* One turn with something to read: the session is made, fed, and given its time. */
static void turn(struct lun *lun, struct error *last)
{
	int64_t since, sent;
	oldest(lun, &since, &sent);
	int rc = 0;
	if (!lun->session.iscsi) {
		lun->suspect = false;
		rc = reconnect(lun, since + patience(lun), last);
		if (rc == -ESTALE) {
			error_wrap(last, rc, "%s", lun->name);
			give_up(lun, last);
			return;
		}
		if (rc == 0)
			last->code = 0;
	}
	if (rc == 0)
		rc = send_waiting(lun, last);
	if (rc < 0)
		drop_session(lun);
	rc = lun_session_poll(&lun->session, rc < 0 ? RECONNECT_MS : RETRY_MS, last);
	oldest(lun, &since, &sent);
	if (lun->fatal.code)
		give_up(lun, &lun->fatal);
	else if (since < lun_now() - patience(lun))
		report_dead(lun, last);
	else if (rc < 0 || lun->suspect || sent < lun_now() - patience(lun) / 2)
		drop_session(lun);
}

static int first_contact(struct lun *lun, struct error *err)
{
	int64_t deadline = lun_now() + patience(lun);
	int rc = lun_session_open(&lun->session, deadline, err);
	if (rc == 0)
		rc = lun_identify(&lun->session, deadline, &lun->identity, err);
	if (rc < 0)
		drop_session(lun);
	return rc;
}

static void *run(void *arg)
{
	struct lun *lun = arg;
	struct error err = { 0 };
	int rc = first_contact(lun, &err);
	pthread_mutex_lock(&lun->lock);
	lun->opened = true;
	lun->dead = err;
	pthread_cond_signal(&lun->opened_cond);
	pthread_mutex_unlock(&lun->lock);
	if (rc < 0)
		return NULL;
	while (!atomic_load(&lun->session.stop)) {
		take(lun);
		if (lun->n_commands) {
			turn(lun, &err);
		} else {
			err.code = 0;
			if (lun_session_poll(&lun->session, -1, NULL) < 0)
				drop_session(lun);
		}
	}
	lun_session_logout(&lun->session);
	return NULL;
}

int lun_queue_start(struct lun *lun, struct error *err)
{
	lun->last = &lun->first;
	lun->session.login = &lun->login;
	lun->session.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (lun->session.wake_fd < 0)
		return error_set(err, -errno, "eventfd: %m");
	if (getrandom(&lun->mark, sizeof(lun->mark), 0) != sizeof(lun->mark))
		return error_set(err, -EIO, "the system has no random numbers");
	/* Signals are for the program's own threads; and a broken pipe is no reason to die. */
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	int rc = -pthread_create(&lun->thread, NULL, run, lun);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc < 0)
		return error_set(err, rc, "create a thread: %m");
	pthread_mutex_lock(&lun->lock);
	while (!lun->opened)
		pthread_cond_wait(&lun->opened_cond, &lun->lock);
	struct error dead = lun->dead;
	pthread_mutex_unlock(&lun->lock);
	lun->running = true;
	return dead.code ? error_copy(err, dead.code, &dead) : 0;
}

void lun_queue_stop(struct lun *lun)
{
	if (lun->running) {
		atomic_store(&lun->session.stop, true);
		wake(lun);
		pthread_join(lun->thread, NULL);
	}
	lun_session_free(&lun->session);
}
