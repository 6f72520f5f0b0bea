/* SPDX-License-Identifier: GPL-3.0-or-later */
/* parent - see parent.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "changed.h"
#include "lunette/bad-ranges.h"
#include "lunette/parent.h"
#include "lunette/point-open.h"
#include "parent-match.h"

/**
 * struct parent_disk - a disk of the parent that one of this backup was
 * @map: NULL when it is not known to be: nothing of the disk is the same
 * @bad: what of it could not be read: never the same
 */
struct parent_disk {
	struct layout_disk *old;
	struct chunkmap *map;
	struct bad_ranges bad;
};

/**
 * struct parent - see above
 * @plan: of this backup
 * @old: of the parent, over @old_layout; NULL when it could not be worked out
 * @scratch: the parent's window
 * @verify: percent
 * @n_left: unchanged chunks that have not been asked for, and
 * @n_pick: how many of them are still to be verified
 */
struct parent {
	struct repo *repo;
	const struct plan *plan;
	const atomic_bool *stop;
	char id[65];
	json_t *point;
	struct changed *changed;
	struct layout *old_layout;
	struct plan *old;
	struct plan_window *scratch;
	double verify;
	uint64_t random;
	uint64_t n_verify;
	uint64_t n_left;
	uint64_t n_pick;
	size_t n_disks;
	struct parent_disk *disks;
};

void parent_free(struct parent *parent)
{
	if (!parent)
		return;
	for (size_t i = 0; i < parent->n_disks; i++) {
		chunkmap_close(parent->disks[i].map);
		bad_ranges_clear(&parent->disks[i].bad);
	}
	free(parent->disks);
	free(parent->scratch);
	plan_free(parent->old);
	layout_free(parent->old_layout);
	changed_free(parent->changed);
	json_decref(parent->point);
	free(parent);
}

const char *parent_id(const struct parent *parent)
{
	return parent->id;
}

uint64_t parent_n_verify(const struct parent *parent)
{
	return parent->n_verify;
}

/* ---- opening ----------------------------------------------------------------------------------
 */

static int read_list(struct parent *parent, const char *path, struct error *err)
{
	FILE *in = fopen(path, "re");
	if (!in)
		return error_set(err, -errno, "list of changes '%s': %m", path);
	int rc = changed_read(in, parent->plan->layout->disks, parent->plan->layout->n_disks,
			      repo_chunk_size(parent->repo), parent->id, &parent->changed, err);
	fclose(in);
	return rc < 0 ? error_wrap(err, rc, "'%s'", path) : 0;
}

/* The texts of a list, which belong to it. @ret has room for them. */
static size_t texts_of(const json_t *list, const char **ret)
{
	size_t i, n = 0;
	json_t *text;
	json_array_foreach(list, i, text) if (json_is_string(text)) ret[n++] =
		json_string_value(text);
	return n;
}

/* It has no rules, but those of a backup that went around bad sectors. */
static bool is_guessed(const json_t *point)
{
	struct repo_disk disk;
	bool bad = false;
	for (size_t i = 0; i < repo_point_disks(point); i++) {
		repo_point_disk(point, i, &disk);
		bad |= json_array_size(disk.unreadable) > 0;
	}
	return bad;
}

/* What the parent chose, from its manifest. */
static int choice_of(const struct parent *parent, const char **volumes, const char **patterns,
		     struct plan_choice *ret, struct error *err)
{
	const json_t *rules = json_object_get(parent->point, "rules");
	if (!rules && is_guessed(parent->point))
		return error_set(err, -ENODATA,
				 "bad sectors kept a file system from saying what was in use then");
	if (!json_is_integer(rules) || json_integer_value(rules) != PLAN_RULES)
		return error_set(err, -ENODATA,
				 "another version of lunette wrote it, which chose what is in use "
				 "by other rules");
	const json_t *excluded = json_object_get(parent->point, "excluded");
	*ret = (struct plan_choice){
		.volumes = volumes,
		.all_blocks = json_is_true(json_object_get(parent->point, "all_blocks")),
		.only_known = json_is_true(json_object_get(parent->point, "only_known")),
		.degraded = true,
		.skip_bad = true,
		.exclude.patterns = patterns,
		.exclude.no_defaults = !json_is_true(json_object_get(excluded, "defaults")),
		.exclude.stop = parent->stop,
	};
	bool every = json_is_true(json_object_get(parent->point, "every_volume"));
	if (!ret->all_blocks && !every)
		ret->n_volumes =
			texts_of(json_object_get(parent->point, "stored_volumes"), volumes);
	ret->exclude.n_patterns = texts_of(json_object_get(excluded, "patterns"), patterns);
	if (!ret->all_blocks && !every && ret->n_volumes == 0)
		return error_set(err, -ENODATA, "it does not say which volumes are in it");
	return 0;
}

/* Works out anew what was in use, as the parent's backup did. */
static int plan_old(struct parent *parent, struct error *err)
{
	const json_t *excluded = json_object_get(parent->point, "excluded");
	size_t n = json_array_size(json_object_get(parent->point, "stored_volumes"));
	size_t n_patterns = json_array_size(json_object_get(excluded, "patterns"));
	CLEANUP(free_cleanup) const char **texts = calloc(n + n_patterns + 1, sizeof(*texts));
	if (!texts)
		return error_set(err, -ENOMEM, "%m");
	struct plan_choice choice;
	int rc = choice_of(parent, texts, texts + n, &choice, err);
	if (rc == 0)
		rc = point_open(parent->repo, parent->point, &parent->old_layout, err);
	if (rc == 0) /* what is not found would pass for stored whole */
		rc = point_find_stored(parent->point, parent->old_layout, NULL, err);
	if (rc == 0)
		rc = plan_new(parent->old_layout, &choice, &parent->old, err);
	return rc;
}

/* What tells the disks of both sides; the arrays have room for them. */
static int look_at_disks(struct parent *parent, const struct parent_request *request,
			 struct match_disk *now, struct match_disk *old, struct error *err)
{
	const struct layout *layout = parent->plan->layout;
	const json_t *stored = json_object_get(parent->point, "disks");
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < layout->n_disks; i++)
		rc = match_look(layout, i, request->sources[i]->id, &now[i], err);
	for (size_t i = 0; rc == 0 && i < parent->old_layout->n_disks; i++) {
		const json_t *lun = json_object_get(json_array_get(stored, i), "lun");
		const char *id = json_string_value(json_object_get(lun, "id"));
		rc = match_look(parent->old_layout, i, id ? id : "", &old[i], err);
	}
	return rc;
}

static int open_disk(struct parent *parent, struct layout *layout, const struct match_sides *sides,
		     size_t i, struct error *err)
{
	struct parent_disk *disk = &parent->disks[i];
	struct repo_disk stored = { 0 };
	const char *why = NULL;
	size_t n = match_find(sides, i, &why);
	if (n != SIZE_MAX) {
		repo_point_disk(parent->point, n, &stored);
		if (stored.chunk_size != repo_chunk_size(parent->repo))
			why = "its chunks have another size there";
	}
	if (!changed_lists(parent->changed, i))
		why = "the list of changes does not speak of it";
	if (why)
		return layout_warn(layout, err,
				   "%s is read in full, in spite of restore point %.12s: %s",
				   layout->disks[i].name, parent->id, why);
	disk->old = &parent->old_layout->disks[n];
	int rc = bad_ranges_parse(stored.unreadable, stored.size, &disk->bad, err);
	if (rc < 0)
		return rc;
	return chunkmap_open(parent->repo, &stored.root, stored.n_chunks, &disk->map, err);
}

static int open_disks(struct parent *parent, struct layout *layout,
		      const struct parent_request *request, struct error *err)
{
	size_t n_now = layout->n_disks, n_old = parent->old_layout->n_disks;
	CLEANUP(free_cleanup) struct match_disk *disks = calloc(n_now + n_old, sizeof(*disks));
	if (!disks)
		return error_set(err, -ENOMEM, "parent: %m");
	const struct match_sides sides = { .now = disks,
					   .n_now = n_now,
					   .old = disks + n_now,
					   .n_old = n_old,
					   .in_order = request->in_order };
	int rc = look_at_disks(parent, request, disks, disks + n_now, err);
	for (size_t i = 0; rc == 0 && i < n_now; i++)
		rc = open_disk(parent, layout, &sides, i, err);
	return rc;
}

/* The list of changes speaks of one restore point: where it is not certain which, all is wrong. */
static int find_parent(struct parent *parent, const char *spec, struct error *err)
{
	struct repo_point_search search = { .spec = spec };
	int rc = repo_point_search(parent->repo, &search, err);
	if (rc < 0)
		return rc;
	parent->point = search.point;
	memcpy(parent->id, search.id, sizeof(parent->id));
	if (!search.future[0])
		return 0;
	return error_set(
		err, -ENOTUNIQ,
		"which restore point is '%s'? Id %.12s is of the future, so that a clock "
		"was wrong, and the newest need not be the last: say the whole time or the id",
		spec, search.future);
}

static int open_parent(struct parent *parent, struct layout *layout,
		       const struct parent_request *request, struct error *err)
{
	int rc = find_parent(parent, request->point, err);
	if (rc == 0)
		rc = read_list(parent, request->changed, err);
	if (rc < 0)
		return rc;
	parent->n_disks = layout->n_disks;
	parent->disks = calloc(layout->n_disks, sizeof(*parent->disks));
	parent->scratch = malloc(sizeof(*parent->scratch));
	if (!parent->disks || !parent->scratch)
		return error_set(err, -ENOMEM, "parent: %m");
	struct error why;
	rc = plan_old(parent, &why);
	if (rc == -ENOMEM || rc == -EINTR)
		return error_copy(err, rc, &why);
	if (rc < 0)
		return layout_warn(layout, err, "all is read, in spite of restore point %.12s: %s",
				   parent->id, why.msg);
	return open_disks(parent, layout, request, err);
}

/* ---- windows ----------------------------------------------------------------------------------
 */

struct chunk_granules {
	size_t from, to;
};

static struct chunk_granules granules_of(const struct plan_window *window, size_t chunk,
					 size_t chunk_size)
{
	uint64_t end = MIN((uint64_t)(chunk + 1) * chunk_size, window->length);
	return (struct chunk_granules){
		.from = chunk * chunk_size / PLAN_GRANULE,
		.to = (size_t)((end + PLAN_GRANULE - 1) / PLAN_GRANULE),
	};
}

static size_t count_chunks(const struct plan_window *window, size_t chunk_size)
{
	return (size_t)((window->length + chunk_size - 1) / chunk_size);
}

/* Which chunks are the same. A chunk begins and ends at whole words of bits, but for the last. */
static int find_same(struct parent *parent, size_t disk, const struct plan_window *window,
		     uint64_t *same, struct error *err)
{
	memset(same, 0, BITS_WORDS(PARENT_CHUNKS) * sizeof(*same));
	struct parent_disk *p = &parent->disks[disk];
	if (!p->map)
		return 0;
	int rc = plan_used(parent->old, p->old, window->off, parent->scratch, err);
	if (rc < 0)
		return error_wrap(err, rc, "restore point %.12s, without which all must be read",
				  parent->id);
	size_t chunk_size = repo_chunk_size(parent->repo);
	for (size_t i = 0, n = count_chunks(window, chunk_size); i < n; i++) {
		struct chunk_granules g = granules_of(window, i, chunk_size);
		size_t words = BITS_WORDS(g.to - g.from);
		bool alike = memcmp(window->in_use + g.from / 64,
				    parent->scratch->in_use + g.from / 64, words * 8) == 0;
		uint64_t n_chunk = window->off / chunk_size + i;
		if (alike && !changed_has(parent->changed, disk, n_chunk) &&
		    !bad_ranges_in(&p->bad, chunk_size, n_chunk * chunk_size))
			bits_put(same, i, i + 1, true);
	}
	return 0;
}

/* Only a chunk of which something would have been read is worth verifying. */
static bool is_candidate(const struct plan_window *window, const uint64_t *same, size_t chunk,
			 size_t chunk_size)
{
	struct chunk_granules g = granules_of(window, chunk, chunk_size);
	return bits_find(same, chunk, chunk + 1, true) == chunk &&
	       bits_find(window->bits, g.from, g.to, true) < g.to;
}

/* Of a chunk, those that would have to be read; the disk's last granule may be a short one. */
static uint64_t count_bytes(const struct plan_window *window, struct chunk_granules g)
{
	uint64_t bytes = (uint64_t)bits_count(window->bits, g.from, g.to) * PLAN_GRANULE;
	uint64_t end = (uint64_t)g.to * PLAN_GRANULE;
	bool last = bits_find(window->bits, g.to - 1, g.to, true) < g.to;
	return last && end > window->length ? bytes - (end - window->length) : bytes;
}

/* SplitMix64. Source: Steele, Lea, Flood, Fast Splittable Pseudorandom Number Generators, 2014. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* Selection sampling: each of those left is as likely as any other, and exactly n_pick are. */
static bool pick(struct parent *parent)
{
	__extension__ typedef unsigned __int128 wide;
	uint64_t at = (uint64_t)((wide)next_random(&parent->random) * parent->n_left >> 64);
	bool picked = at < parent->n_pick;
	parent->n_left--;
	parent->n_pick -= picked;
	return picked;
}

int parent_window(struct parent *parent, size_t disk, const struct plan_window *window,
		  struct parent_window *ret, struct error *err)
{
	memset(ret->verify, 0, sizeof(ret->verify));
	int rc = find_same(parent, disk, window, ret->same, err);
	if (rc < 0)
		return rc;
	size_t chunk_size = repo_chunk_size(parent->repo);
	size_t n = count_chunks(window, chunk_size);
	ret->spared = 0;
	for (size_t i = 0; i < n; i++) {
		if (!is_candidate(window, ret->same, i, chunk_size))
			continue;
		struct chunk_granules g = granules_of(window, i, chunk_size);
		if (parent->n_pick > 0 && pick(parent))
			bits_put(ret->verify, i, i + 1, true);
		else
			ret->spared += count_bytes(window, g);
	}
	return 0;
}

int parent_chunk(struct parent *parent, size_t disk, uint64_t n, struct chunk_id *ret,
		 struct error *err)
{
	int rc = chunkmap_get(parent->disks[disk].map, n, ret, err);
	return rc < 0 ? error_wrap(err, rc, "restore point %.12s, without which all must be read",
				   parent->id)
		      : 0;
}

/* ---- the sample --------------------------------------------------------------------------------
 */

/* How many chunks of a window could be verified. */
static int count_window(struct parent *parent, size_t disk, const struct plan_window *window,
			struct error *err)
{
	uint64_t same[BITS_WORDS(PARENT_CHUNKS)];
	int rc = find_same(parent, disk, window, same, err);
	if (rc < 0)
		return rc;
	size_t chunk_size = repo_chunk_size(parent->repo);
	for (size_t i = 0, n = count_chunks(window, chunk_size); i < n; i++)
		parent->n_left += is_candidate(window, same, i, chunk_size);
	return 0;
}

/* How many of how many chunks are verified. */
static int size_sample(struct parent *parent, struct error *err)
{
	CLEANUP(free_cleanup) struct plan_window *window = malloc(sizeof(*window));
	if (!window)
		return error_set(err, -ENOMEM, "plan: %m");
	const struct layout *layout = parent->plan->layout;
	for (size_t i = 0; i < layout->n_disks; i++) {
		const struct layout_disk *disk = &layout->disks[i];
		for (uint64_t off = 0; off < disk->blk->size; off += window->length) {
			if (atomic_load_explicit(parent->stop, memory_order_relaxed))
				return error_set(err, -EINTR, "interrupted");
			int rc = plan_window(parent->plan, disk, off, window, err);
			if (rc == 0)
				rc = count_window(parent, i, window, err);
			if (rc < 0)
				return rc;
		}
	}
	double part = (double)parent->n_left * parent->verify / 100;
	parent->n_pick = MIN((uint64_t)part + ((double)(uint64_t)part < part), parent->n_left);
	parent->n_verify = parent->n_pick;
	return 0;
}

int parent_new(struct repo *repo, const struct plan *plan, struct layout *layout,
	       const struct parent_request *request, struct parent **ret, struct error *err)
{
	CLEANUP(parent_free_cleanup) struct parent *parent = calloc(1, sizeof(*parent));
	if (!parent)
		return error_set(err, -ENOMEM, "parent: %m");
	parent->repo = repo;
	parent->plan = plan;
	parent->stop = request->stop;
	parent->verify = request->verify;
	parent->random = request->seed;
	int rc = open_parent(parent, layout, request, err);
	if (rc == 0 && parent->verify > 0)
		rc = size_sample(parent, err);
	if (rc < 0)
		return rc;
	*ret = steal(&parent);
	return 0;
}
