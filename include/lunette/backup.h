/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * backup - one backup: the disks of a plan go into a repository, one after the other, and become
 * one restore point, which is written last.
 */
#ifndef LUNETTE_BACKUP_H
#define LUNETTE_BACKUP_H

#include "lunette/moment.h"
#include "lunette/repo.h"
#include "lunette/source.h"
#include "lunette/parent.h"
#include "lunette/plan.h"
#include "lunette/writer.h"

/**
 * struct backup_request - what is to be done
 * @name: what the restore point is called: see backup_check_name()
 * @parent: for what is unchanged since; NULL when all is to be read
 * @sources: one a disk of the plan's layout, for what is known of its LUN
 * @facts: members of the manifest that only the caller knows, as "host" and "consistency"; may be
 *         NULL
 */
struct backup_request {
	const char *name;
	const json_t *facts;
	struct parent *parent;
	struct source *const *sources;
	struct writer_options writer;
};

/**
 * struct backup_result - what was done
 * @id: of the restore point
 * @time: that the restore point bears: when the backup began
 * @stats: filled in while it goes on
 */
struct backup_result {
	char id[65];
	char time[MOMENT_TEXT];
	struct writer_stats stats;
};

/**
 * backup_check_name() - may a restore point be called so?
 *
 * A name is part of a path and of a POINT: 1 to 255 bytes of UTF-8, without '/', '@' and control
 * characters, and not "." or "..".
 *
 * Return: 0 or -EINVAL.
 */
int backup_check_name(const char *name, struct error *err);

/**
 * backup_run() - do it
 *
 * Return: 0 when the restore point is on stable storage; otherwise there is none.
 */
int backup_run(struct repo *repo, const struct plan *plan, const struct backup_request *request,
	       struct backup_result *ret, struct error *err);

#endif
