/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * point - a restore point's manifest: the one place that knows its shape. What has passed here may
 * be used without looking twice.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lunette/bad-ranges.h"
#include "lunette/document.h"
#include "lunette/repo-parts.h"

#define FORMAT  "lunette-point"
#define VERSION 1

static const char *string_in(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

/* -1 when it is not a number, or negative. */
static json_int_t number_in(const json_t *object, const char *key)
{
	const json_t *number = json_object_get(object, key);
	return json_is_integer(number) ? MAX(json_integer_value(number), -1) : -1;
}

/* "2026-11-22T17:00:00Z" is of the shape "0000-00-00T00:00:00Z": 0 is any digit. */
static bool has_shape(const char *text, const char *shape)
{
	for (; *shape; text++, shape++)
		if (*shape == '0' ? *text < '0' || *text > '9' : *text != *shape)
			return false;
	return !*text;
}

/* Disks are called "disk0", "disk1", ...: their names are used in paths. */
static bool is_disk_name(const char *name)
{
	if (strncmp(name, "disk", 4) != 0)
		return false;
	size_t digits = strspn(name + 4, "0123456789");
	return digits >= 1 && digits <= 9 && !name[4 + digits];
}

/* Each of these is NULL when all is well, or says what is wrong. */
static const char *wrong_disk(const json_t *disk)
{
	const char *name = string_in(disk, "name");
	if (!name || !is_disk_name(name))
		return "a disk has no name";
	json_int_t size = number_in(disk, "size");
	json_int_t sector_size = number_in(disk, "sector_size");
	json_int_t chunk_size = number_in(disk, "chunk_size");
	if (size < 0)
		return "a disk has no size";
	if (sector_size < 512 || sector_size > 65536 || !is_power_of_2((uint64_t)sector_size))
		return "a disk's sector size is not one";
	if (chunk_size < 0 || !config_chunk_size_ok((uint64_t)chunk_size))
		return "a disk's chunk size is not one";
	const json_t *map = json_object_get(disk, "map");
	const char *root = string_in(map, "root");
	struct chunk_id id;
	if (!root || !chunk_id_parse(root, &id))
		return "a disk has no chunk map";
	if (number_in(map, "chunks") != size / chunk_size + (size % chunk_size != 0))
		return "a disk's chunk map has another length than the disk";
	CLEANUP(bad_ranges_clear) struct bad_ranges bad = { 0 };
	if (bad_ranges_parse(json_object_get(disk, BAD_RANGES), (uint64_t)size, &bad, NULL) < 0)
		return "what of a disk could not be read is no list of ranges of it";
	return NULL;
}

static const char *wrong_disks(const json_t *disks)
{
	if (!json_is_array(disks) || json_array_size(disks) == 0)
		return "it has no disks";
	size_t i;
	const json_t *disk;
	json_array_foreach(disks, i, disk)
	{
		const char *why = wrong_disk(disk);
		if (why)
			return why;
		for (size_t j = 0; j < i; j++)
			if (strcmp(string_in(disk, "name"),
				   string_in(json_array_get(disks, j), "name")) == 0)
				return "two of its disks have the same name";
	}
	return NULL;
}

static const char *wrong_rest(const json_t *point)
{
	static const struct {
		const char *key;
		json_type type;
	} members[] = {
		{ "host", JSON_STRING },     { "consistency", JSON_STRING },
		{ "layout", JSON_OBJECT },   { "stats", JSON_OBJECT },
		{ "tags", JSON_ARRAY },      { "parent", JSON_STRING },
		{ "excluded", JSON_OBJECT },
	};
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		const json_t *member = json_object_get(point, members[i].key);
		if (member && json_typeof(member) != members[i].type)
			return "a member is of the wrong type";
	}
	return NULL;
}

static const char *wrong(const json_t *point)
{
	const char *name = string_in(point, "name"), *time = string_in(point, "time");
	if (!name || !name[0])
		return "it has no name";
	if (!time || !has_shape(time, "0000-00-00T00:00:00Z"))
		return "it has no time";
	const json_t *finished = json_object_get(point, "finished");
	if (finished && (!json_is_string(finished) ||
			 !has_shape(json_string_value(finished), "0000-00-00T00:00:00.000000000Z")))
		return "the time when it was finished is not one";
	const char *why = wrong_disks(json_object_get(point, "disks"));
	return why ? why : wrong_rest(point);
}

int point_check(const json_t *point, struct error *err)
{
	int rc = config_envelope_with(point, FORMAT, VERSION, BAD_RANGES, "the restore point", err);
	if (rc < 0)
		return rc;
	const char *why = wrong(point);
	if (why)
		return error_set(err, -EUCLEAN,
				 "it is damaged: %s; put it back from a copy of the repository",
				 why);
	return 0;
}

int point_get_from(struct repo *repo, const char *folder, const char *id, json_t **ret,
		   struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *point = NULL;
	int rc = document_get_moved(repo, folder, POINT_FOLDER, id, POINT_MAX, &point, err);
	if (rc == 0)
		rc = point_check(point, err);
	if (rc < 0)
		return error_wrap(err, rc, "restore point %.16s", id);
	*ret = steal(&point);
	return 0;
}

int point_get(struct repo *repo, const char *id, json_t **ret, struct error *err)
{
	return point_get_from(repo, POINT_FOLDER, id, ret, err);
}

/* A reader that knows nothing of unreadable ranges would take the zeros there for what was read. */
static json_t *features_of(const json_t *point)
{
	const json_t *disks = json_object_get(point, "disks");
	for (size_t i = 0; i < json_array_size(disks); i++)
		if (json_array_size(json_object_get(json_array_get(disks, i), BAD_RANGES)))
			return json_pack("[s]", BAD_RANGES);
	return json_array();
}

/* The envelope first, as the manifest is read by people too. */
static json_t *in_envelope(const json_t *point)
{
	CLEANUP(json_decref_cleanup)
	json_t *whole = json_pack("{s:s, s:i, s:o}", "format", FORMAT, "version", VERSION,
				  "features", features_of(point));
	CLEANUP(json_decref_cleanup) json_t *envelope = json_copy(whole);
	if (!whole || !envelope || json_object_update(whole, (json_t *)point) < 0 ||
	    json_object_update(whole, envelope) < 0)
		return NULL;
	return steal(&whole);
}

int point_put(struct repo *repo, const json_t *point, char ret_id[65], struct error *err)
{
	const char *why = wrong(point);
	if (why)
		return error_set(err, -EINVAL, "the restore point cannot be written: %s", why);
	CLEANUP(json_decref_cleanup) json_t *whole = in_envelope(point);
	if (!whole)
		return error_set(err, -ENOMEM, "write the restore point: %m");
	if (json_dumpb(whole, NULL, 0, JSON_INDENT(1)) > POINT_MAX)
		return error_set(err, -EINVAL, "the restore point's manifest is too long");
	return document_put(repo, POINT_FOLDER, whole, ret_id, err);
}

int point_remove(struct repo *repo, const char *id, struct error *err)
{
	char key[STORE_KEY_MAX];
	snprintf(key, sizeof(key), POINT_FOLDER "/%.64s", id);
	return store_remove(repo->store, key, err);
}

const char *point_finished(const json_t *point)
{
	const char *finished = string_in(point, "finished");
	return finished ? finished : "";
}

size_t repo_point_disks(const json_t *point)
{
	return json_array_size(json_object_get(point, "disks"));
}

void repo_point_disk(const json_t *point, size_t n, struct repo_disk *ret)
{
	const json_t *disk = json_array_get(json_object_get(point, "disks"), n);
	const json_t *map = json_object_get(disk, "map");
	*ret = (struct repo_disk){
		.name = string_in(disk, "name"),
		.size = (uint64_t)number_in(disk, "size"),
		.sector_size = (uint32_t)number_in(disk, "sector_size"),
		.chunk_size = (uint32_t)number_in(disk, "chunk_size"),
		.n_chunks = (uint64_t)number_in(map, "chunks"),
		.unreadable = json_object_get(disk, BAD_RANGES),
	};
	bool parsed = chunk_id_parse(string_in(map, "root"), &ret->root);
	assert(parsed);
	(void)parsed;
}

const char *repo_point_name(const json_t *point)
{
	return string_in(point, "name");
}

const char *repo_point_time(const json_t *point)
{
	return string_in(point, "time");
}
