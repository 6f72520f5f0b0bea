/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * prune-usage - what is used of each pack: all chunks that restore points refer to, joined with all
 * that indexes know, both in the order of their ids.
 *
 * The order of looking is what makes it safe: restore points, then the indexes, which were there
 * before the points that need them, then the packs, which were there before the indexes.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lunette/index-merge.h"
#include "prune-private.h"
#include "lunette/reach.h"

#define STOP_EVERY  65536u
#define ENTRY_BYTES 48u /* of an index, for progress */
#define NODE_BYTES  16384u

int prune_stopped(const struct prune_options *options, struct error *err)
{
	bool stop = options->stop && atomic_load_explicit(options->stop, memory_order_relaxed);
	return stop ? error_set(err, -EINTR, "interrupted: the next prune goes on from here") : 0;
}

static int no_memory(struct error *err)
{
	return error_set(err, -ENOMEM, "prune: %m");
}

void usage_free(struct usage *usage)
{
	if (!usage)
		return;
	id_set_free(usage->points);
	free(usage->packs);
	free(usage->indexes);
	free(usage->live);
	free(usage->unindexed);
	free(usage);
}

/* ---- restore points ---- */

struct gathering {
	struct usage *usage;
	const struct id_set *known;
	const struct prune_options *options;
	struct reach *reach;
	uint64_t done; /* bytes gone through, for progress */
	struct error damage;
};

static int gather_point(void *ctx, const char id[65], const json_t *point, struct error *err)
{
	struct gathering *g = ctx;
	struct chunk_id name;
	bool is_new;
	if (!chunk_id_parse(id, &name) || (g->known && id_set_has(g->known, &name)))
		return 0;
	int rc = id_set_add(g->usage->points, &name, &is_new, err);
	g->usage->n_points++;
	return rc < 0 ? rc : reach_add_point(g->reach, point, err);
}

static void note_damage(void *ctx, const struct error *why)
{
	((struct gathering *)ctx)->damage = *why;
}

static void show_nodes(void *ctx, uint64_t nodes)
{
	struct gathering *g = ctx;
	g->done = nodes * NODE_BYTES;
	if (g->options->progress)
		g->options->progress(g->options->ctx, g->done, 2 * g->done);
}

static int gather_points(struct repo *repo, struct gathering *g, struct error *err)
{
	int rc = repo_points(repo, NULL, gather_point, g, note_damage, err);
	if (rc == 0 && g->damage.code < 0)
		rc = error_set(err, g->damage.code,
			       "%s; nothing is removed while it is not known what it refers to%s",
			       g->damage.msg,
			       g->damage.code == -EUCLEAN
				       ? "; if there is no copy 'lunette repair --drop-points' "
					 "gives it up"
				       : "");
	return rc;
}

/* ---- packs ---- */

static int compare_id(const void *id, const void *pack)
{
	return memcmp(id, ((const struct usage_pack *)pack)->pack.id, 32);
}

struct usage_pack *usage_find(const struct usage *usage, const struct chunk_id *id)
{
	if (usage->n == 0)
		return NULL;
	return bsearch(id, usage->packs, usage->n, sizeof(*usage->packs), compare_id);
}

/* Two indexes that know different sizes of a pack: then it is in the list twice. */
static void set_there(struct usage *usage, struct usage_pack *pack, int64_t modified)
{
	while (pack > usage->packs && memcmp(pack[-1].pack.id, pack->pack.id, 32) == 0)
		pack--;
	const struct usage_pack *end = usage->packs + usage->n;
	for (const struct usage_pack *first = pack;
	     pack < end && memcmp(pack->pack.id, first->pack.id, 32) == 0; pack++) {
		pack->there = true;
		pack->modified = modified;
	}
}

struct pack_listing {
	struct usage *usage;
	size_t room;
};

static int list_pack(void *ctx, const struct chunk_id *id, const struct store_stat *st,
		     struct error *err)
{
	struct pack_listing *l = ctx;
	struct usage *usage = l->usage;
	struct usage_pack *pack = usage_find(usage, id);
	if (pack) {
		set_there(usage, pack, st->modified);
		return 0;
	}
	if (usage->n_unindexed == l->room) {
		size_t room = l->room ? 2 * l->room : 64;
		struct usage_loose *grown = reallocarray(usage->unindexed, room, sizeof(*grown));
		if (!grown)
			return no_memory(err);
		usage->unindexed = grown;
		l->room = room;
	}
	struct usage_loose *added = &usage->unindexed[usage->n_unindexed++];
	memcpy(added->pack.id, id->bytes, sizeof(added->pack.id));
	added->pack.size = (uint32_t)MIN(st->size, (uint64_t)UINT32_MAX);
	added->modified = st->modified;
	return 0;
}

static int by_loose_id(const void *a, const void *b)
{
	const struct usage_loose *x = a, *y = b;
	return memcmp(x->pack.id, y->pack.id, sizeof(x->pack.id));
}

const struct index_pack *usage_there(const struct usage *usage, const struct chunk_id *id)
{
	const struct usage_pack *pack = usage_find(usage, id);
	if (pack)
		return pack->there ? &pack->pack : NULL;
	struct usage_loose key;
	memcpy(key.pack.id, id->bytes, sizeof(key.pack.id));
	const struct usage_loose *loose =
		usage->n_unindexed ? bsearch(&key, usage->unindexed, usage->n_unindexed,
					     sizeof(key), by_loose_id)
				   : NULL;
	return loose ? &loose->pack : NULL;
}

static int list_packs(struct repo *repo, struct usage *usage, const struct index_merge *merge,
		      const struct marks *marks, struct error *err)
{
	uint32_t n = 0;
	const struct index_pack *packs = merge ? index_merge_packs(merge, &n) : NULL;
	usage->packs = calloc((size_t)n + 1, sizeof(*usage->packs));
	if (!usage->packs)
		return no_memory(err);
	usage->n = n;
	for (uint32_t i = 0; i < n; i++)
		usage->packs[i] = (struct usage_pack){ .pack = packs[i],
						       .marked = marks_has(marks, &packs[i]) };
	struct pack_listing listing = { .usage = usage };
	int rc = pack_list(repo->store, list_pack, &listing, err);
	if (usage->n_unindexed > 0)
		qsort(usage->unindexed, usage->n_unindexed, sizeof(*usage->unindexed), by_loose_id);
	return rc;
}

/* ---- the join ---- */

const struct index_entry *usage_place(const struct usage *usage, const struct index_entry *places,
				      size_t n)
{
	const struct index_entry *found = NULL;
	for (size_t i = 0; i < n; i++) {
		const struct usage_pack *pack = &usage->packs[places[i].pack];
		if (pack->there && !pack->marked)
			return &places[i];
		if (pack->there && !found)
			found = &places[i];
	}
	return found;
}

static int set_live(struct usage *usage, uint64_t chunk, bool live, struct error *err)
{
	if (chunk % (64 * 1024) == 0) {
		uint64_t *grown = realloc(usage->live, (size_t)(chunk / 64 + 1024) * 8);
		if (!grown)
			return no_memory(err);
		memset(grown + chunk / 64, 0, 1024 * sizeof(*grown));
		usage->live = grown;
	}
	usage->live[chunk / 64] |= (uint64_t)live << chunk % 64;
	return 0;
}

static int count_chunk(struct usage *usage, const struct index_entry *places, size_t n, bool live,
		       struct error *err)
{
	const struct index_entry *place = live ? usage_place(usage, places, n) : NULL;
	if (place) {
		struct usage_pack *pack = &usage->packs[place->pack];
		pack->n_live++;
		pack->live = MIN(pack->live + place->stored, pack->pack.size);
		usage->live_chunks++;
	}
	usage->missing += live && !place;
	return set_live(usage, usage->chunks++, place != NULL, err);
}

/* Both sides are sorted: each step takes the lesser one, or both when they are equal. */
static int join(struct gathering *g, struct index_merge *merge, struct error *err)
{
	struct usage *usage = g->usage;
	const struct index_entry *places = NULL;
	struct chunk_id id;
	size_t n = 0;
	uint64_t total = g->done;
	for (size_t i = 0; i < usage->n_indexes; i++)
		total += index_entries(usage->indexes[i]) * ENTRY_BYTES;
	int more_ids = reach_next(g->reach, &id, err);
	int more = more_ids < 0 || !merge ? more_ids : index_merge_next(merge, &places, &n, err);
	if (!merge)
		more = 0;
	while (more > 0 || more_ids > 0) {
		if (more_ids < 0 || more < 0)
			break;
		int order = !more ? -1 : !more_ids ? 1 : memcmp(&id, &places[0].id, sizeof(id));
		usage->missing += order < 0;
		int rc = order >= 0 ? count_chunk(usage, places, n, order == 0, err) : 0;
		g->done += order >= 0 ? n * ENTRY_BYTES : 0;
		if (rc == 0 && usage->chunks % STOP_EVERY == 0) {
			rc = prune_stopped(g->options, err);
			if (g->options->progress)
				g->options->progress(g->options->ctx, g->done, total);
		}
		if (rc < 0)
			return rc;
		if (order >= 0)
			more = index_merge_next(merge, &places, &n, err);
		if (order <= 0 && more >= 0)
			more_ids = reach_next(g->reach, &id, err);
	}
	return more < 0 ? more : MIN(more_ids, 0);
}

static int find_out(struct repo *repo, const struct marks *marks, struct gathering *g,
		    struct error *err)
{
	struct usage *usage = g->usage;
	int rc = gather_points(repo, g, err);
	if (rc < 0 || (g->known && usage->n_points == 0))
		return rc; /* nothing has come since */
	rc = catalog_refresh(repo->catalog, err);
	if (rc == 0)
		rc = catalog_indexes(repo->catalog, true, &usage->indexes, &usage->n_indexes, err);
	CLEANUP(index_merge_free_cleanup) struct index_merge *merge = NULL;
	if (rc == 0 && usage->n_indexes > 0)
		rc = index_merge_new(usage->indexes, usage->n_indexes, &merge, err);
	if (rc == 0)
		rc = list_packs(repo, usage, merge, marks, err);
	if (rc < 0)
		return rc;
	struct error why = { 0 };
	rc = reach_walk(g->reach, &why);
	if (rc == -ENOENT || rc == -EUCLEAN)
		return error_set(err, -EUCLEAN,
				 "%s; nothing is removed, as it is not known what is needed: "
				 "'lunette check' tells more",
				 why.msg);
	if (rc < 0)
		return error_copy(err, rc, &why);
	return join(g, merge, err);
}

int usage_new(struct repo *repo, const struct marks *marks, const struct id_set *known,
	      const struct prune_options *options, struct usage **ret, struct error *err)
{
	CLEANUP(usage_free_cleanup) struct usage *usage = calloc(1, sizeof(*usage));
	if (!usage)
		return no_memory(err);
	struct gathering g = { .usage = usage, .known = known, .options = options };
	const struct reach_options reach_options = { .stop = options->stop,
						     .progress = show_nodes,
						     .ctx = &g };
	int rc = id_set_new(SIZE_MAX, &usage->points, err);
	CLEANUP(reach_free_cleanup) struct reach *reach = NULL;
	if (rc == 0)
		rc = reach_new(repo, &reach_options, &reach, err);
	g.reach = reach;
	if (rc == 0)
		rc = find_out(repo, marks, &g, err);
	if (rc < 0)
		return rc;
	*ret = steal(&usage);
	return 0;
}

static bool is_among(struct index *const *indexes, size_t n, const struct index *index)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(index_key(indexes[i]), index_key(index)) == 0)
			return true;
	return false;
}

int usage_is_outdated(struct repo *repo, const struct usage *usage, bool *ret, struct error *err)
{
	CLEANUP(free_cleanup) struct index **now = NULL;
	size_t n = 0;
	int rc = catalog_refresh(repo->catalog, err);
	if (rc == 0)
		rc = catalog_indexes(repo->catalog, true, &now, &n, err);
	if (rc < 0)
		return rc;
	*ret = false;
	for (size_t i = 0; i < usage->n_indexes && !*ret; i++)
		*ret = !is_among(now, n, usage->indexes[i]);
	return 0;
}
