/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * brief - what lists say of a restore point, and how it lies in the file of recall.h:
 *
 *   0  4  bytes of it all
 *   4  8  size of the restore point's object
 *  12  8  when that was written, as the store said
 *  20 32  the restore point's id
 *  52     name, time, finished, and some members of the manifest as JSON, each with a NUL behind it
 */
#include <errno.h>
#include <stdio.h>

#include "lunette/bytes.h"
#include "lunette/hex.h"
#include "lunette/recall.h"
#include "lunette/repo-parts.h"

#define HEAD  52
#define TEXTS 4

/* ---- what is kept of a manifest ---- */

/* Those members of each in a list, in objects of their own. */
static json_t *each_with(const json_t *list, const char *const *keys, size_t n_keys)
{
	json_t *made = json_array();
	size_t i;
	json_t *entry;
	json_array_foreach(list, i, entry)
	{
		json_t *less = json_object();
		for (size_t k = 0; k < n_keys; k++)
			json_object_set(less, keys[k], json_object_get(entry, keys[k]));
		json_array_append_new(made, less);
	}
	return made;
}

/* All that a list shows, in the manifest's own shape. */
static json_t *members_of(const json_t *point)
{
	static const char *const whole[] = { "name",       "time",           "consistency",
					     "all_blocks", "stored_volumes", "origin" };
	static const char *const of_disks[] = { "name", "size" };
	static const char *const of_stats[] = { "size", "stored", "unreadable" };
	const json_t *layout = json_object_get(point, "layout");
	const json_t *stats = json_object_get(point, "stats");
	json_t *members = json_object(), *less = json_object();
	for (size_t i = 0; i < ARRAY_SIZE(whole); i++)
		json_object_set(members, whole[i], json_object_get(point, whole[i]));
	for (size_t i = 0; i < ARRAY_SIZE(of_stats); i++)
		json_object_set(less, of_stats[i], json_object_get(stats, of_stats[i]));
	json_object_set_new(members, "stats", less);
	json_object_set_new(
		members, "disks",
		each_with(json_object_get(point, "disks"), of_disks, ARRAY_SIZE(of_disks)));
	json_object_set_new(members, "layout",
			    json_pack("{s:o}", "volumes",
				      each_with(json_object_get(layout, "volumes"), of_disks, 1)));
	return members;
}

int repo_brief_members(const struct repo_brief *brief, json_t **ret, struct error *err)
{
	*ret = json_loads(brief->members, 0, NULL);
	return *ret ? 0 : error_set(err, -ENOMEM, "list the restore points: %m");
}

/* ---- as a struct: with its texts behind it ---- */

/* @texts: name, time, finished, members; each with a NUL. */
static struct repo_brief *allocate(const char *const texts[TEXTS])
{
	size_t len[TEXTS], all = 0;
	for (size_t i = 0; i < TEXTS; i++)
		all += len[i] = strlen(texts[i]) + 1;
	struct repo_brief *brief = calloc(1, sizeof(*brief) + all);
	if (!brief)
		return NULL;
	char *to = (char *)(brief + 1);
	const char **fields[TEXTS] = { &brief->name, &brief->time, &brief->finished,
				       &brief->members };
	for (size_t i = 0; i < TEXTS; i++) {
		memcpy(to, texts[i], len[i]);
		*fields[i] = to;
		to += len[i];
	}
	return brief;
}

int brief_new(const char id[65], const struct store_stat *st, const json_t *point,
	      struct repo_brief **ret, struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *members = members_of(point);
	CLEANUP(free_cleanup) char *text = json_dumps(members, JSON_COMPACT);
	const char *const texts[TEXTS] = { repo_point_name(point), repo_point_time(point),
					   point_finished(point), text };
	struct repo_brief *brief = text ? allocate(texts) : NULL;
	if (!brief)
		return error_set(err, -ENOMEM, "list the restore points: %m");
	memcpy(brief->id, id, sizeof(brief->id));
	brief->size = st->size;
	brief->modified = st->modified;
	*ret = brief;
	return 0;
}

/* ---- as bytes ---- */

size_t brief_size(const struct repo_brief *brief)
{
	return HEAD + strlen(brief->name) + strlen(brief->time) + strlen(brief->finished) +
	       strlen(brief->members) + TEXTS;
}

void brief_put(const struct repo_brief *brief, uint8_t *buf)
{
	const char *texts[TEXTS] = { brief->name, brief->time, brief->finished, brief->members };
	struct chunk_id id = { { 0 } };
	chunk_id_parse(brief->id, &id);
	put_le32(buf, (uint32_t)brief_size(brief));
	put_le64(buf + 4, brief->size);
	put_le64(buf + 12, (uint64_t)brief->modified);
	memcpy(buf + 20, id.bytes, sizeof(id.bytes));
	buf += HEAD;
	for (size_t i = 0; i < TEXTS; i++) {
		size_t len = strlen(texts[i]) + 1;
		memcpy(buf, texts[i], len);
		buf += len;
	}
}

int brief_get(const uint8_t *buf, size_t len, struct repo_brief **ret, size_t *ret_used)
{
	size_t used = len < HEAD ? 0 : get_le32(buf);
	if (used < HEAD || used > len)
		return -EUCLEAN;
	const char *texts[TEXTS], *at = (const char *)buf + HEAD, *end = (const char *)buf + used;
	for (size_t i = 0; i < TEXTS; i++) {
		const char *nul = memchr(at, '\0', (size_t)(end - at));
		if (!nul)
			return -EUCLEAN;
		texts[i] = at;
		at = nul + 1;
	}
	if (at != end)
		return -EUCLEAN;
	struct repo_brief *brief = allocate(texts);
	if (!brief)
		return -ENOMEM;
	hex_text(buf + 20, 32, brief->id);
	brief->size = get_le64(buf + 4);
	brief->modified = (int64_t)get_le64(buf + 12);
	*ret = brief;
	*ret_used = used;
	return 0;
}
