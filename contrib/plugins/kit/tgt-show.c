/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tgt-show - what tgtd tells about itself, taken apart.
 *
 * Its one idea: the depth of a line says what it belongs to: a target at column 0, its sections at
 * 4, their members at 8, and what these have at 12. What is not known is passed over.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#include "lunette/json.h"
#include "tgt.h"

/* Where we are: the objects that the next lines belong to, borrowed from the list. */
struct reading {
	json_t *targets;
	json_t *target;
	const char *section;
	json_t *member;
};

static const char *after(const char *line, const char *head)
{
	size_t len = strlen(head);
	return strncmp(line, head, len) == 0 ? line + len : NULL;
}

/* The list is made when a target is met, so that its members are always there. */
static int add(json_t *object, const char *list, json_t *value)
{
	return json_array_append_new(json_object_get(object, list), value) < 0 ? -ENOMEM : 0;
}

static int target_line(struct reading *r, const char *line)
{
	int tid, used = 0;
	if (sscanf(line, "Target %d: %n", &tid, &used) != 1 || used == 0)
		return 0;
	r->target = json_pack("{s:i, s:s, s:[], s:[], s:[], s:[]}", "tid", tid, "name", line + used,
			      "luns", "sessions", "accounts", "initiators");
	r->section = "";
	return !r->target || json_array_append_new(r->targets, r->target) < 0 ? -ENOMEM : 0;
}

static int section_line(struct reading *r, const char *line)
{
	static const struct {
		const char *title;
		const char *list;
	} sections[] = {
		{ "LUN information:", "luns" },
		{ "I_T nexus information:", "sessions" },
		{ "Account information:", "accounts" },
		{ "ACL information:", "initiators" },
	};
	r->section = "";
	r->member = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++)
		if (strcmp(line, sections[i].title) == 0)
			r->section = sections[i].list;
	return 0;
}

static int member_line(struct reading *r, const char *line)
{
	const char *text;
	if (strcmp(r->section, "luns") == 0 && (text = after(line, "LUN: ")))
		r->member = json_pack("{s:i}", "number", atoi(text));
	else if (strcmp(r->section, "sessions") == 0 && (text = after(line, "I_T nexus: ")))
		r->member = json_pack("{s:I, s:[]}", "sid", (json_int_t)atoll(text), "connections");
	else if (strcmp(r->section, "accounts") == 0)
		return add(r->target, r->section, json_string(line));
	else if (strcmp(r->section, "initiators") == 0)
		return add(r->target, r->section, json_string(line));
	else
		return 0;
	return add(r->target, r->section, r->member);
}

static int detail_line(struct reading *r, char *line)
{
	const char *text;
	unsigned int sector;
	if (!r->member)
		return 0;
	if ((text = after(line, "SCSI ID: ")))
		return json_object_set_new(r->member, "id", json_string(text));
	if ((text = after(line, "Backing store path: ")))
		return json_object_set_new(r->member, "path", json_string(text));
	if (sscanf(line, "Size: %*u MB, Block size: %u", &sector) == 1)
		return json_object_set_new(r->member, "sector", json_integer(sector));
	if ((text = after(line, "Initiator: "))) {
		char *alias = strstr(line, " alias: ");
		if (alias)
			*alias = '\0';
		return json_object_set_new(r->member, "initiator", json_string(text));
	}
	if (strcmp(r->section, "sessions") == 0 && (text = after(line, "Connection: ")))
		return add(r->member, "connections", json_integer(atoi(text)));
	return 0;
}

static int read_line(struct reading *r, char *line)
{
	size_t depth = strspn(line, " ");
	if (depth == 0)
		return target_line(r, line);
	if (!r->target)
		return 0;
	if (depth == 4)
		return section_line(r, line + depth);
	if (depth == 8)
		return member_line(r, line + depth);
	return detail_line(r, line + depth);
}

int tgt_targets(const struct tgt *tgt, json_t **ret, struct error *err)
{
	CLEANUP(free_cleanup) char *text = NULL;
	struct tgt_call call = { .mode = TGT_TARGET, .op = TGT_SHOW };
	int rc = tgt_do(tgt, &call, &text, err);
	if (rc < 0)
		return error_wrap(err, rc, "list the targets");
	CLEANUP(json_decref_cleanup) json_t *targets = json_array();
	struct reading r = { .targets = targets, .section = "" };
	char *next = text;
	for (char *line; (line = strsep(&next, "\n"));)
		if (read_line(&r, line) < 0)
			return error_set(err, -EPROTO,
					 "tgtd's list of targets has a line that is not UTF-8: "
					 "'%.100s'",
					 line);
	*ret = steal(&targets);
	return 0;
}

int tgt_has_backing(const struct tgt *tgt, const char *name, struct error *err)
{
	CLEANUP(free_cleanup) char *text = NULL;
	struct tgt_call call = { .mode = TGT_SYSTEM, .op = TGT_SHOW };
	int rc = tgt_do(tgt, &call, &text, err);
	if (rc < 0)
		return error_wrap(err, rc, "what tgtd can");
	bool inside = false;
	char *next = text;
	for (char *line; (line = strsep(&next, "\n"));) {
		if (line[0] != ' ')
			inside = strcmp(line, "Backing stores:") == 0;
		const char *word = line + strspn(line, " ");
		if (inside && word != line && strncmp(word, name, strlen(name)) == 0 &&
		    strchr(" ", word[strlen(name)]))
			return 0;
	}
	return error_set(err, -EOPNOTSUPP, "this tgtd has no backing store '%s'", name);
}

/* "Portal: 10.0.0.1:3260,1" */
static int tgtd_portals(const struct tgt *tgt, json_t *list, struct error *err)
{
	CLEANUP(free_cleanup) char *text = NULL;
	struct tgt_call call = { .mode = TGT_PORTAL, .op = TGT_SHOW };
	int rc = tgt_do(tgt, &call, &text, err);
	if (rc < 0)
		return error_wrap(err, rc, "list the portals");
	char *next = text;
	for (char *line; (line = strsep(&next, "\n"));) {
		const char *portal = after(line, "Portal: ");
		if (!portal || after(portal, "0.0.0.0:") || after(portal, "[::]:"))
			continue;
		line[strcspn(line, ",")] = '\0';
		json_array_append_new(list, json_string(portal));
	}
	if (json_array_size(list) == 0)
		return error_set(
			err, -EINVAL,
			"tgtd listens on all addresses; the setting 'portal' must say which "
			"of them the LUNs are reached under");
	return 0;
}

int tgt_portals(const struct tgt *tgt, json_t **ret, struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *list = json_array();
	for (const char *at = tgt->portal; *at;) {
		at += strspn(at, ", \t");
		size_t len = strcspn(at, ", \t");
		if (len)
			json_array_append_new(list, json_stringn(at, len));
		at += len;
	}
	int rc = json_array_size(list) ? 0 : tgtd_portals(tgt, list, err);
	if (rc == 0)
		*ret = steal(&list);
	return rc;
}
