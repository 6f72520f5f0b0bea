/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lun-command - a request in SCSI: sent, answered, judged, and let go when all of it is done.
 *
 * Its one idea: data counts when it is proved. A status says GOOD of bytes that never came: they
 * were counted on their way. And a target may answer one command under the tag of another: then
 * that one has no answer, or the other has a second one. So what is answered is held until all that
 * was in flight beside it is answered, too; when the session is lost before, it is asked for again.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lun.h"
#include "lunette/clock.h"

/* Pause before a command is sent again that the LUN was not ready for. */
#define RETRY_MS 100
/* So often a READ may come short before it is an error. */
#define SHORT_READS 3

/* ---- requests, as seen by the event thread ---- */

void lun_queue_pop(struct lun *lun)
{
	lun->first = lun->first->next;
	if (!lun->first)
		lun->last = &lun->first;
}

bool lun_is_carved(const struct lun_request *request)
{
	return request->next_off == request->end || request->rc < 0;
}

void lun_settle(struct lun *lun, struct lun_request *request)
{
	if (request->in_flight || !lun_is_carved(request))
		return;
	pthread_mutex_lock(&lun->lock);
	if (lun->first == request)
		lun_queue_pop(lun);
	request->done = true;
	pthread_cond_signal(&request->cond);
	pthread_mutex_unlock(&lun->lock);
}

static void end_command(struct lun *lun, struct lun_command *command)
{
	struct lun_request *request = command->request;
	command->request = NULL;
	lun->n_commands--;
	request->in_flight--;
	lun_settle(lun, request);
}

void lun_command_fail(struct lun *lun, struct lun_command *command, const struct error *why)
{
	struct lun_request *request = command->request;
	if (request->rc == 0) {
		request->rc = why->code;
		request->error = *why;
	}
	end_command(lun, command);
}

/* ---- commands ---- */

/* Data that came short, though the status is good. The target says so, or not. */
static bool came_short(const struct lun_command *command, const struct scsi_task *task,
		       struct error *why)
{
	const struct lun *lun = command->lun;
	if (task->residual_status != SCSI_RESIDUAL_NO_RESIDUAL)
		error_set(why, -EREMOTEIO,
			  "%s: READ at offset %" PRIu64 " of %" PRIu32 " bytes: %zu bytes are %s",
			  lun->name, command->off, command->len, task->residual,
			  task->residual_status == SCSI_RESIDUAL_UNDERFLOW ? "missing"
									   : "too many");
	else if (command->gap || command->got < command->len)
		error_set(why, -EREMOTEIO,
			  "%s: READ at offset %" PRIu64 " of %" PRIu32
			  " bytes: some are missing, and the target does not say so",
			  lun->name, command->off, command->len);
	else
		return false;
	return true;
}

/* Who it says that it is. A part of an answer is none, and it is asked again. */
static void hear_who(struct lun *lun, struct lun_command *command)
{
	const struct lun_request *request = command->request;
	struct error why = { 0 };
	int rc = lun_identity_confirm(&lun->identity, request->buf, request->got, &why);
	if (rc < 0)
		error_wrap(&why, rc, "%s", lun->name);
	if (rc == -EPROTO) {
		lun->complaint = why;
		command->answered = false;
	} else if (rc < 0) {
		lun_command_fail(lun, command, &why);
	} else {
		end_command(lun, command);
	}
}

static void on_good(struct lun *lun, struct lun_command *command, const struct scsi_task *task)
{
	struct lun_request *request = command->request;
	struct error why = { 0 };
	if (request->ask != LUN_READ) {
		request->got = command->gap ? 0 : MIN(command->got, request->len);
	} else if (came_short(command, task, &why)) {
		/* Once may be an accident on its way. */
		if (++command->short_reads == SHORT_READS)
			lun_command_fail(lun, command, &why);
		return;
	}
	command->answered = true;
	command->beside = lun->n_sendings;
}

void lun_release(struct lun *lun)
{
	uint64_t oldest = UINT64_MAX;
	for (size_t i = 0; i < LUN_COMMANDS; i++)
		if (lun->commands[i].task)
			oldest = MIN(oldest, lun->commands[i].sending);
	for (size_t i = 0; i < LUN_COMMANDS; i++) {
		struct lun_command *command = &lun->commands[i];
		if (!command->request || !command->answered || command->beside >= oldest)
			continue;
		bool who = command->request->ask == LUN_WHO;
		lun->complaint.code = 0;
		lun->further |= !who;
		lun->width = MIN(2 * lun->width, (unsigned int)LUN_IN_FLIGHT);
		if (who)
			hear_who(lun, command);
		else
			end_command(lun, command);
	}
}

static const char *const asked[] = {
	[LUN_READ] = "READ",
	[LUN_LBA_STATUS] = "GET LBA STATUS",
	[LUN_WHO] = "INQUIRY",
};

/* Bad sectors, of which others need not be. Source: SPC-4, 4.5.6; targets say either. */
static bool is_of_the_medium(int status, const struct scsi_sense *sense)
{
	return status == SCSI_STATUS_CHECK_CONDITION &&
	       (sense->key == SCSI_SENSE_MEDIUM_ERROR || sense->key == SCSI_SENSE_HARDWARE_ERROR);
}

static void on_failed(struct lun *lun, struct lun_command *command, int status,
		      const struct scsi_task *task)
{
	char text[LUN_WHY_MAX];
	struct error why = { 0 };
	const struct scsi_sense *sense = &task->sense;
	bool who = command->request->ask == LUN_WHO;
	error_set(&why, is_of_the_medium(status, sense) && !who ? -EIO : -EREMOTEIO,
		  "%s: %s at offset %" PRIu64 ": %s", lun->name, asked[command->request->ask],
		  command->off, lun_why(status, sense, text));
	switch (who ? lun_judge_who(status, sense) : lun_judge(status, sense)) {
	case LUN_DONE:
		on_good(lun, command, task);
		break;
	case LUN_RETRY:
		lun->complaint = why;
		break;
	case LUN_SUSPECT:
		lun->suspect = true;
		break;
	case LUN_GONE:
		error_set(&lun->fatal, -ENODEV, "%s: the target has no such LUN any more",
			  lun->name);
		break;
	case LUN_FAIL:
		command->request->key = status == SCSI_STATUS_CHECK_CONDITION ? (int)sense->key : 0;
		lun_command_fail(lun, command, &why);
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
	command->got = lun_wire_got(lun->session.wire, task->itt, &command->gap);
	command->not_before = clock_now_ms() + RETRY_MS;
	/* The session is lost, whatever else libiscsi says. */
	if (status == SCSI_STATUS_CANCELLED)
		lun->suspect = true;
	if (!lun->suspect && status == SCSI_STATUS_GOOD)
		on_good(lun, command, task);
	else if (!lun->suspect)
		on_failed(lun, command, status, task);
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

int lun_command_send(struct lun *lun, struct lun_command *command, struct error *err)
{
	struct lun_request *request = command->request;
	uint64_t lba = command->off / lun->blk.sector;
	int n = 1;
	command->iov[0] = (struct scsi_iovec){ request->buf, request->len };
	switch (request->ask) {
	case LUN_LBA_STATUS:
		command->task = scsi_cdb_get_lba_status(lba, (uint32_t)request->len);
		break;
	case LUN_WHO:
		command->task =
			scsi_cdb_inquiry(1, lun_identity_page(&lun->identity), (int)request->len);
		break;
	case LUN_READ:
		command->task =
			scsi_cdb_read16(lba, command->len, (int)lun->blk.sector, 0, 0, 0, 0, 0);
		n = point_at_buffer(lun, command);
		break;
	}
	if (!command->task)
		return error_set(err, -ENOMEM, "SCSI command: %m");
	scsi_task_set_iov_in(command->task, command->iov, n);
	command->sent = clock_now_ms();
	command->sending = ++lun->n_sendings;
	if (iscsi_scsi_command_async(lun->session.iscsi, lun_address(lun->login.url.lun),
				     command->task, on_command, NULL, command) != 0)
		return error_set(err, -ECONNRESET, "the target closed the connection");
	lun_wire_into(lun->session.wire, command->task->itt, command->iov, n);
	return 0;
}
