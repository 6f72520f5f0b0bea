/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tool-lun-write INITIATOR URL URL - writes to two LUNs in order, until it is killed.
 *
 * Writes 1 to the first and then, when that was answered, to the second, then 2, and so on, each to
 * the next of 64 places. Of whatever moment a copy of both is, the second is behind by one at most.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>

#define PLACES 64
#define STRIDE 65536

static struct iscsi_context *connect_to(const char *initiator, const char *text, int *ret_lun)
{
	struct iscsi_context *iscsi = iscsi_create_context(initiator);
	struct iscsi_url *url = iscsi ? iscsi_parse_full_url(iscsi, text) : NULL;
	if (!url)
		return NULL;
	iscsi_set_session_type(iscsi, ISCSI_SESSION_NORMAL);
	*ret_lun = url->lun;
	if (iscsi_set_targetname(iscsi, url->target) != 0 ||
	    iscsi_full_connect_sync(iscsi, url->portal, url->lun) != 0)
		iscsi = NULL;
	iscsi_destroy_url(url);
	return iscsi;
}

static int write_number(struct iscsi_context *iscsi, int lun, uint64_t n)
{
	unsigned char block[512] = "";
	snprintf((char *)block, sizeof(block), "%016llu", (unsigned long long)n);
	struct scsi_task *task = iscsi_write16_sync(iscsi, lun, n % PLACES * (STRIDE / 512), block,
						    sizeof(block), 512, 0, 0, 0, 0, 0);
	int status = task ? task->status : SCSI_STATUS_ERROR;
	if (task)
		scsi_free_scsi_task(task);
	/* The first command of a session may only say that the session is new. */
	return status == SCSI_STATUS_GOOD || (n == 1 && status == SCSI_STATUS_CHECK_CONDITION) ? 0
											       : -1;
}

int main(int argc, char **argv)
{
	int lun[2];
	struct iscsi_context *iscsi[2];
	if (argc != 4)
		return 2;
	for (int i = 0; i < 2; i++) {
		iscsi[i] = connect_to(argv[1], argv[2 + i], &lun[i]);
		if (!iscsi[i])
			return 1;
	}
	for (uint64_t n = 1;; n++)
		for (int i = 0; i < 2; i++)
			if (write_number(iscsi[i], lun[i], n) < 0)
				return 1;
}
