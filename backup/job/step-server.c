/* SPDX-License-Identifier: GPL-3.0-or-later */
/* step-server - what is done with the agent on the server: reach it, learn which disks carry the
 * volumes, and freeze them while the storage takes its snapshot; or have it take one itself. See
 * steps.c. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "lunette/clock.h"
#include "lunette/json.h"
#include "run.h"
#include "lunette/shape.h"
#include "verify.h"

#define SLACK_MS      5000 /* of a call that has limits of its own within */
#define THAW_TRIES    5    /* in which a minute passes while an agent says that it is frozen */
#define THAW_PAUSE_MS 500

static void on_agent_log(void *ctx, const char *line)
{
	story_quote(((struct run *)ctx)->log.story, "agent", line);
}

/* What the agent thinks of what it did. */
static void take_warnings(struct run *run, const json_t *result)
{
	const json_t *warnings = json_object_get(result, "warnings");
	for (size_t i = 0; i < json_array_size(warnings); i++)
		run_warn(run, "agent: %s", json_string_value(json_array_get(warnings, i)));
	if (strcmp(shape_text(result, "hooks"), "failed") == 0)
		run_warn(run, "a hook on the server failed: the applications are not consistent");
}

/* ---- agent ------------------------------------------------------------------------------------
 */

static int check_cluster(struct run *run, struct error *err)
{
	const struct settings *s = run->settings;
	const json_t *cluster = json_object_get(run->server.info, "cluster");
	if (!shape_flag(cluster, "member") || s->cluster)
		return 0;
	if (s->snapshot_limit > 9000)
		return error_set(err, -EINVAL,
				 "the server is a member of a cluster (%s): [limits] snapshot must "
				 "not be more than 9s, and [server] cluster = yes belongs into the "
				 "job file",
				 shape_text(cluster, "kind"));
	run_warn(run, "the server is a member of a cluster (%s), and the job file does not say so",
		 shape_text(cluster, "kind"));
	return 0;
}

int step_agent(struct run *run, struct error *err)
{
	const struct settings *s = run->settings;
	const struct server_options options = {
		.agent = s->agent,
		.program = s->agent_program,
		.install = s->install_agent,
		.look_only = !run->log.journal, /* who only checks changes nothing */
		.secrets = run->server.chap,
		.log = on_agent_log,
		.ctx = run,
		.stop = run->stop,
	};
	int rc = server_open(&options, &run->server.link, err);
	if (rc == 0)
		rc = server_info(run->server.link, s->disks, s->agent_limit, &run->server.info,
				 err);
	if (rc < 0)
		return rc;
	const json_t *hello = server_hello(run->server.link);
	story_say(run->log.story, "the agent %s answers on '%s' (%s)", shape_text(hello, "version"),
		  shape_text(hello, "host"), shape_text(hello, "os"));
	return check_cluster(run, err);
}

int step_agent_undo(struct run *run, struct error *err)
{
	(void)err;
	server_close(steal(&run->server.link));
	return 0;
}

/* ---- disks ------------------------------------------------------------------------------------
 */

static json_t *volume_names(const struct settings *s)
{
	json_t *names = json_array();
	for (size_t i = 0; i < s->volumes.n; i++)
		json_array_append_new(names, json_string(s->volumes.items[i]));
	return names;
}

static json_t *prepare_params(const struct run *run)
{
	const struct settings *s = run->settings;
	json_t *hooks =
		s->pre_freeze || s->post_thaw
			? json_pack("{s:s*, s:s*, s:I}", "pre_freeze", s->pre_freeze, "post_thaw",
				    s->post_thaw, "limit_ms", (json_int_t)s->hook_limit)
			: NULL;
	return json_pack("{s:s, s:o, s:O, s:o*, s:I}", "session", run->who.name, "volumes",
			 volume_names(s), "identities", s->disks, "hooks", hooks, "freeze_limit_ms",
			 (json_int_t)s->freeze_limit);
}

/* Several paths to one LUN are one disk. */
static bool is_known(const struct run *run, const char *identity)
{
	for (size_t i = 0; i < run->snapshot.n_luns; i++)
		if (strcasecmp(shape_text(run->snapshot.luns[i].disk, "identity"), identity) == 0)
			return true;
	return false;
}

static int take_disks(struct run *run, struct error *err)
{
	size_t n = json_array_size(run->server.disks);
	if (n == 0)
		return error_set(err, -ENODATA, "no disk of the server carries any of the volumes");
	run->snapshot.luns = calloc(n, sizeof(*run->snapshot.luns));
	if (!run->snapshot.luns)
		return error_set(err, -ENOMEM, "%zu disks: %m", n);
	for (size_t i = 0; i < n; i++) {
		const json_t *disk = json_array_get(run->server.disks, i);
		const char *identity = shape_text(disk, "identity");
		if (!*identity)
			return error_set(err, -ENODATA,
					 "disk '%s' cannot tell its identity: [disks] %s = naa.... "
					 "says it",
					 shape_text(disk, "name"), shape_text(disk, "name"));
		if (!is_known(run, identity))
			run->snapshot.luns[run->snapshot.n_luns++].disk = disk;
	}
	return 0;
}

/* Which volumes of the storage are the server's disks? */
static int resolve(struct run *run, struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *asked = json_array(), *found = NULL;
	for (size_t i = 0; i < run->snapshot.n_luns; i++) {
		const json_t *disk = run->snapshot.luns[i].disk;
		json_array_append_new(asked, json_pack("{s:s, s:I}", "identity",
						       shape_text(disk, "identity"), "size",
						       (json_int_t)shape_size(disk, "size")));
	}
	int rc = plugin_resolve(run->storage.plugin, asked, run->settings->storage_limit, &found,
				err);
	if (rc == -ENOENT)
		return error_wrap(err, rc,
				  "not every disk that carries a part of the volumes is a LUN of "
				  "this storage");
	if (rc < 0)
		return rc;
	run->storage.volumes = json_array();
	for (size_t i = 0; i < run->snapshot.n_luns; i++) {
		const json_t *volume = json_array_get(found, i);
		struct run_lun *lun = &run->snapshot.luns[i];
		if (shape_size(volume, "size") != shape_size(lun->disk, "size"))
			return error_set(err, -EUCLEAN,
					 "disk '%s' has %ju bytes, and volume '%s' of the storage "
					 "%ju: they cannot be the same",
					 shape_text(lun->disk, "name"),
					 (uintmax_t)shape_size(lun->disk, "size"),
					 shape_text(volume, "volume"),
					 (uintmax_t)shape_size(volume, "size"));
		lun->volume = strdup(shape_text(volume, "volume"));
		if (!lun->volume ||
		    json_array_append_new(run->storage.volumes, json_string(lun->volume)) < 0)
			return error_set(err, -ENOMEM, "%m");
		story_say(run->log.story, "disk '%s' (%s) is volume '%s'",
			  shape_text(lun->disk, "name"), shape_text(lun->disk, "identity"),
			  lun->volume);
	}
	return 0;
}

int step_disks(struct run *run, struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *params = prepare_params(run), *prepared = NULL;
	int rc = run_intent(run, "agent-prepare", json_object(), err);
	if (rc == 0)
		rc = server_prepare(run->server.link, params, run->settings->agent_limit, &prepared,
				    err);
	if (rc < 0)
		return rc;
	run->server.disks = json_incref(json_object_get(prepared, "disks"));
	run->server.volumes = json_incref(json_object_get(prepared, "volumes"));
	take_warnings(run, prepared);
	rc = take_disks(run, err);
	if (rc == 0)
		rc = resolve(run, err);
	if (rc == 0 && strcmp(run->settings->agent, "local") == 0)
		rc = verify_set(run, err);
	return rc;
}

/* The agent is gone, and its watchdog may be gone with it: whoever is there thaws. */
static int thaw_by_another(struct run *run, struct error *err)
{
	unsigned int limit = run->settings->agent_limit;
	struct error why = { 0 };
	int rc = -EAGAIN;
	for (int i = 0; rc < 0 && i < THAW_TRIES; i++) {
		if (i > 0)
			poll(NULL, 0, THAW_PAUSE_MS);
		why = (struct error){ 0 };
		rc = server_thaw(run->server.link, run->who.name, limit, &why);
	}
	if (rc < 0)
		return error_set(
			err, rc,
			"the agent is gone, and whether its watchdog has thawed the server "
			"cannot be seen: %.350s",
			why.msg);
	story_say(run->log.story, "another agent has seen to it that nothing stays frozen");
	return 0;
}

/* What is frozen, should the snapshot have gone wrong; else there is nothing to abort. */
static int thaw(struct run *run, struct error *err)
{
	struct server *link = run->server.link;
	int rc = server_alive(link)
			 ? server_abort(link, run->who.name, run->settings->agent_limit, err)
			 : 0;
	if (!server_alive(link) && run->server.freezing)
		rc = thaw_by_another(run, err);
	if (rc == 0)
		run->server.freezing = false;
	return rc;
}

int step_disks_undo(struct run *run, struct error *err)
{
	return run->server.link ? thaw(run, err) : 0;
}

/* ---- snapshot ---------------------------------------------------------------------------------
 */

/**
 * struct commit_moment - between "commit now" and "committed"
 * @begun: the storage was asked
 */
struct commit_moment {
	struct run *run;
	bool begun;
	int rc;
	struct error err;
	int64_t ms;
	json_t *snapshots;
};

/* All that happens while the server is frozen; the intent has been noted before. */
static int commit(void *ctx)
{
	struct commit_moment *m = ctx;
	const struct settings *s = m->run->settings;
	int64_t begin = clock_now_ms();
	m->begun = true;
	m->rc = plugin_commit(m->run->storage.plugin, m->run->who.name, m->run->storage.volumes,
			      s->snapshot_limit, &m->snapshots, &m->err);
	m->ms = clock_now_ms() - begin;
	return m->rc;
}

static int take_snapshots(struct run *run, const json_t *snapshots, struct error *err)
{
	for (size_t i = 0; i < run->snapshot.n_luns; i++) {
		const json_t *snapshot = json_array_get(snapshots, i);
		struct run_lun *lun = &run->snapshot.luns[i];
		lun->snapshot = strdup(shape_text(snapshot, "snapshot"));
		if (!lun->snapshot)
			return error_set(err, -ENOMEM, "%m");
		run->snapshot.sure = true;
		if (shape_size(snapshot, "size") != shape_size(lun->disk, "size"))
			return error_set(err, -EUCLEAN,
					 "snapshot '%s' has %ju bytes, and its volume '%s' %ju",
					 lun->snapshot, (uintmax_t)shape_size(snapshot, "size"),
					 lun->volume, (uintmax_t)shape_size(lun->disk, "size"));
	}
	return 0;
}

/* A yes is believed when the list says the same. */
static int check_listed(struct run *run, struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *objects = NULL;
	int rc = plugin_list(run->storage.plugin, false, run->settings->storage_limit, &objects,
			     err);
	for (size_t i = 0; rc == 0 && i < run->snapshot.n_luns; i++) {
		bool found = false;
		for (size_t k = 0; k < json_array_size(objects); k++) {
			const json_t *o = json_array_get(objects, k);
			if (strcmp(shape_text(o, "kind"), "snapshot") == 0 &&
			    strcmp(shape_text(o, "id"), run->snapshot.luns[i].snapshot) == 0 &&
			    strcmp(shape_text(o, "owner"), run->who.owner) == 0)
				found = true;
		}
		if (!found)
			rc = error_set(err, -EUCLEAN,
				       "the storage says that it took snapshot '%s', and does not "
				       "list it: there is none",
				       run->snapshot.luns[i].snapshot);
	}
	return rc;
}

static void tell_freeze(struct run *run, const struct commit_moment *m)
{
	take_warnings(run, run->server.frozen);
	story_say(run->log.story, "the storage answered after %jd ms; frozen for %ju ms in all",
		  (intmax_t)m->ms, (uintmax_t)shape_size(run->server.frozen, "frozen_ms"));
	if (shape_flag(run->server.frozen, "window_exceeded"))
		run_warn(run, "frozen, but the window was exceeded: the snapshot is no more than "
			      "crash consistent");
}

/* What comes next may take its time. When this fails, it is tried again on the way up, and told. */
static void thaw_at_once(struct run *run, int why)
{
	struct error err = { 0 };
	if (why == -EINTR)
		server_ignore_stop(run->server.link);
	if (thaw(run, &err) < 0)
		story_say(run->log.story, "%s", err.msg);
}

int step_snapshot(struct run *run, struct error *err)
{
	const struct settings *s = run->settings;
	struct commit_moment m = { .run = run };
	struct error why = { 0 };
	int rc = run_intent(
		run, "commit",
		json_pack("{s:s, s:O}", "name", run->who.name, "volumes", run->storage.volumes),
		err);
	if (rc < 0)
		return rc;
	run->snapshot.committed = true;
	run->server.freezing = true;
	rc = server_snapshot(run->server.link, run->who.name, s->commit_limit, s->freeze_limit,
			     s->freeze_limit + 2 * s->hook_limit + SLACK_MS, commit, &m,
			     &run->server.frozen, &why);
	CLEANUP(json_decref_cleanup) json_t *snapshots = m.snapshots;
	run->server.freezing = !run->server.frozen;
	if (run->server.frozen)
		tell_freeze(run, &m);
	else
		thaw_at_once(run, rc);
	if (m.begun && m.rc < 0) /* the storage's error is the cause, whatever the agent said */
		return error_copy(err, m.rc, &m.err);
	if (rc == 0 && !m.begun)
		rc = error_set(&why, -EPROTO,
			       "the agent froze and thawed without saying 'commit "
			       "now'");
	if (rc < 0)
		return error_copy(err, rc, &why);
	rc = take_snapshots(run, snapshots, err);
	if (rc == 0)
		rc = check_listed(run, err);
	if (rc == 0)
		story_say(run->log.story, "snapshot '%s' is taken: %s", run->who.name,
			  run_consistency_text(run));
	close_cleanup(&run->storage.reservation); /* the storage lists it now */
	run->storage.reservation = -1;
	return rc;
}

/* ---- software: the failover --------------------------------------------------------------------
 */

/* From here on the disks are those of the snapshot: one a volume. */
static int take_software_disks(struct run *run, struct error *err)
{
	const json_t *disks = json_object_get(run->server.software, "disks");
	size_t n = json_array_size(disks);
	run_drop_luns(run);
	run->snapshot.luns = calloc(n ? n : 1, sizeof(*run->snapshot.luns));
	if (!run->snapshot.luns)
		return error_set(err, -ENOMEM, "%zu disks: %m", n);
	for (; run->snapshot.n_luns < n; run->snapshot.n_luns++) {
		const json_t *disk = json_array_get(disks, run->snapshot.n_luns);
		run->snapshot.luns[run->snapshot.n_luns].disk = disk;
		story_say(run->log.story, "the server took a snapshot of '%s' (%s): '%s'",
			  shape_text(disk, "name"), shape_text(disk, "original"),
			  shape_text(disk, "export"));
	}
	return n ? 0 : error_set(err, -EPROTO, "the agent took a snapshot of nothing");
}

int step_software(struct run *run, struct error *err)
{
	const struct settings *s = run->settings;
	CLEANUP(json_decref_cleanup) json_t *params = prepare_params(run);
	int rc = run_intent(run, "software-snapshot", json_object(), err);
	if (rc == 0)
		rc = server_software_snapshot(run->server.link, params,
					      s->agent_limit + 2 * s->hook_limit + SLACK_MS,
					      &run->server.software, err);
	if (rc < 0)
		return rc;
	take_warnings(run, run->server.software);
	if (s->whole_disks)
		run_warn(run, "[backup] whole-disks: only the volumes themselves are backed up, "
			      "because the server's own snapshots show nothing else");
	rc = take_software_disks(run, err);
	if (rc == 0)
		story_say(run->log.story, "the server's own snapshot is %s",
			  run_consistency_text(run));
	return rc;
}

/* Also forgets the session. */
int step_software_undo(struct run *run, struct error *err)
{
	unsigned int limit = run->settings->agent_limit;
	if (!server_alive(run->server.link))
		return error_set(err, -EPIPE,
				 "the agent is gone: nobody knows whether a snapshot "
				 "is left on the server");
	int rc = server_software_remove(run->server.link, run->who.name, limit, err);
	if (rc == -EOPNOTSUPP)
		rc = 0;
	return rc < 0 ? rc : server_abort(run->server.link, run->who.name, limit, err);
}
