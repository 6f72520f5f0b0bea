/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lun-queue - the event thread of a LUN: requests in, commands out.
 *
 * Its one idea: a command that is in flight belongs to the session, a command that waits belongs to
 * us. When a session is lost all of them wait again, a new session is opened, and they are sent
 * once more: whoever reads does not notice. Each command remembers when it was first sent, so that
 * one clock bounds everything, a lost connection, a hung target and a LUN that is never ready:
 * after that time the LUN is dead, and says so at once to everybody who reads. A connection that is
 * cut again and again, but gets further each time, is none of these.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>

#include "lun.h"
#include "lunette/clock.h"

/* How long it waits at most for what comes next, so that what waits is sent again in time. */
#define TURN_MS 100
/* Pause between attempts to reach a target that is away. */
#define RECONNECT_MS 250
/* In the order in which they came, each has its turn after as many cuts as there are before it. */
#define RENEWALS_MAX (2 * LUN_COMMANDS)
/* How often a LUN that is read is asked whether it is still itself. */
#define CHECK_MS 1000

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
		.number = lun->n_sent++,
		.since = clock_now_ms(),
	};
	request->next_off += len;
	request->in_flight++;
	lun->n_commands++;
}

/*
 * Some targets put another LUN behind the number without a word to the sessions that are there. So
 * it is asked who it is, before the first READ after a pause and once a second while there are any,
 * and until it has answered no other command is taken. A request that is carved in part stays the
 * first.
 */
static void check_if_due(struct lun *lun)
{
	int64_t now = clock_now_ms();
	if (lun->first->next_off > lun->first->off)
		return;
	if (lun->checking || now < lun->checked + CHECK_MS || !lun_identity_page(&lun->identity))
		return;
	lun->check = (struct lun_request){
		.next = lun->first,
		.ask = LUN_WHO,
		.buf = lun->page,
		.len = sizeof(lun->page),
		.end = lun->blk.sector,
		.cond = PTHREAD_COND_INITIALIZER,
	};
	lun->first = &lun->check;
	lun->checking = true;
	lun->checked = now;
}

/* Fills the free slots from the queue. Only its first request can be carved in part. */
static void take(struct lun *lun)
{
	pthread_mutex_lock(&lun->lock);
	if (lun->first)
		check_if_due(lun);
	for (size_t i = 0; i < LUN_COMMANDS && lun->first; i++) {
		if (lun->commands[i].request)
			continue;
		if (lun->checking && lun->first != &lun->check)
			break;
		if (!lun_is_carved(lun->first))
			carve(lun, lun->first, &lun->commands[i]);
		if (lun_is_carved(lun->first))
			lun_queue_pop(lun);
	}
	pthread_mutex_unlock(&lun->lock);
}

/* The one that waits for longest to be sent, or NULL. */
static struct lun_command *next_waiting(struct lun *lun, int64_t now)
{
	struct lun_command *first = NULL;
	unsigned int in_flight = 0;
	for (size_t i = 0; i < LUN_COMMANDS; i++) {
		struct lun_command *command = &lun->commands[i];
		in_flight += command->task != NULL;
		if (command->request && !command->task && !command->answered &&
		    command->not_before <= now && (!first || command->number < first->number))
			first = command;
	}
	return in_flight < lun->width ? first : NULL;
}

static int send_waiting(struct lun *lun, struct error *err)
{
	struct lun_command *command;
	int64_t now = clock_now_ms();
	while ((command = next_waiting(lun, now))) {
		int rc = lun_command_send(lun, command, err);
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
		command->answered = false;
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
			lun_command_fail(lun, &lun->commands[i], why);
	while (lun->first) {
		lun->first->rc = why->code;
		lun->first->error = *why;
		lun_settle(lun, lun->first);
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

/*
 * The connection was cut. If something was answered before, that is progress, and all that waits
 * begins to wait anew: but not for ever, as somebody else's progress does not help a command that
 * has every connection cut. If nothing was, there may be too much on its way at once.
 */
static void note_cut(struct lun *lun)
{
	if (!lun->further)
		lun->width = 1;
	for (size_t i = 0; lun->further && i < LUN_COMMANDS; i++) {
		struct lun_command *command = &lun->commands[i];
		if (command->request && command->renewals < RENEWALS_MAX) {
			command->renewals++;
			command->since = clock_now_ms();
		}
	}
	lun->further = false;
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
	lun->checked = clock_now_ms();
	if (rc < 0)
		drop_session(lun);
	return rc;
}

/* What it says of itself has come: another LUN is as good as none. */
static void hear_check(struct lun *lun)
{
	const struct lun_request *check = &lun->check;
	if (!lun->checking || !check->done)
		return;
	lun->checking = false;
	if (check->rc < 0 && !lun->fatal.code)
		lun->fatal = check->error;
}

static void report_dead(struct lun *lun, const struct error *last)
{
	struct error why = { 0 };
	if (last->code)
		error_set(&why, -ETIMEDOUT,
			  "%s: lost for %u s, and given up: open it anew when it is back: %s",
			  lun->name, lun->login.timeout_s, last->msg);
	else if (lun->complaint.code)
		error_set(&why, -ETIMEDOUT,
			  "given up after %u s: open it anew when it is better: %s",
			  lun->login.timeout_s, lun->complaint.msg);
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
	if (rc == 0) {
		rc = send_waiting(lun, last);
		if (rc < 0)
			note_cut(lun);
	}
	if (rc < 0)
		drop_session(lun);
	rc = lun_session_poll(&lun->session, rc < 0 ? RECONNECT_MS : TURN_MS, last);
	if (rc < 0)
		note_cut(lun);
	if (rc == 0 && !lun->suspect)
		lun_release(lun);
	hear_check(lun);
	oldest(lun, &since, &sent);
	if (lun->fatal.code)
		give_up(lun, &lun->fatal);
	else if (since < clock_now_ms() - patience(lun))
		report_dead(lun, last);
	else if (rc < 0 || lun->suspect || sent < clock_now_ms() - patience(lun) / 2)
		drop_session(lun);
}

static int first_contact(struct lun *lun, struct error *err)
{
	int64_t deadline = clock_now_ms() + patience(lun);
	int rc = lun_session_open(&lun->session, deadline, err);
	if (rc == 0)
		rc = lun_identify(&lun->session, deadline, &lun->identity, err);
	lun->checked = clock_now_ms();
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
	lun->width = LUN_IN_FLIGHT;
	lun->session.login = &lun->login;
	lun->session.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (lun->session.wake_fd < 0)
		return error_set(err, -errno, "eventfd: %m");
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
