/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lun-ask - one question to a LUN and its answer, in bounded time.
 */
#include <errno.h>

#include "lun.h"
#include "lunette/clock.h"

/* Pause before a command that the LUN was not ready for. */
#define PAUSE_MS 100

/* Takes @task over. On failure the session is closed: a command of it may still be in flight. */
static int run_once(struct lun_session *s, struct scsi_task *task, int64_t deadline,
		    struct lun_answer *ret, struct error *err)
{
	if (!task)
		return error_set(err, -ENOMEM, "SCSI command: %m");
	*ret = (struct lun_answer){ 0 };
	struct scsi_iovec iov = { .iov_base = ret->data, .iov_len = sizeof(ret->data) };
	scsi_task_set_iov_in(task, &iov, 1);
	s->awaited.done = false;
	int rc = 0;
	if (iscsi_scsi_command_async(s->iscsi, lun_address(s->login->url.lun), task,
				     lun_session_done, NULL, s) != 0)
		rc = error_set(err, -ECONNRESET, "the target closed the connection");
	else
		rc = lun_session_await(s, deadline, err);
	if (rc == 0 && s->awaited.status == SCSI_STATUS_CANCELLED)
		rc = error_set(err, -ECONNRESET, "the target closed the connection");
	if (rc < 0)
		lun_session_close(s);
	ret->status = s->awaited.status;
	ret->sense = task->sense;
	bool gap = false;
	size_t got = s->wire ? lun_wire_got(s->wire, task->itt, &gap) : 0;
	ret->len = gap ? 0 : MIN(got, sizeof(ret->data));
	scsi_free_scsi_task(task);
	return rc;
}

int lun_ask(struct lun_session *s, const struct lun_question *question, int64_t deadline,
	    struct lun_answer *ret, struct error *err)
{
	/* After a UNIT ATTENTION, which each LUN begins with, the same command succeeds at once. */
	for (int pause = 0;; pause = PAUSE_MS) {
		int rc = run_once(s, question->make(question->arg), deadline, ret, err);
		if (rc < 0 || ret->status == SCSI_STATUS_GOOD)
			return rc;
		enum lun_verdict verdict = question->judge(ret->status, &ret->sense);
		if (verdict == LUN_DONE) {
			ret->status = SCSI_STATUS_GOOD;
			return 0;
		}
		if ((verdict != LUN_RETRY && verdict != LUN_SUSPECT) ||
		    clock_now_ms() + PAUSE_MS > deadline)
			return 0;
		rc = lun_session_poll(s, pause, err);
		if (rc < 0) {
			lun_session_close(s);
			return rc;
		}
	}
}
