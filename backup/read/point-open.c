/* SPDX-License-Identifier: GPL-3.0-or-later */
/* point-open - see point-open.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lunette/filesystem.h"
#include "lunette/image.h"
#include "lunette/point-open.h"
#include "lunette/repo-parts.h"

/* ---- opening one ------------------------------------------------------------------------------
 */

/* The layout takes references and copies: what the disks are held by here is temporary. */
struct inputs {
	size_t n;
	struct layout_input *disks;
	char (*sources)[600];
};

static void inputs_cleanup(struct inputs *inputs)
{
	for (size_t i = 0; i < inputs->n; i++)
		blk_unref(inputs->disks[i].blk);
	free(inputs->disks);
	free(inputs->sources);
}

static int open_disks(struct repo *repo, const json_t *point, struct inputs *inputs,
		      struct error *err)
{
	size_t n = repo_point_disks(point);
	inputs->disks = calloc(n + 1, sizeof(*inputs->disks));
	inputs->sources = calloc(n + 1, sizeof(*inputs->sources));
	if (!inputs->disks || !inputs->sources)
		return error_set(err, -ENOMEM, "open %zu disks: %m", n);
	CLEANUP(image_cache_unref_cleanup) struct image_cache *cache = NULL;
	int rc = image_cache_new(repo, IMAGE_CACHE_DEFAULT, &cache, err);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		struct repo_disk disk;
		repo_point_disk(point, i, &disk);
		struct layout_input *input = &inputs->disks[i];
		rc = image_open(repo, cache, &disk, &input->blk, err);
		if (rc < 0)
			break;
		snprintf(inputs->sources[i], sizeof(inputs->sources[i]), "%s@%s %s",
			 repo_point_name(point), repo_point_time(point), disk.name);
		input->source = inputs->sources[i];
		inputs->n = i + 1;
	}
	return rc;
}

static const char *word(const json_t *lun, const char *key)
{
	const char *text = json_string_value(json_object_get(lun, key));
	return text ? text : "";
}

/* Who the disks were when they were read. */
static int introduce(const json_t *point, struct layout *layout, struct error *err)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < layout->n_disks; i++) {
		const json_t *disk = json_array_get(json_object_get(point, "disks"), i);
		const json_t *lun = json_object_get(disk, "lun");
		const struct layout_identity identity = { word(lun, "vendor"), word(lun, "product"),
							  word(lun, "serial"), word(lun, "id") };
		rc = layout_introduce(layout, i, &identity, err);
	}
	return rc;
}

int point_open(struct repo *repo, const json_t *point, struct layout **ret, struct error *err)
{
	CLEANUP(inputs_cleanup) struct inputs inputs = { 0 };
	CLEANUP(layout_free_cleanup) struct layout *layout = NULL;
	int rc = open_disks(repo, point, &inputs, err);
	if (rc == 0)
		rc = layout_new(inputs.disks, inputs.n, NULL, &layout, err);
	if (rc == 0)
		rc = introduce(point, layout, err);
	if (rc == 0)
		rc = fs_identify(layout, err);
	if (rc < 0)
		return error_wrap(err, rc, "restore point %s@%s", repo_point_name(point),
				  repo_point_time(point));
	*ret = steal(&layout);
	return 0;
}

bool point_stores(const json_t *point, const char *volume)
{
	size_t i;
	json_t *stored;
	json_array_foreach(json_object_get(point, "stored_volumes"), i, stored)
	{
		const char *name = json_string_value(stored);
		if (name && strcmp(name, volume) == 0)
			return true;
	}
	return false;
}

int point_find_stored(const json_t *point, const struct layout *layout, const char *name,
		      struct error *err)
{
	size_t i;
	json_t *stored;
	json_array_foreach(json_object_get(point, "stored_volumes"), i, stored)
	{
		const char *volume = json_string_value(stored);
		if (!volume || (name && strcmp(volume, name) != 0) || layout_find(layout, volume))
			continue;
		return error_set(err, -EUCLEAN,
				 "volume '%s' is stored, but cannot be put together: %s", volume,
				 layout->untold       ? layout->untold
				 : layout->n_warnings ? layout->warnings[0]
						      : "what describes it is not found");
	}
	return 0;
}

/* ---- all of them, for the tree ----------------------------------------------------------------
 */

struct point_source {
	struct points points;
	struct repo *repo;
};

struct emission {
	points_emit_fn *emit;
	void *ctx;
};

static int emit_point(void *ctx, const struct repo_brief *brief, struct error *err)
{
	struct emission *to = ctx;
	struct point_name name = { .name = brief->name, .time = brief->time };
	memcpy(name.id, brief->id, sizeof(name.id));
	return to->emit(to->ctx, &name, err);
}

static int source_list(struct points *points, points_emit_fn *emit, void *ctx, struct error *err)
{
	struct emission to = { .emit = emit, .ctx = ctx };
	return repo_briefs(((struct point_source *)points)->repo, NULL, emit_point, &to, NULL, err);
}

static int source_open_point(struct points *points, const char *id, struct layout **ret,
			     struct error *err)
{
	struct repo *repo = ((struct point_source *)points)->repo;
	json_t *point = NULL;
	int rc = point_get(repo, id, &point, err);
	if (rc < 0)
		return rc;
	rc = point_open(repo, point, ret, err);
	json_decref(point);
	return rc;
}

static const struct points_ops point_source_ops = {
	.list = source_list,
	.open = source_open_point,
};

int point_source_new(struct repo *repo, struct points **ret, struct error *err)
{
	struct point_source *source = malloc(sizeof(*source));
	if (!source)
		return error_set(err, -ENOMEM, "restore points: %m");
	*source = (struct point_source){ .points.ops = &point_source_ops, .repo = repo };
	*ret = &source->points;
	return 0;
}

void point_source_free(struct points *points)
{
	free(points);
}
