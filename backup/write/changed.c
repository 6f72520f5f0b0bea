/* SPDX-License-Identifier: GPL-3.0-or-later */
/* changed - see changed.h. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <jansson.h>

#include "lunette/bits.h"
#include "changed.h"
#include "lunette/json.h"

#define FORMAT  "lunette-changed"
#define VERSION 1

/**
 * struct changed_disk - one disk of the backup
 * @bits: one a chunk; NULL when the list does not speak of the disk
 */
struct changed_disk {
	const char *name;
	uint64_t size;
	uint64_t *bits;
};

struct changed {
	uint32_t chunk_size;
	uint64_t n_ranges;
	size_t n_disks;
	struct changed_disk disks[];
};

void changed_free(struct changed *changed)
{
	if (!changed)
		return;
	for (size_t i = 0; i < changed->n_disks; i++)
		free(changed->disks[i].bits);
	free(changed);
}

/* ---- the first line ---------------------------------------------------------------------------
 */

static struct changed_disk *find_disk(struct changed *changed, const json_t *name)
{
	for (size_t i = 0; json_is_string(name) && i < changed->n_disks; i++)
		if (strcmp(changed->disks[i].name, json_string_value(name)) == 0)
			return &changed->disks[i];
	return NULL;
}

static int no_such_disk(const json_t *name, struct error *err)
{
	if (!json_is_string(name))
		return error_set(err, -EINVAL, "it does not name a disk");
	return error_set(err, -EINVAL, "there is no disk '%.100s' in this backup",
			 json_string_value(name));
}

static int take_disks(struct changed *changed, const json_t *names, struct error *err)
{
	if (!json_is_array(names))
		return error_set(err, -EINVAL, "\"disks\" is not a list of the disks it speaks of");
	size_t i;
	json_t *name;
	json_array_foreach(names, i, name)
	{
		struct changed_disk *disk = find_disk(changed, name);
		if (!disk)
			return no_such_disk(name, err);
		uint64_t n_chunks = disk->size / changed->chunk_size + 1;
		if (!disk->bits)
			disk->bits = calloc(BITS_WORDS((size_t)n_chunks), sizeof(*disk->bits));
		if (!disk->bits)
			return error_set(err, -ENOMEM, "%m");
	}
	return 0;
}

static int take_head(struct changed *changed, const json_t *line, const char *parent,
		     struct error *err)
{
	const char *format = json_string_value(json_object_get(line, "format"));
	if (!format || strcmp(format, FORMAT) != 0)
		return error_set(err, -EINVAL,
				 "it does not begin a list of changes: \"format\" is "
				 "not \"" FORMAT "\"");
	const json_t *version = json_object_get(line, "version");
	if (!json_is_integer(version) || json_integer_value(version) != VERSION)
		return error_set(err, -EINVAL,
				 "\"version\" is not %d, the one that this lunette "
				 "knows",
				 VERSION);
	const json_t *meant = json_object_get(line, "parent");
	if (meant && (!json_is_string(meant) || strcmp(json_string_value(meant), parent) != 0))
		return error_set(err, -EINVAL,
				 "it lists what changed since another restore point than %.12s",
				 parent);
	return take_disks(changed, json_object_get(line, "disks"), err);
}

/* ---- the others -------------------------------------------------------------------------------
 */

/* A whole number that is there and not negative. */
static bool get_number(const json_t *line, const char *key, uint64_t *ret)
{
	const json_t *number = json_object_get(line, key);
	if (!json_is_integer(number) || json_integer_value(number) < 0)
		return false;
	*ret = (uint64_t)json_integer_value(number);
	return true;
}

static int take_range(struct changed *changed, const json_t *line, struct error *err)
{
	const json_t *name = json_object_get(line, "disk");
	struct changed_disk *disk = find_disk(changed, name);
	if (!disk)
		return no_such_disk(name, err);
	if (!disk->bits)
		return error_set(err, -EINVAL, "%s is not among the \"disks\" of the first line",
				 disk->name);
	uint64_t start, length;
	if (!get_number(line, "start", &start) || !get_number(line, "length", &length) ||
	    length == 0)
		return error_set(err, -EINVAL, "\"start\" and \"length\" are not numbers of bytes");
	if (!range_inside(length, start, disk->size))
		return error_set(err, -EINVAL,
				 "%" PRIu64 " bytes at %" PRIu64 " are not inside %s, which has "
				 "%" PRIu64 " bytes",
				 length, start, disk->name, disk->size);
	bits_put(disk->bits, (size_t)(start / changed->chunk_size),
		 (size_t)((start + length - 1) / changed->chunk_size + 1), true);
	changed->n_ranges++;
	return 0;
}

/* Return: 1. */
static int take_end(const struct changed *changed, const json_t *line, struct error *err)
{
	uint64_t n;
	if (!get_number(line, "end", &n) || n != changed->n_ranges)
		return error_set(err, -EINVAL,
				 "the list ends after %" PRIu64 " ranges, and not after as many as "
				 "its end says",
				 changed->n_ranges);
	return 1;
}

/* Return: 1 for the last line of a list; 0 for another. */
static int take_line(struct changed *changed, const char *text, size_t len, uint64_t n,
		     const char *parent, struct error *err)
{
	json_error_t why;
	CLEANUP(json_decref_cleanup)
	json_t *line = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	if (!json_is_object(line))
		return error_set(err, -EINVAL, "it is not a JSON object%s%s", line ? "" : ": ",
				 line ? "" : why.text);
	if (n == 1)
		return take_head(changed, line, parent, err);
	if (json_object_get(line, "end"))
		return take_end(changed, line, err);
	return take_range(changed, line, err);
}

/* ---- the file ---------------------------------------------------------------------------------
 */

static int read_lines(struct changed *changed, FILE *in, const char *parent, struct error *err)
{
	CLEANUP(free_cleanup) char *text = malloc(CHANGED_LINE_MAX);
	if (!text)
		return error_set(err, -ENOMEM, "list of changes: %m");
	int ended = 0;
	uint64_t n = 0;
	errno = 0;
	while (fgets(text, (int)CHANGED_LINE_MAX, in)) {
		size_t len = strlen(text);
		n++;
		int rc = 0;
		if (ended)
			rc = error_set(err, -EINVAL, "it comes after the list's end");
		else if (text[len ? len - 1 : 0] != '\n' && !feof(in))
			rc = error_set(err, -EINVAL, "it is longer than %zu bytes, or not text",
				       CHANGED_LINE_MAX);
		else
			rc = ended = take_line(changed, text, len, n, parent, err);
		if (rc < 0)
			return error_wrap(err, rc, "list of changes, line %" PRIu64, n);
	}
	if (ferror(in))
		return error_set(err, errno ? -errno : -EIO, "list of changes: %m");
	if (!ended)
		return error_set(err, -EINVAL,
				 "list of changes: it has no end after line %" PRIu64 ": the last "
				 "line of a whole list is {\"end\":NUMBER OF RANGES}",
				 n);
	return 0;
}

int changed_read(FILE *in, const struct layout_disk *disks, size_t n_disks, uint32_t chunk_size,
		 const char *parent, struct changed **ret, struct error *err)
{
	CLEANUP(changed_free_cleanup)
	struct changed *changed = calloc(1, sizeof(*changed) + n_disks * sizeof(changed->disks[0]));
	if (!changed)
		return error_set(err, -ENOMEM, "list of changes: %m");
	changed->chunk_size = chunk_size;
	changed->n_disks = n_disks;
	for (size_t i = 0; i < n_disks; i++)
		changed->disks[i] =
			(struct changed_disk){ .name = disks[i].name, .size = disks[i].blk->size };
	int rc = read_lines(changed, in, parent, err);
	if (rc < 0)
		return rc;
	*ret = steal(&changed);
	return 0;
}

bool changed_lists(const struct changed *changed, size_t disk)
{
	return changed->disks[disk].bits;
}

bool changed_has(const struct changed *changed, size_t disk, uint64_t chunk)
{
	return changed->disks[disk].bits[chunk / 64] >> (chunk % 64) & 1;
}
