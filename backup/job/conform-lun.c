/* SPDX-License-Identifier: GPL-3.0-or-later */
/* conform-lun - the LUN as an initiator sees it: who may reach it, and that it is the right one. */
#include <errno.h>
#include <stdio.h>

#include "conform-private.h"
#include "lunette/blk.h"

#define TIMEOUT_S 5u

int conform_connect(unsigned int limit_ms, const json_t *map, const char *initiator,
		    const char *user, const char *secret, struct source **ret, struct error *err)
{
	char url[1024];
	const char *portal = json_string_value(json_array_get(json_object_get(map, "portals"), 0));
	if (!portal)
		return error_set(err, -EPROTO, "map names no portal");
	int len = snprintf(url, sizeof(url), "iscsi://%s%s%s/%s/%u", secret ? user : "",
			   secret ? "@" : "", portal, shape_text(map, "target"),
			   (unsigned int)shape_size(map, "number"));
	if (len >= (int)sizeof(url))
		return error_set(err, -EPROTO, "portal and target are too long");
	const struct source_options options = {
		.initiator = initiator,
		.chap_secret = secret,
		.timeout_s = MIN(TIMEOUT_S, limit_ms / 4000 + 1),
	};
	return source_open(url, &options, ret, err);
}

static const char *secret_of(const struct conform *c, const json_t *map, const char **ret_user)
{
	*ret_user = json_string_value(json_object_get(c->secrets, "chap_user"));
	return shape_flag(map, "chap")
		       ? json_string_value(json_object_get(c->secrets, "chap_secret"))
		       : NULL;
}

int conform_show(struct conform *c, const char *name, const char *snapshot, struct shown *ret)
{
	CONFORM_JSON *lun = NULL, *map = NULL;
	const char *user;
	int rc = conform_call(c, "lun-create", conform_new_lun(name, snapshot), &lun);
	if (rc == 0)
		rc = conform_call(c, "map", conform_lun(shape_text(lun, "lun"), c->o->initiator),
				  &map);
	if (rc < 0)
		return rc;
	const char *secret = secret_of(c, map, &user);
	rc = conform_connect(c->o->limit_ms, map, c->o->initiator, user, secret, &ret->source,
			     &c->err);
	if (rc < 0)
		return rc;
	snprintf(ret->lun, sizeof(ret->lun), "%s", shape_text(lun, "lun"));
	snprintf(ret->identity, sizeof(ret->identity), "%s", shape_text(lun, "identity"));
	ret->map = steal(&map);
	return 0;
}

void conform_hide(struct conform *c, struct shown *shown)
{
	source_free(steal(&shown->source));
	if (shown->map) {
		conform_do(c, "unmap", conform_lun(shown->lun, c->o->initiator));
		conform_do(c, "lun-delete", conform_lun(shown->lun, NULL));
	}
	json_decref(steal(&shown->map));
}

/* Nobody else gets in. */
static void try_to_get_in(struct conform *c, const json_t *map, const char *initiator,
			  const char *user, const char *secret, const char *what)
{
	struct source *source = NULL;
	int rc = conform_connect(c->o->limit_ms, map, initiator, user, secret, &source, NULL);
	conform_check(c, rc < 0, what, P_VERB("map"), "the login succeeded, and the LUN answered");
	source_free(source);
}

static void try_intruders(struct conform *c, const json_t *map)
{
	const char *user, *secret = secret_of(c, map, &user);
	char other[300];
	snprintf(other, sizeof(other), "%.220s.other", c->o->initiator);
	if (c->can.initiators)
		try_to_get_in(c, map, other, user, secret, "another initiator is not let in");
	else
		conform_skip(c, "another initiator is not let in", P_VERB("map"),
			     "capabilities says that it cannot");
	conform_check(c, shape_flag(map, "chap") == c->can.chap,
		      "map says 'chap' as capabilities does", P_VERB("map"), "it does not");
	if (!secret) {
		conform_skip(c, "a wrong CHAP secret is not let in", P_VERB("map"),
			     "capabilities says that it cannot");
		return;
	}
	try_to_get_in(c, map, c->o->initiator, user, "WrongSecret12345",
		      "a wrong CHAP secret is not let in");
	try_to_get_in(c, map, c->o->initiator, NULL, NULL, "without CHAP nobody is let in");
}

static void compare_with_map(struct conform *c, const struct shown *shown)
{
	const struct source *s = shown->source;
	const char *identity = shape_text(shown->map, "identity");
	conform_check(c, strcmp(s->id, identity) == 0 && strcmp(s->id, shown->identity) == 0,
		      "VPD page 0x83 of the LUN is the identity that was said",
		      P_VERB("lun-create"), "it is '%s', map said '%s', lun-create '%s'", s->id,
		      identity, shown->identity);
	uint64_t size = shape_size(json_array_get(c->volumes, 0), "size");
	conform_check(c, s->blk->size == size, "the LUN's size is the volume's",
		      P_VERB("lun-create"), "it is %llu bytes, not %llu",
		      (unsigned long long)s->blk->size, (unsigned long long)size);
}

/* Two initiators; one of them is taken away. */
static void try_two(struct conform *c, const struct shown *shown)
{
	char second[300];
	struct source *source = NULL;
	const char *user, *secret = secret_of(c, shown->map, &user);
	CONFORM_JSON *map = NULL;
	snprintf(second, sizeof(second), "%.220s.second", c->o->initiator);
	int rc = conform_call(c, "map", conform_lun(shown->lun, second), &map);
	if (!conform_ended(c, rc, NULL, "a LUN is mapped to a second initiator", P_VERB("map")))
		return;
	rc = conform_connect(c->o->limit_ms, map, second, user, secret, &source, &c->err);
	conform_check(c, rc == 0, "the second initiator reaches it", P_VERB("map"), "%s",
		      c->err.msg);
	source_free(source);
	rc = conform_do(c, "unmap", conform_lun(shown->lun, second));
	conform_ended(c, rc, NULL, "unmap from one of two initiators", P_VERB("unmap"));
	char byte[4096];
	rc = blk_read(shown->source->blk, byte, sizeof(byte), 0, &c->err);
	conform_check(c, rc == 0, "the other one's session goes on", P_VERB("unmap"), "%s",
		      c->err.msg);
	if (c->can.initiators)
		try_to_get_in(c, map, second, user, secret, "who was unmapped is not let in");
}

/* With a session that is open, because whoever had it was killed. */
static void try_unmap(struct conform *c, struct shown *shown)
{
	const char *user, *secret = secret_of(c, shown->map, &user);
	char bytes[4096];
	int rc = conform_do(c, "unmap", conform_lun(shown->lun, c->o->initiator));
	bool busy = rc == code_errno("BUSY") && lines_may_retry(c->lines);
	conform_check(c, rc == 0 || busy,
		      "unmap with an open session succeeds, or is BUSY with 'retry'",
		      P_VERB("unmap"), "%s", c->err.msg);
	if (rc == 0) {
		rc = blk_read(shown->source->blk, bytes, sizeof(bytes), 0, NULL);
		conform_check(c, rc < 0, "the session was ended", P_VERB("unmap"),
			      "the LUN can still be read");
	}
	source_free(steal(&shown->source));
	rc = conform_do(c, "unmap", conform_lun(shown->lun, c->o->initiator));
	conform_ended(c, rc, NULL, "unmap after the session has gone", P_VERB("unmap"));
	try_to_get_in(c, shown->map, c->o->initiator, user, secret,
		      "after unmap the LUN cannot be reached");
}

void conform_luns(struct conform *c)
{
	CONFORM_JSON *taken = NULL;
	struct shown shown = { 0 };
	char set[CONFORM_NAME_SIZE], name[CONFORM_NAME_SIZE];
	conform_name(c, "s3", set);
	conform_name(c, "l4", name);
	int rc = conform_take(c, set, &taken);
	if (rc == 0)
		rc = conform_show(c, name, conform_snapshot(taken, 0), &shown);
	conform_check(c, rc == 0, "the LUN is reached through iSCSI as map says", P_VERB("map"),
		      "%s", c->err.msg);
	if (rc == 0) {
		compare_with_map(c, &shown);
		try_intruders(c, shown.map);
		try_two(c, &shown);
		try_unmap(c, &shown);
	}
	conform_hide(c, &shown);
	conform_clean_up(c);
}
