/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lun-sense - what the complaints of a LUN mean, in a verdict and in words.
 */
#include <stdio.h>

#include "lun.h"

/* Response codes of sense data that speaks of an earlier command: this one was not carried out. */
#define SENSE_DEFERRED_FIXED      0x71
#define SENSE_DEFERRED_DESCRIPTOR 0x73

static enum lun_verdict judge_sense(const struct scsi_sense *sense)
{
	int asc = sense->ascq >> 8;
	if (sense->error_type == SENSE_DEFERRED_FIXED ||
	    sense->error_type == SENSE_DEFERRED_DESCRIPTOR)
		return LUN_RETRY;
	switch ((int)sense->key) {
	case SCSI_SENSE_NO_SENSE:
	case SCSI_SENSE_RECOVERED_ERROR:
		return LUN_DONE;
	case SCSI_SENSE_UNIT_ATTENTION:
		/* 3Fh: something about the LUN has changed; 2A09h: its capacity has. */
		return asc == 0x3f || sense->ascq == 0x2a09 ? LUN_SUSPECT : LUN_RETRY;
	case SCSI_SENSE_NOT_READY:
		/* Becoming ready, operation in progress, changing from one path to another. */
		return sense->ascq == 0x0401 || sense->ascq == 0x0407 || sense->ascq == 0x040a
			       ? LUN_RETRY
			       : LUN_FAIL;
	case SCSI_SENSE_COMMAND_ABORTED:
		return LUN_RETRY;
	case SCSI_SENSE_ILLEGAL_REQUEST:
		return asc == 0x25 ? LUN_GONE : LUN_FAIL;
	default:
		return LUN_FAIL;
	}
}

enum lun_verdict lun_judge(int status, const struct scsi_sense *sense)
{
	switch (status) {
	case SCSI_STATUS_CHECK_CONDITION:
		return judge_sense(sense);
	case SCSI_STATUS_RESERVATION_CONFLICT:
	case SCSI_STATUS_ACA_ACTIVE:
		return LUN_FAIL;
	default:
		return LUN_RETRY;
	}
}

enum lun_verdict lun_judge_who(int status, const struct scsi_sense *sense)
{
	enum lun_verdict verdict = lun_judge(status, sense);
	bool unknown =
		status == SCSI_STATUS_CHECK_CONDITION && sense->key == SCSI_SENSE_ILLEGAL_REQUEST;
	return verdict == LUN_FAIL && !unknown ? LUN_RETRY : verdict;
}

/* Source: SPC-4, 4.5.6. libiscsi's own list lacks some of them, MEDIUM ERROR for one. */
static const char *const keys[] = {
	"NO SENSE",       "RECOVERED ERROR", "NOT READY",      "MEDIUM ERROR",
	"HARDWARE ERROR", "ILLEGAL REQUEST", "UNIT ATTENTION", "DATA PROTECT",
	"BLANK CHECK",    "VENDOR SPECIFIC", "COPY ABORTED",   "ABORTED COMMAND",
	"RESERVED",       "VOLUME OVERFLOW", "MISCOMPARE",     "COMPLETED",
};

/* What reading gives as causes. Source: SPC-4, annex D; 0 for what any qualifier stands behind. */
static const struct {
	int ascq;
	const char *text;
} causes[] = {
	{ 0x0400, "not ready" },
	{ 0x0401, "becoming ready" },
	{ 0x0402, "an initializing command is required" },
	{ 0x0403, "manual intervention is required" },
	{ 0x040b, "the path is in standby" },
	{ 0x040c, "the path is unavailable" },
	{ 0x1100, "unrecovered read error" },
	{ 0x1104, "unrecovered read error, automatic reallocation failed" },
	{ 0x110b, "unrecovered read error, the block is to be reassigned" },
	{ 0x1400, "recorded entity not found" },
	{ 0x1600, "data synchronization mark error" },
	{ 0x2000, "invalid command" },
	{ 0x2100, "block address out of range" },
	{ 0x2400, "invalid field in the command" },
	{ 0x2500, "there is no such LUN" },
	{ 0x4400, "internal failure of the target" },
};

static const char *cause_of(int ascq)
{
	for (size_t i = 0; i < ARRAY_SIZE(causes); i++)
		if (causes[i].ascq == ascq)
			return causes[i].text;
	const char *text = scsi_sense_ascq_str(ascq);
	return text ? text : "no known cause";
}

const char *lun_why(int status, const struct scsi_sense *sense, char *buf)
{
	if (status == SCSI_STATUS_CHECK_CONDITION)
		snprintf(buf, LUN_WHY_MAX, "%s, %s (0x%04x)", keys[sense->key & 0x0fu],
			 cause_of(sense->ascq), (unsigned int)sense->ascq & 0xffffu);
	else if (status == SCSI_STATUS_RESERVATION_CONFLICT)
		snprintf(buf, LUN_WHY_MAX, "it is reserved for another host");
	else
		snprintf(buf, LUN_WHY_MAX, "status 0x%x", (unsigned int)status);
	return buf;
}

/* ---- commands, one at a time ---- */
