/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * software - see software.h.
 *
 * Nothing is frozen by us here: device-mapper freezes the file system on a logical volume by itself
 * for the moment in which its snapshot begins, and LVM writes to files of its own meanwhile, which
 * might lie on what we had frozen. So each volume is consistent, and several are of slightly
 * different moments, unless hooks keep the applications still all the while.
 *
 * A snapshot of Btrfs is a folder of the same file system, not blocks, and so is of no use here.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hook.h"
#include "logical.h"
#include "software.h"
#include "lunette/json.h"

struct software {
	struct session *session;
	struct channel *ch;
	struct logical_volume *volumes;
	json_t *disks;
	json_t *warnings;
	const char *hooks;
};

static void run_hook(struct software *s, const char *path, const char *phase, const bool *stop)
{
	struct hook hook = { .path = path,
			     .phase = phase,
			     .session = s->session->name,
			     .limit_ms = s->session->hook_limit_ms,
			     .stop = stop };
	struct error why = { 0 };
	if (!path)
		return;
	if (hook_run(&hook, s->ch, &why) < 0) {
		session_warn(s->warnings, "%s", why.msg);
		s->hooks = "failed";
	} else if (strcmp(s->hooks, "none") == 0) {
		s->hooks = "ok";
	}
}

/* Before anything is done: can it be done for all of them? */
static int find_all(struct software *s, struct error *err)
{
	struct session *session = s->session;
	for (size_t i = 0; i < session->n_volumes; i++) {
		const struct session_volume *v = &session->volumes[i];
		struct error why = { 0 };
		int rc = logical_find(v->device, &s->volumes[i], &why);
		if (rc == -ENOTSUP && strcmp(v->type, "btrfs") == 0)
			return error_set(err, rc,
					 "no snapshot of '%s' is possible: %s, and snapshots of "
					 "Btrfs itself are folders, which cannot be read as blocks",
					 v->point, why.msg);
		if (rc < 0)
			return error_set(err, rc, "no snapshot of '%s' is possible: %s", v->point,
					 why.msg);
	}
	return 0;
}

static int take_all(struct software *s, struct error *err)
{
	struct session *session = s->session;
	for (size_t i = 0; i < session->n_volumes; i++) {
		const struct session_volume *v = &session->volumes[i];
		char path[300];
		int rc =
			logical_snapshot(&s->volumes[i], session->name, (unsigned int)i, path, err);
		if (rc < 0)
			return error_wrap(err, rc, "snapshot of '%s'", v->point);
		channel_log(s->ch, false, "took a snapshot of '%s': '%s'", v->point, path);
		json_array_append_new(s->disks,
				      json_pack("{s:o, s:s, s:I, s:i, s:s}", "name",
						json_text(v->point), "export", path, "size",
						(json_int_t)s->volumes[i].size, "sector_size", 512,
						"original", v->device));
	}
	if (session->n_volumes > 1 && strcmp(s->hooks, "ok") != 0)
		session_warn(s->warnings,
			     "the snapshots of the %zu volumes are of slightly "
			     "different moments",
			     session->n_volumes);
	return 0;
}

static int run(struct software *s, struct error *err)
{
	struct session *session = s->session;
	int rc = find_all(s, err);
	if (rc == 0)
		rc = logical_remove(session->name, err); /* of a run that came to a sudden end */
	if (rc < 0)
		return rc;
	session->running = true;
	session->aborted = false;
	run_hook(s, session->pre_freeze, "pre-freeze", &session->aborted);
	rc = session->aborted ? error_set(err, -ECANCELED, "the snapshot was given up")
			      : take_all(s, err);
	run_hook(s, session->post_thaw, "post-thaw", NULL);
	session->running = false;
	if (rc < 0) {
		struct error why = { 0 };
		if (logical_remove(session->name, &why) < 0)
			channel_log(s->ch, true, "a snapshot is left: %s", why.msg);
	}
	return rc;
}

int software_snapshot(struct session *session, struct channel *ch, json_t **ret, struct error *err)
{
	if (session->software) {
		*ret = json_incref(session->software);
		return 0;
	}
	CLEANUP(free_cleanup)
	struct logical_volume *volumes =
		calloc(session->n_volumes ? session->n_volumes : 1, sizeof(*volumes));
	CLEANUP(json_cleanup) json_t *disks = json_array();
	CLEANUP(json_cleanup) json_t *warnings = json_array();
	if (!volumes || !disks || !warnings)
		return error_set(err, -ENOMEM, "software snapshot: %m");
	struct software s = { .session = session,
			      .ch = ch,
			      .volumes = volumes,
			      .disks = disks,
			      .warnings = warnings,
			      .hooks = "none" };
	int rc = run(&s, err);
	if (rc < 0)
		return rc;
	bool application = session->pre_freeze && strcmp(s.hooks, "ok") == 0;
	*ret = json_pack("{s:s, s:s, s:O, s:O}", "consistency",
			 application ? "application" : "filesystem", "hooks", s.hooks, "disks",
			 disks, "warnings", warnings);
	session->software = json_incref(*ret);
	return *ret ? 0 : error_set(err, -ENOMEM, "software snapshot: %m");
}
