/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * commit - all volumes of a set at one moment.
 *
 * They are suspended, which waits for what is being written and holds what comes; the pool makes
 * the snapshots; they are resumed: milliseconds. A guard resumes them whatever happens to us.
 */
#include <errno.h>

#include "lunette/clock.h"
#include "lunette/json.h"
#include "lunette/moment.h"
#include "lvm-thin.h"

/* Longer than this no server is to wait for its disks. */
#define SUSPENDED_MS 3000

/**
 * struct moment - what is to be done
 * @n: how many members
 */
struct moment {
	size_t n;
	struct {
		struct thin volume;
		struct thin pool;
		long long origin;
		long long snapshot;
	} of[];
};

static int plan_one(const struct vg *vg, const json_t *member, struct moment *m, struct error *err)
{
	const json_t *lv = vg_find(vg, lv_tag(member, "volume"));
	const char *pool = lv_text(lv, "pool_lv");
	size_t i = m->n;
	if (!lv || !*pool || strcmp(pool, lv_text(member, "pool_lv")) != 0 ||
	    lv_number(lv, "lv_size") != lv_number(member, "lv_size"))
		return error_set(err, -ESTALE,
				 "volume '%s' is not what it was when the set was prepared",
				 lv_tag(member, "volume"));
	m->of[i].origin = lv_number(lv, "thin_id");
	m->of[i].snapshot = lv_number(member, "thin_id");
	if (m->of[i].snapshot < 0 || lv_number(member, "lv_kernel_major") >= 0)
		return error_set(err, -ESTALE, "'%s/%s' was activated by somebody", vg->name,
				 lv_text(member, "lv_name"));
	int rc = thin_of(lv, &m->of[i].volume, err);
	if (rc == 0)
		rc = thin_check(&m->of[i].volume, m->of[i].origin, lv_number(lv, "lv_size"), err);
	if (rc == 0)
		rc = thin_of(vg_find(vg, pool), &m->of[i].pool, err);
	if (rc == 0)
		m->n++;
	return rc;
}

/* Removes what is there under the snapshots' numbers: nothing, or what a dead commit made. */
static int empty_all(const struct moment *m, struct error *err)
{
	for (size_t i = 0; i < m->n; i++) {
		struct error why = { 0 };
		int rc = thin_message(&m->of[i].pool, &why, "delete %lld", m->of[i].snapshot);
		if (rc < 0 && rc != -ENODATA)
			return error_copy(err, rc, &why);
	}
	return 0;
}

/* In the guard's process: those that are not suspended do not mind. */
static void resume_all(void *arg)
{
	const struct moment *m = arg;
	for (size_t i = 0; i < m->n; i++)
		thin_resume(&m->of[i].volume, NULL);
}

static int take_all(struct moment *m, struct error *err)
{
	struct plug_guard guard;
	int rc = plug_guard_begin(&guard, SUSPENDED_MS, resume_all, m, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < m->n; i++)
		rc = thin_suspend(&m->of[i].volume, err);
	for (size_t i = 0; rc == 0 && i < m->n; i++)
		rc = thin_message(&m->of[i].pool, err, "create_snap %lld %lld", m->of[i].snapshot,
				  m->of[i].origin);
	int end = plug_guard_end(&guard, NULL);
	/* One that was suspended only after the guard gave up. */
	resume_all(m);
	if (rc == 0 && end < 0)
		rc = error_set(err, -EBUSY,
			       "the volumes had to go on after %d ms, before all snapshots were "
			       "made",
			       SUSPENDED_MS);
	return rc;
}

static int say_taken(const struct vg *vg, const char *name, size_t n, const char *now,
		     struct error *err)
{
	char tag[64];
	const char *const options[] = { "lvchange", "--addtag", tag, NULL };
	CLEANUP(json_decref_cleanup) json_t *lvs = json_array();
	snprintf(tag, sizeof(tag), "lunette.taken=%s", now);
	for (size_t i = 0; i < n; i++)
		json_array_append(lvs, json_object_get(set_member(vg, name, i), "lv_name"));
	return vg_change(vg, options, lvs, err);
}

static int take(const struct vg *vg, const char *name, size_t n, const char *now, struct error *err)
{
	CLEANUP(free_cleanup) struct moment *m = calloc(1, sizeof(*m) + n * sizeof(m->of[0]));
	int rc = m ? 0 : error_set(err, -ENOMEM, "%m");
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = plan_one(vg, set_member(vg, name, i), m, err);
	if (rc == 0)
		rc = empty_all(m, err);
	if (rc == 0)
		rc = take_all(m, err);
	if (rc == 0 && clock_now_ms() > vg->request->deadline)
		rc = error_set(err, -ETIMEDOUT, "the snapshots took longer than the caller waits");
	return rc < 0 ? rc : say_taken(vg, name, n, now, err);
}

static int reply(const struct vg *vg, const char *name, size_t n, const char *created, json_t **ret,
		 struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *snapshots = json_array();
	char id[SNAPSHOT_ID_SIZE];
	for (size_t i = 0; i < n; i++) {
		const json_t *lv = set_member(vg, name, i);
		if (!lv)
			return error_set(err, -ESTALE, "snapshot %zu of '%s' was deleted", i, name);
		snapshot_id(lv, id);
		json_array_append_new(snapshots,
				      json_pack("{s:s, s:s, s:I, s:s}", "volume",
						lv_tag(lv, "volume"), "snapshot", id, "size",
						(json_int_t)lv_number(lv, "lv_size"), "created",
						created));
	}
	*ret = json_pack("{s:O}", "snapshots", snapshots);
	return 0;
}

int commit_set(const struct plug_request *request, json_t **ret, struct error *err)
{
	const char *name;
	const json_t *volumes;
	char now[MOMENT_TEXT];
	CLEANUP(vg_close) struct vg vg = { .lock = -1 };
	int rc = plug_name(request, "name", &name, err);
	if (rc == 0)
		rc = plug_list(request, "volumes", &volumes, err);
	if (rc == 0)
		rc = vg_open(request, VG_CHANGE, &vg, err);
	if (rc == 0)
		rc = set_find(&vg, name, volumes, err);
	if (rc < 0)
		return rc;
	size_t n = json_array_size(volumes);
	const char *taken = set_taken(&vg, name);
	if (!taken && rc < (int)n)
		return error_set(err, -ENOENT, "'%s' was not prepared", name);
	moment_now(0, now);
	rc = taken ? 0 : take(&vg, name, n, now, err);
	return rc < 0 ? rc : reply(&vg, name, n, taken ? taken : now, ret, err);
}
