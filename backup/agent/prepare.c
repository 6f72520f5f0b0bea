/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * prepare - which file systems a session freezes, in which order, and which disks carry them.
 *
 * A file system on a file of another is frozen before that one, and thawed after it: otherwise it
 * could not be frozen at all, because freezing writes. Whoever asks for one of the two gets both:
 * each is torn without the other.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "direct.h"
#include "hook.h"
#include "session.h"
#include "lunette/json.h"
#include "lunette/names.h"

/* What is asked for once, and defaults. */
#define HOOK_LIMIT_MS 60000

/* ---- parameters ---- */

int session_text(const json_t *params, const char *name, const char **ret, struct error *err)
{
	const char *text = json_string_value(json_object_get(params, name));
	if (!text)
		return error_set(err, -EINVAL, "the parameter '%s' must be a text", name);
	*ret = text;
	return 0;
}

int session_name(const json_t *params, const char **ret, struct error *err)
{
	const char *text = "";
	int rc = session_text(params, "session", &text, err);
	if (rc == 0 && !names_ok(text))
		rc = error_set(err, -EINVAL, "the parameter 'session' is no name");
	if (rc == 0)
		*ret = text;
	return rc;
}

int session_limit(const json_t *params, const char *name, int fallback, int *ret, struct error *err)
{
	const json_t *limit = json_object_get(params, name);
	json_int_t ms = limit ? json_integer_value(limit) : fallback;
	if (ms < 1 || ms > SESSION_LIMIT_MAX_MS)
		return error_set(err, -EINVAL,
				 "the parameter '%s' must be a number of milliseconds from 1 to %d",
				 name, SESSION_LIMIT_MAX_MS);
	*ret = (int)ms;
	return 0;
}

void session_warn(json_t *warnings, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_array_append_new(warnings, json_text(text));
}

static int take_hook(const json_t *hooks, const char *name, char **ret, struct error *err)
{
	const json_t *path = json_object_get(hooks, name);
	if (!path || json_is_null(path))
		return 0;
	if (!json_is_string(path))
		return error_set(err, -EINVAL, "the parameter 'hooks.%s' must be a path", name);
	int rc = hook_check(json_string_value(path), err);
	if (rc < 0)
		return rc;
	*ret = strdup(json_string_value(path));
	return *ret ? 0 : error_set(err, -ENOMEM, "hooks: %m");
}

static int take_hooks(struct session *s, const json_t *params, struct error *err)
{
	const json_t *hooks = json_object_get(params, "hooks");
	if (hooks && !json_is_object(hooks) && !json_is_null(hooks))
		return error_set(err, -EINVAL, "the parameter 'hooks' must be an object");
	int rc = take_hook(hooks, "pre_freeze", &s->pre_freeze, err);
	if (rc == 0)
		rc = take_hook(hooks, "post_thaw", &s->post_thaw, err);
	if (rc == 0)
		rc = session_limit(hooks, "limit_ms", HOOK_LIMIT_MS, &s->hook_limit_ms, err);
	return rc;
}

/* ---- which file systems ---- */

static bool all_identified(const struct inventory *inv, const struct inventory_fs *fs)
{
	for (size_t i = 0; i < fs->disks.n; i++)
		if (!inv->disks[fs->disks.list[i]].identity[0])
			return false;
	return fs->disks.n > 0;
}

static void set_cleanup(struct inventory_set *set)
{
	free(set->list);
}

static int choose(const struct inventory *inv, const json_t *names, struct inventory_set *chosen,
		  struct error *err)
{
	if (names && !json_is_array(names))
		return error_set(err, -EINVAL, "the parameter 'volumes' must be a list of names");
	int rc = 0;
	for (size_t i = 0; rc == 0 && json_array_size(names) == 0 && i < inv->n_filesystems; i++)
		if (all_identified(inv, &inv->filesystems[i]))
			rc = inventory_set_add(chosen, i, err);
	for (size_t i = 0; rc == 0 && i < json_array_size(names); i++) {
		const char *name = json_string_value(json_array_get(names, i));
		ssize_t fs = name ? inventory_find(inv, name) : -1;
		rc = fs < 0 ? error_set(err, -ENOENT,
					"no file system that lies on disks is mounted at '%s'",
					name ? name : "")
			    : inventory_set_add(chosen, (size_t)fs, err);
	}
	if (rc == 0 && chosen->n == 0)
		rc = error_set(err, -ENOENT, "no file system lies on disks with an identity");
	return rc;
}

/* What lies on files of the chosen ones, and what the chosen ones lie on. */
static int choose_stacked(const struct inventory *inv, struct inventory_set *chosen,
			  struct error *err)
{
	for (size_t before = 0; before != chosen->n;) {
		before = chosen->n;
		for (size_t i = 0; i < inv->n_filesystems; i++) {
			const struct inventory_fs *fs = &inv->filesystems[i];
			for (size_t k = 0; k < fs->below.n; k++) {
				size_t below = fs->below.list[k];
				int rc = 0;
				if (inventory_set_has(chosen, i))
					rc = inventory_set_add(chosen, below, err);
				else if (inventory_set_has(chosen, below) && !fs->read_only)
					rc = inventory_set_add(chosen, i, err);
				if (rc < 0)
					return rc;
			}
		}
	}
	return 0;
}

/* ---- what must not be frozen ---- */

static bool is_file_on(const struct inventory *inv, size_t fs, const char *path)
{
	char real[4096];
	ssize_t n = readlink(path, real, sizeof(real) - 1);
	if (n <= 0 || real[0] != '/')
		return false;
	real[n] = '\0';
	return inventory_of_path(inv, real) == (ssize_t)fs;
}

static const char *why_not(const struct inventory *inv, size_t number)
{
	const struct inventory_fs *fs = &inv->filesystems[number];
	if (fs->reason)
		return fs->reason;
	if (is_file_on(inv, number, "/proc/self/exe"))
		return "the agent runs from it";
	if (is_file_on(inv, number, "/proc/self/fd/1") ||
	    is_file_on(inv, number, "/proc/self/fd/2"))
		return "the agent writes its log to it";
	return NULL;
}

/* ---- volumes and disks ---- */

static int add_volume(struct session *s, const struct inventory *inv, size_t number,
		      struct error *err)
{
	const struct inventory_fs *fs = &inv->filesystems[number];
	struct session_volume *v = &s->volumes[s->n_volumes++];
	*v = (struct session_volume){ .point = strdup(fs->point),
				      .device = strdup(fs->device),
				      .type = strdup(fs->type),
				      .size = fs->size,
				      .mount = fs->mount,
				      .why_not = why_not(inv, number),
				      .harmless = fs->read_only };
	memcpy(v->uuid, fs->uuid, sizeof(v->uuid));
	if (!v->point || !v->device || !v->type)
		return error_set(err, -ENOMEM, "prepare: %m");
	if (v->why_not && !v->harmless)
		session_warn(s->warnings,
			     "'%s' will not be frozen, so that it is crash consistent only: %s",
			     v->point, v->why_not);
	return 0;
}

/* The highest of a stack come first. */
static int add_volumes(struct session *s, const struct inventory *inv,
		       const struct inventory_set *chosen, struct error *err)
{
	s->volumes = calloc(chosen->n, sizeof(*s->volumes));
	if (!s->volumes)
		return error_set(err, -ENOMEM, "prepare: %m");
	unsigned int deepest = 0;
	for (size_t i = 0; i < chosen->n; i++)
		deepest = MAX(deepest, inv->filesystems[chosen->list[i]].depth);
	for (unsigned int depth = deepest + 1; depth-- > 0;)
		for (size_t i = 0; i < chosen->n; i++) {
			if (inv->filesystems[chosen->list[i]].depth != depth)
				continue;
			int rc = add_volume(s, inv, chosen->list[i], err);
			if (rc < 0)
				return rc;
		}
	return 0;
}

static int add_disks(struct session *s, const struct inventory *inv,
		     const struct inventory_set *chosen, struct error *err)
{
	CLEANUP(set_cleanup) struct inventory_set disks = { 0 };
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < chosen->n; i++) {
		const struct inventory_fs *fs = &inv->filesystems[chosen->list[i]];
		for (size_t k = 0; rc == 0 && k < fs->disks.n; k++)
			rc = inventory_set_add(&disks, fs->disks.list[k], err);
	}
	if (rc == 0)
		s->disks = calloc(disks.n ? disks.n : 1, sizeof(*s->disks));
	if (rc == 0 && !s->disks)
		rc = error_set(err, -ENOMEM, "prepare: %m");
	for (size_t i = 0; rc == 0 && i < disks.n; i++) {
		const struct device *disk = &inv->disks[disks.list[i]];
		if (!disk->identity[0])
			rc = error_set(err, -ENOENT,
				       "disk '%s' cannot tell its identity: the job must say it",
				       disk->name);
		s->disks[s->n_disks++].device = *disk;
	}
	return rc;
}

static void unref_all(struct layout_input *inputs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		blk_unref(inputs[i].blk);
	free(inputs);
}

static int sign_disks(struct session *s, struct error *err)
{
	size_t n = s->n_disks;
	struct layout_input *inputs = calloc(n, sizeof(*inputs));
	struct signature *signatures = calloc(n, sizeof(*signatures));
	int rc = inputs && signatures ? 0 : error_set(err, -ENOMEM, "prepare: %m");
	for (size_t i = 0; rc == 0 && i < n; i++) {
		inputs[i].source = s->disks[i].device.name;
		rc = direct_open(inputs[i].source, &inputs[i].blk, err);
	}
	if (rc == 0)
		rc = signature_of_disks(inputs, n, signatures, err);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		s->disks[i].signature = signatures[i];
		if (signatures[i].n == 0)
			session_warn(s->warnings,
				     "disk '%s' has nothing on it that tells it from others",
				     s->disks[i].device.name);
	}
	if (inputs)
		unref_all(inputs, n);
	free(signatures);
	return rc;
}

int session_prepare(const json_t *params, struct session **ret, struct error *err)
{
	const char *name;
	int rc = session_name(params, &name, err);
	if (rc < 0)
		return rc;
	CLEANUP(session_free_cleanup) struct session *s = calloc(1, sizeof(*s));
	if (s) {
		s->name = strdup(name);
		s->warnings = json_array();
	}
	if (!s || !s->name || !s->warnings)
		return error_set(err, -ENOMEM, "prepare: %m");
	CLEANUP(inventory_free_cleanup) struct inventory *inv = NULL;
	rc = take_hooks(s, params, err);
	if (rc == 0)
		rc = inventory_read("", json_object_get(params, "identities"), &inv, err);
	if (rc < 0)
		return rc;
	CLEANUP(set_cleanup) struct inventory_set chosen = { 0 };
	rc = choose(inv, json_object_get(params, "volumes"), &chosen, err);
	if (rc == 0)
		rc = choose_stacked(inv, &chosen, err);
	if (rc == 0)
		rc = add_volumes(s, inv, &chosen, err);
	if (rc == 0)
		rc = add_disks(s, inv, &chosen, err);
	if (rc == 0)
		rc = sign_disks(s, err);
	if (rc < 0)
		return rc;
	*ret = steal(&s);
	return 0;
}

json_t *session_prepared_json(const struct session *s)
{
	json_t *volumes = json_array(), *disks = json_array();
	for (size_t i = 0; i < s->n_volumes; i++)
		if (!s->volumes[i].why_not)
			json_array_append_new(volumes, json_text(s->volumes[i].point));
	for (size_t i = 0; i < s->n_disks; i++) {
		const struct device *d = &s->disks[i].device;
		json_t *signature = json_object();
		signature_json(&s->disks[i].signature, signature, NULL);
		json_array_append_new(disks, json_pack("{s:s, s:I, s:i, s:s, s:o}", "name", d->name,
						       "size", (json_int_t)d->size, "sector_size",
						       (int)d->sector, "identity", d->identity,
						       "signature", signature));
	}
	return json_pack("{s:o, s:o, s:O}", "volumes", volumes, "disks", disks, "warnings",
			 s->warnings);
}

void session_free(struct session *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n_volumes; i++) {
		free(s->volumes[i].point);
		free(s->volumes[i].device);
		free(s->volumes[i].type);
	}
	free(s->volumes);
	free(s->disks);
	free(s->name);
	free(s->pre_freeze);
	free(s->post_thaw);
	json_decref(s->warnings);
	json_decref(s->software);
	free(s);
}
