/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * snapshot - the moment itself: hooks, freeze, "commit now", wait, thaw.
 *
 * What is told of it is what has been seen: that all was frozen when the storage said that it was
 * done, and not what was meant to be.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "direct.h"
#include "freeze.h"
#include "hook.h"
#include "session.h"
#include "lunette/clock.h"
#include "lunette/json.h"

/* The product's limits, for jobs that say none. */
#define COMMIT_LIMIT_MS 9000
#define FREEZE_LIMIT_MS 60000

/**
 * struct snapshot_run - one run of the verb
 * @contents, @warnings: members of the result; the caller's
 * @hooks: "none", "ok" or "failed"
 * @all: everything that should be still was
 * @exceeded: it was not so long enough
 */
struct snapshot_run {
	struct session *session;
	struct channel *ch;
	struct freeze *freeze;
	int commit_ms;
	int freeze_ms;
	json_t *contents;
	json_t *warnings;
	const char *hooks;
	bool all;
	bool exceeded;
	int64_t frozen_ms;
};

static void warn(void *ctx, const char *sentence)
{
	struct snapshot_run *m = ctx;
	m->all = false;
	session_warn(m->warnings, "%s", sentence);
	channel_log(m->ch, true, "%s", sentence);
}

/* ---- hooks ---- */

static void run_hook(struct snapshot_run *m, const char *path, const char *phase, const bool *stop)
{
	struct hook hook = { .path = path,
			     .phase = phase,
			     .session = m->session->name,
			     .limit_ms = m->session->hook_limit_ms,
			     .stop = stop };
	struct error why = { 0 };
	int64_t start = clock_now_ms();
	if (hook_run(&hook, m->ch, &why) < 0) {
		m->hooks = "failed";
		session_warn(m->warnings, "%s", why.msg);
		channel_log(m->ch, true, "%s", why.msg);
		return;
	}
	if (strcmp(m->hooks, "none") == 0)
		m->hooks = "ok";
	channel_log(m->ch, false, "%s hook '%s' ended after %lld ms", phase, path,
		    (long long)(clock_now_ms() - start));
}

/* ---- freeze ---- */

static int open_volumes(struct snapshot_run *m, struct error *err)
{
	struct session *s = m->session;
	CLEANUP(free_cleanup)
	struct freeze_fs *list = calloc(s->n_volumes ? s->n_volumes : 1, sizeof(*list));
	if (!list)
		return error_set(err, -ENOMEM, "snapshot: %m");
	size_t n = 0;
	for (size_t i = 0; i < s->n_volumes; i++) {
		struct session_volume *v = &s->volumes[i];
		if (!v->why_not) {
			list[n++] = (struct freeze_fs){ .point = v->point, .mount = v->mount };
		} else if (!v->harmless) {
			m->all = false;
			session_warn(m->warnings, "'%s' is crash consistent only: %s", v->point,
				     v->why_not);
		}
	}
	return freeze_new(s->name, list, n, &m->freeze, err);
}

/* What cannot be frozen is at least written out. */
static void sync_others(const struct session *s)
{
	for (size_t i = 0; i < s->n_volumes; i++) {
		if (!s->volumes[i].why_not)
			continue;
		CLEANUP(close_cleanup) int fd = open(s->volumes[i].point, O_RDONLY | O_CLOEXEC);
		if (fd >= 0)
			syncfs(fd);
	}
}

/* ---- what the freeze has written ---- */

static void read_content(struct snapshot_run *m, const struct session_volume *v)
{
	CLEANUP(blk_unref_cleanup) struct blk *blk = NULL;
	struct signature signature;
	if (direct_open(v->device, &blk, NULL) < 0 ||
	    signature_of_moment(blk, &signature, NULL) < 0)
		return;
	CLEANUP(json_cleanup)
	json_t *content = json_pack("{s:o, s:s, s:s, s:I}", "name", json_text(v->point), "type",
				    v->type, "uuid", v->uuid, "size", (json_int_t)v->size);
	if (content && signature_json(&signature, content, NULL) == 0)
		json_array_append(m->contents, content);
}

/* In the time in which the storage works; after each the job may have something to say. */
static void read_contents(struct snapshot_run *m)
{
	struct session *s = m->session;
	for (size_t i = 0; i < s->n_volumes; i++)
		for (size_t k = 0; k < m->freeze->n; k++)
			if (m->freeze->list[k].frozen &&
			    m->freeze->list[k].point == s->volumes[i].point)
				read_content(m, &s->volumes[i]);
}

/* ---- commit ---- */

static int wait_for_commit(struct snapshot_run *m, struct error *err)
{
	struct session *s = m->session;
	int64_t until = MIN(clock_now_ms() + m->commit_ms, m->freeze->until);
	if (clock_now_ms() >= until) {
		m->exceeded = true;
		return 0;
	}
	channel_event(m->ch, json_pack("{s:s, s:s, s:I}", "event", "commit-now", "session", s->name,
				       "deadline_ms",
				       (json_int_t)MAX(until - clock_now_ms(), (int64_t)0)));
	read_contents(m);
	while (!s->committed && !s->aborted && !m->ch->ended) {
		struct pollfd dog = { .fd = m->freeze->dog.fd, .events = POLLIN };
		int rc = channel_wait(m->ch, &dog, 1, until, err);
		if (rc < 0)
			return rc;
		enum watchdog_state state =
			dog.revents ? watchdog_look(&m->freeze->dog) : WATCHDOG_ON_GUARD;
		if (state == WATCHDOG_GONE)
			warn(m, "the watchdog was killed, so that the file systems were thawed");
		if (state != WATCHDOG_ON_GUARD || (!s->committed && clock_now_ms() >= until)) {
			m->exceeded = true;
			return 0;
		}
	}
	return 0;
}

/* From here on something may be frozen. */
static int freeze_and_commit(struct snapshot_run *m, struct error *err)
{
	int rc = freeze_begin(m->freeze, m->freeze_ms, m->ch, warn, m, err);
	if (rc < 0)
		return rc;
	rc = wait_for_commit(m, err);
	if (!freeze_end(m->freeze, m->ch))
		m->exceeded = true;
	m->frozen_ms = m->freeze->n ? clock_now_ms() - m->freeze->began : 0;
	if (m->exceeded)
		session_warn(m->warnings,
			     "the storage did not say in time that it had taken the snapshot: the "
			     "file systems were thawed after %lld ms",
			     (long long)m->frozen_ms);
	return rc;
}

/* ---- the verb ---- */

static const char *consistency(const struct snapshot_run *m)
{
	if (!m->all || m->exceeded)
		return "crash";
	return m->session->pre_freeze && strcmp(m->hooks, "ok") == 0 ? "application" : "filesystem";
}

static int run(struct snapshot_run *m, struct error *err)
{
	struct session *s = m->session;
	int rc = open_volumes(m, err);
	if (rc < 0)
		return rc;
	if (s->pre_freeze)
		run_hook(m, s->pre_freeze, "pre-freeze", &s->aborted);
	sync_others(s);
	if (!s->aborted && !m->ch->ended)
		rc = freeze_and_commit(m, err);
	if (s->post_thaw)
		run_hook(m, s->post_thaw, "post-thaw", NULL);
	if (rc == 0 && (s->aborted || m->ch->ended))
		rc = error_set(err, -ECANCELED, "the snapshot was given up");
	return rc;
}

int session_snapshot(struct session *s, const json_t *params, struct channel *ch, json_t **ret,
		     struct error *err)
{
	CLEANUP(json_cleanup) json_t *contents = json_array();
	CLEANUP(json_cleanup) json_t *warnings = json_array();
	struct snapshot_run m = { .session = s,
				  .ch = ch,
				  .contents = contents,
				  .warnings = warnings,
				  .hooks = "none",
				  .all = true };
	int rc = session_limit(params, "commit_limit_ms", COMMIT_LIMIT_MS, &m.commit_ms, err);
	if (rc == 0)
		rc = session_limit(params, "freeze_limit_ms", FREEZE_LIMIT_MS, &m.freeze_ms, err);
	if (rc < 0)
		return rc;
	s->running = true;
	s->committed = s->aborted = false;
	rc = run(&m, err);
	s->running = false;
	freeze_free(m.freeze);
	if (rc < 0)
		return rc;
	*ret = json_pack("{s:s, s:I, s:b, s:s, s:O, s:O}", "consistency", consistency(&m),
			 "frozen_ms", (json_int_t)m.frozen_ms, "window_exceeded", m.exceeded,
			 "hooks", m.hooks, "contents", contents, "warnings", warnings);
	return *ret ? 0 : error_set(err, -ENOMEM, "snapshot: %m");
}
