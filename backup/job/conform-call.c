/* SPDX-License-Identifier: GPL-3.0-or-later */
/* conform-call - asking the plug-in, and saying what came of it. See conform-private.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "conform-private.h"
#include "lunette/clock.h"

#define OBJECTS_MAX 100000

static void report(struct conform *c, enum conform_outcome outcome, const char *what,
		   const char *paragraph, const char *why)
{
	c->n_failed += outcome == CONFORM_NOT_OK;
	c->o->report(c->o->ctx, &(struct conform_result){ outcome, what, paragraph, why });
}

bool conform_check(struct conform *c, bool holds, const char *what, const char *paragraph,
		   const char *fmt, ...)
{
	char why[1024] = "";
	va_list ap;
	va_start(ap, fmt);
	if (!holds)
		vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	/* What an interrupted call answers says nothing about the plug-in. */
	if (!holds && conform_stopped(c))
		return false;
	report(c, holds ? CONFORM_OK : CONFORM_NOT_OK, what, paragraph, why);
	return holds;
}

void conform_skip(struct conform *c, const char *what, const char *paragraph, const char *why)
{
	report(c, CONFORM_SKIPPED, what, paragraph, why);
}

bool conform_stopped(const struct conform *c)
{
	return c->o->stop && atomic_load(c->o->stop);
}

/* ---- calls ------------------------------------------------------------------------------------
 */

/* A secret in what it says: in its log, too. */
static void look_for_secrets(struct conform *c, const char *text)
{
	const char *key;
	json_t *value;
	json_object_foreach(c->secrets, key, value)
	{
		const char *secret = json_string_value(value);
		if (strcmp(key, "chap_user") != 0 && strlen(secret) >= 6 && strstr(text, secret))
			c->leaked = true;
	}
}

static void take_log(void *ctx, const char *line)
{
	look_for_secrets(ctx, line);
}

static int start(struct conform *c)
{
	const char *const argv[] = { c->o->path, "--protocol", "1", NULL };
	const struct lines_options options = {
		.name = "the plug-in",
		.argv = argv,
		.secrets = c->secrets,
		.dies_with_us = true,
		.log = take_log,
		.ctx = c,
	};
	if (c->lines && lines_alive(c->lines))
		return 0;
	lines_free(steal(&c->lines));
	return lines_start(&options, &c->lines, &c->err);
}

void conform_restart(struct conform *c)
{
	lines_free(steal(&c->lines));
}

static json_t *complete(struct conform *c, json_t *params)
{
	if (!json_object_get(params, "config"))
		json_object_set(params, "config", (json_t *)c->o->config);
	if (!json_object_get(params, "owner"))
		json_object_set_new(params, "owner", json_string(c->owner));
	return params;
}

int conform_call(struct conform *c, const char *verb, json_t *params, json_t **ret)
{
	CONFORM_JSON *all = complete(c, params), *result = NULL;
	int64_t begin = clock_now_ms();
	c->err = (struct error){ 0 };
	int rc = start(c);
	if (rc == 0)
		rc = lines_call(c->lines, verb, all, c->o->limit_ms, &result, &c->err);
	look_for_secrets(c, c->err.msg);
	if (rc < 0)
		return rc;
	CLEANUP(free_cleanup) char *text = json_dumps(result, 0);
	if (text)
		look_for_secrets(c, text);
	json_object_set_new(c->took_ms, verb, json_integer((json_int_t)(clock_now_ms() - begin)));
	const struct shape *shape = plugin_shape(verb);
	rc = shape ? shape_check(result, shape, &c->err) : 0;
	if (rc < 0)
		return error_wrap(&c->err, rc, "the result of '%s'", verb);
	if (ret)
		*ret = steal(&result);
	return 0;
}

int conform_do(struct conform *c, const char *verb, json_t *params)
{
	return conform_call(c, verb, params, NULL);
}

bool conform_ended(struct conform *c, int rc, const char *code, const char *what,
		   const char *paragraph)
{
	if (!code)
		return conform_check(c, rc == 0, what, paragraph, "%s", c->err.msg);
	return conform_check(c, rc == code_errno(code), what, paragraph,
			     "%s was expected, and it answered: %s", code,
			     rc == 0 ? "success" : c->err.msg);
}

bool conform_named_wrong(struct conform *c, int rc, const char *verb, const char *param,
			 const char *what)
{
	/* Behind what lines.c puts in front of it: the verb may have the parameter's name in it. */
	char head[64];
	snprintf(head, sizeof(head), ": %s: ", verb);
	const char *message = strstr(c->err.msg, head);
	message = message ? message + strlen(head) : "";
	return conform_check(c, rc == code_errno("INTERNAL") && strstr(message, param), what,
			     P_CODES, "it answered: %s", rc == 0 ? "success" : c->err.msg);
}

void conform_kill(struct conform *c, const char *verb, json_t *params, unsigned int us)
{
	CONFORM_JSON *all = complete(c, params);
	unsigned int id;
	if (start(c) < 0 || lines_send(c->lines, verb, all, c->o->limit_ms, &id, NULL) < 0)
		return;
	nanosleep(&(struct timespec){ us / 1000000, us % 1000000 * 1000L }, NULL);
	lines_kill(c->lines);
}

/* ---- parameters -------------------------------------------------------------------------------
 */

const char *conform_name(const struct conform *c, const char *what, char *buf)
{
	snprintf(buf, CONFORM_NAME_SIZE, "lt-%s-%s", c->tag, what);
	return buf;
}

json_t *conform_named(const char *name)
{
	return json_pack("{s:s}", "name", name);
}

json_t *conform_set(const struct conform *c, const char *name)
{
	return json_pack("{s:s, s:O}", "name", name, "volumes", c->names);
}

json_t *conform_new_lun(const char *name, const char *snapshot)
{
	return json_pack("{s:s, s:s}", "name", name, "snapshot", snapshot);
}

json_t *conform_lun(const char *lun, const char *initiator)
{
	return json_pack("{s:s, s:s*}", "lun", lun, "initiator", initiator);
}

json_t *conform_as(json_t *params, const char *owner)
{
	json_object_set_new(params, "owner", json_string(owner));
	return params;
}

/* ---- what several parts do --------------------------------------------------------------------
 */

int conform_count(struct conform *c, const char *owner, bool all, const char *kind, const char *id)
{
	CONFORM_JSON *result = NULL;
	size_t i;
	json_t *object;
	int n = 0;
	if (conform_call(c, "list", conform_as(json_pack("{s:b}", "all", all), owner), &result) < 0)
		return -1;
	json_array_foreach(json_object_get(result, "objects"), i,
			   object) if ((!kind || strcmp(shape_text(object, "kind"), kind) == 0) &&
				       (!id || strcmp(shape_text(object, "id"), id) == 0)) n++;
	return n;
}

int conform_take(struct conform *c, const char *name, json_t **ret)
{
	int rc = conform_do(c, "prepare", conform_set(c, name));
	return rc < 0 ? rc : conform_call(c, "commit", conform_set(c, name), ret);
}

const char *conform_snapshot(const json_t *taken, size_t i)
{
	return shape_text(json_array_get(json_object_get(taken, "snapshots"), i), "snapshot");
}

/* What removes an object of this kind, in the order of the protocol. */
static const struct {
	const char *kind;
	const char *verb;
	const char *param;
} removals[] = {
	{ "mapping", "unmap", "lun" },
	{ "lun", "lun-delete", "lun" },
	{ "snapshot", "snap-delete", "snapshot" },
	{ "prepared", "abort", "name" },
};

int conform_clean_up(struct conform *c)
{
	CONFORM_JSON *result = NULL;
	int rc = conform_call(c, "list", json_object(), &result);
	if (rc < 0)
		return -1;
	const json_t *objects = json_object_get(result, "objects");
	for (size_t r = 0; r < ARRAY_SIZE(removals); r++) {
		size_t i;
		json_t *object;
		json_array_foreach(objects, i, object)
		{
			if (strcmp(shape_text(object, "kind"), removals[r].kind) != 0)
				continue;
			json_t *params =
				json_pack("{s:s, s:s*}", removals[r].param,
					  shape_text(object, "id"), "initiator",
					  json_string_value(json_object_get(object, "initiator")));
			if (conform_do(c, removals[r].verb, params) < 0)
				rc = -1;
		}
	}
	return rc < 0 ? -1 : (int)MIN(json_array_size(objects), (size_t)OBJECTS_MAX);
}
