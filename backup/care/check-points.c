/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * check-points - from the restore points down: is all there that they refer to?
 *
 * Restore points share most of their chunk maps. A subtree in which all is well is remembered by
 * its node, and not entered again; one in which something is lost is entered for each restore
 * point, since that is how it is known where it is lost there.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "check-private.h"
#include "lunette/chunkmap.h"
#include "hurt.h"

#define LOST_MAX      (1u << 20)
#define REFRESHES_MAX 64u

/**
 * struct points_check - restore points on their way
 * @lost: ids of chunks and nodes that were counted as lost
 * @refreshes: how often the indexes have been listed again
 */
struct points_check {
	struct check *check;
	struct id_set *lost;
	unsigned int refreshes;
};

/**
 * struct chunkmap_check - the chunk map of a disk, on its way
 * @name: of the restore point and the disk, for messages
 * @lost: where it cannot be read
 */
struct chunkmap_check {
	struct points_check *points;
	const char *name;
	struct repo_disk disk;
	struct hurt_ranges lost;
};

/* Does an index know a place of this chunk that is there? */
static bool has_place(struct check *check, const struct chunk_id *id)
{
	struct catalog_search search = { 0 };
	struct catalog_place place;
	while (catalog_next(check->repo->catalog, &search, id, &place)) {
		const struct check_pack *pack = check_find_pack(check, place.pack.id);
		bool there = false;
		if (pack && range_inside(place.entry.stored, place.entry.offset, pack->size))
			return true;
		/* It may have been added since the packs were listed. */
		if (!pack &&
		    catalog_has_pack(check->repo->catalog, &place.pack, &there, NULL) == 0 && there)
			return true;
	}
	return false;
}

/* These chunks of the disk cannot be read, because @id cannot. */
static int lose(struct chunkmap_check *tree, const struct chunk_id *id, uint64_t n, uint64_t count,
		bool *well, struct error *err)
{
	*well = false;
	struct points_check *points = tree->points;
	bool new = false;
	int rc = id_set_add(points->lost, id, &new, err);
	if (rc == -ENOMEM)
		return rc;
	points->check->result->lost += new;
	points->check->result->unknown += new && !has_place(points->check, id);
	uint64_t start = n * tree->disk.chunk_size;
	uint64_t end = MIN((n + count) * tree->disk.chunk_size, tree->disk.size);
	return hurt_ranges_add(&tree->lost, start, end - start, err);
}

static int visit(struct chunkmap_check *tree, const struct chunk_id *id, unsigned int level,
		 uint64_t n, bool *well, struct error *err);

/* A chunk of the disk, at level 0 of its leaf; or a node below another one. */
static int visit_child(struct chunkmap_check *tree, const struct chunk_id *id, unsigned int level,
		       uint64_t n, bool *well, struct error *err)
{
	struct check *check = tree->points->check;
	if (level > 0)
		return visit(tree, id, level - 1, n, well, err);
	if (id_set_has(check->bad, id))
		return lose(tree, id, n, 1, well, err);
	if (has_place(check, id))
		return 0;
	/* A prune may have put it elsewhere meanwhile; where much is lost that is not the cause. */
	if (tree->points->refreshes++ < REFRESHES_MAX &&
	    catalog_refresh(check->repo->catalog, NULL) == 0 && has_place(check, id))
		return 0;
	return lose(tree, id, n, 1, well, err);
}

static int visit_node(struct chunkmap_check *tree, const struct chunk_id *node, unsigned int level,
		      uint64_t n, bool *well, struct error *err)
{
	uint64_t span = level > 0 ? chunkmap_span(level - 1) : 1;
	for (size_t i = 0; i < CHUNKMAP_FANOUT; i++) {
		uint64_t at = n + i * span;
		if (chunk_id_is_zero(&node[i]))
			continue;
		if (at >= tree->disk.n_chunks) {
			*well = false;
			return check_problem(tree->points->check, tree->name, -EUCLEAN,
					     "its chunk map goes on past the end of the disk", err);
		}
		int rc = visit_child(tree, &node[i], level, at, well, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/*
 * @n: the first chunk below the node
 * @well: becomes false when something below it cannot be read
 */
static int visit(struct chunkmap_check *tree, const struct chunk_id *id, unsigned int level,
		 uint64_t n, bool *well, struct error *err)
{
	struct check *check = tree->points->check;
	/* The same node at another level, or nearer to the end of its disk, is another question. */
	bool is_inner = chunkmap_span(level) <= tree->disk.n_chunks - n;
	struct chunk_id key = *id;
	key.bytes[31] ^= (uint8_t)(level + 1);
	int rc = check_stopped(check, err);
	if (rc < 0 || (is_inner && id_set_has(check->clean, &key)))
		return rc;
	CLEANUP(free_cleanup) struct chunk_id *node = malloc(CHUNKMAP_NODE);
	if (!node)
		return error_set(err, -ENOMEM, "read a chunk map: %m");
	struct error why = { 0 };
	rc = repo_read(check->repo, id, node, CHUNKMAP_NODE, &why);
	if (rc == -ENOMEM)
		return error_copy(err, rc, &why);
	if (rc < 0) {
		uint64_t count = MIN(chunkmap_span(level), tree->disk.n_chunks - n);
		rc = lose(tree, id, n, count, well, err);
		return rc < 0 ? rc : check_problem(check, tree->name, why.code, why.msg, err);
	}
	bool below = true, new;
	rc = visit_node(tree, node, level, n, &below, err);
	if (rc == 0 && below && is_inner)
		rc = id_set_add(check->clean, &key, &new, err) == -ENOMEM ? -ENOMEM : 0;
	*well &= below;
	return rc;
}

static int check_disk(struct points_check *points, const char *name, const struct repo_disk *disk,
		      struct hurt_ranges *ret, struct error *err)
{
	struct chunkmap_check tree = { .points = points, .name = name, .disk = *disk };
	unsigned int levels = chunkmap_levels(disk->n_chunks);
	bool well = true;
	if (levels > CHUNKMAP_LEVELS)
		return check_problem(points->check, name, -EUCLEAN,
				     "a disk is larger than any can be", err);
	int rc = disk->n_chunks == 0 || chunk_id_is_zero(&disk->root)
			 ? 0
			 : visit(&tree, &disk->root, levels - 1, 0, &well, err);
	*ret = tree.lost;
	return rc;
}

/* ---- restore points ----------------------------------------------------------------------------
 */

static int report(struct check *check, const char id[65], const json_t *point, const char *name,
		  const struct hurt_disks *disks, struct error *err)
{
	struct check_result *result = check->result;
	uint64_t bytes = hurt_disks_bytes(disks);
	if (bytes == 0)
		return 0;
	char what[96];
	snprintf(what, sizeof(what), "%" PRIu64 " bytes of its disks cannot be read", bytes);
	int rc = check_problem(check, name, -EUCLEAN, what, err);
	if (rc < 0 || result->n_hurt++ >= CHECK_POINTS_MAX)
		return rc;
	return hurt_point(check->repo, id, point, disks, check->opts->stop, result->hurt, err);
}

static int pass_verdict(struct check *check, const char id[65], bool whole, struct error *err)
{
	if (!whole && check->result->out_of_reach > 0) /* it may be well */
		return 0;
	json_t *list = whole ? check->result->whole : check->result->not_whole;
	return json_array_append_new(list, json_string(id)) < 0
		       ? error_set(err, -ENOMEM, "check a restore point: %m")
		       : 0;
}

static int check_point(void *ctx, const char id[65], const json_t *point, struct error *err)
{
	struct points_check *points = ctx;
	struct check *check = points->check;
	/* Now that the points are listed, all indexes that they need are there. */
	int rc = points->refreshes ? 0 : catalog_refresh(check->repo->catalog, err);
	if (rc < 0)
		return rc;
	points->refreshes++;
	check->result->points++;
	CLEANUP(hurt_disks_clear) struct hurt_disks disks = { 0 };
	rc = hurt_disks_new(point, &disks, err);
	char name[512];
	snprintf(name, sizeof(name), "%.400s@%s", repo_point_name(point), repo_point_time(point));
	uint64_t before = check->result->n_problems;
	for (size_t i = 0; rc == 0 && i < disks.n; i++) {
		struct repo_disk disk;
		repo_point_disk(point, i, &disk);
		rc = check_disk(points, name, &disk, &disks.disks[i], err);
	}
	if (rc == 0)
		rc = report(check, id, point, name, &disks, err);
	if (rc == 0)
		rc = pass_verdict(check, id, check->result->n_problems == before, err);
	return rc < 0 ? rc : check_bad(check, id, point, err);
}

/* Those that cannot be read, which repo_points() leaves out. */
static int prove_point(void *ctx, const char *name, const struct store_stat *st, struct error *err)
{
	(void)st;
	struct check *check = ctx;
	struct chunk_id id;
	if (!chunk_id_parse(name, &id))
		return 0;
	json_t *point = NULL;
	struct error why = { 0 };
	int rc = point_get(check->repo, name, &point, &why);
	json_decref(point);
	if (rc == -ENOMEM)
		return error_copy(err, rc, &why);
	char object[STORE_KEY_MAX];
	snprintf(object, sizeof(object), POINT_FOLDER "/%.64s", name);
	/* One that is not there was forgotten just now. */
	return rc < 0 && rc != -ENOENT ? check_problem(check, object, rc, why.msg, err) : 0;
}

static int check_named(struct points_check *points, struct error *err)
{
	const struct check_options *opts = points->check->opts;
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < opts->n_named; i++) {
		CLEANUP(json_decref_cleanup) json_t *point = NULL;
		rc = check_get_named(points->check, i, &point, err);
		if (rc == 0)
			rc = check_point(points, opts->named[i], point, err);
	}
	return rc;
}

int check_points(struct check *check, struct error *err)
{
	CLEANUP(id_set_free_cleanup) struct id_set *lost = NULL;
	bool named = check->opts->n_named > 0;
	int rc = id_set_new(LOST_MAX, &lost, err);
	if (rc == 0 && !named)
		rc = store_list(check->repo->store, POINT_FOLDER, prove_point, check, err);
	if (rc == 0 && check->bad_more)
		rc = check_problem(
			check, "packs", -EUCLEAN,
			"so many chunks cannot be read that not all of them are followed to "
			"the restore points that they hurt",
			err);
	if (rc < 0)
		return rc;
	struct points_check points = { .check = check, .lost = lost };
	/* Only some of those that are hurt are described: the newest matter most. */
	return named ? check_named(&points, err)
		     : repo_points_newest_first(check->repo, check_point, &points, err);
}
