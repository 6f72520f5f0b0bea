/* SPDX-License-Identifier: GPL-3.0-or-later */
/* backup-report - what a backup did, for people and for scripts. */
#ifndef BACKUP_REPORT_H
#define BACKUP_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "lunette/backup.h"

/**
 * struct backup_report - what is reported
 * @name: of the restore point
 * @seconds: that the command took
 * @warnings: whether there were any
 * @parent: id of the restore point before, of which unchanged chunks were taken; NULL without one
 * @excluded: what was left out, as the manifest says it; NULL when that is nothing
 * @unreadable: see struct bad_list; NULL when it was not to be skipped
 * @verified: whether some of them were read all the same: @n_verified, chosen by @seed
 */
struct backup_report {
	const char *name;
	const struct backup_result *result;
	double seconds;
	bool warnings;
	const char *parent;
	json_t *excluded;
	json_t *unreadable;
	bool verified;
	uint64_t n_verified;
	uint64_t seed;
};

int backup_report_text(const struct backup_report *report, struct error *err);
int backup_report_json(const struct backup_report *report, struct error *err);

#endif
