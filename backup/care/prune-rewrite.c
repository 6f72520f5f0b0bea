/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * prune-rewrite - copies what is live of packs that are hardly used.
 *
 * Which of their chunks are live is known by the bits that usage has kept: the indexes are gone
 * through once more, in the same order. Packs are taken in rounds, so that the chunks of a round
 * fit in memory, and in the room that there is; that of one round may be freed before the next.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lunette/index-merge.h"
#include "prune-private.h"
#include "lunette/repack.h"

/* Of one round: 40 MiB of memory, and what must fit into the repository beside what is there. */
#define ROUND_CHUNKS (1u << 20)
#define ROUND_BYTES  (32ull << 30)

/* What is not filled by packs. */
#define ROOM_LEFT (256ull << 10)

/* A live chunk of a pack of this round. */
struct moving {
	uint32_t pack; /* its number in the usage */
	struct chunk_id id;
};

struct round {
	struct repo *repo;
	struct usage *usage;
	const struct prune_options *options;
	struct prune_result *result;
	bool *chosen; /* a pack each */
	size_t n, room;
	struct moving *moving;
	struct repack *repack;
};

static void round_cleanup(struct round *round)
{
	free(round->chosen);
	free(round->moving);
	repack_free(round->repack);
}

/* What the live part of a pack takes elsewhere: its chunks, and 48 bytes of a table and an index.
 */
static uint64_t needs(const struct usage_pack *pack)
{
	return pack->live + 2 * 48ull * pack->n_live;
}

/*
 * Chooses packs as long as they fit into a round, and into half of the room that there is: others
 * need some, too. The first one may have all but what an index and a mark take.
 *
 * Return: how many; -ENOSPC when there are some, and none of them fits.
 */
static int choose(struct round *round, struct error *err)
{
	uint64_t room = store_room(round->repo->store), limit = MIN(ROUND_BYTES, room / 2);
	uint64_t bytes = 0;
	int n = 0, too_large = 0;
	for (uint32_t i = 0; i < round->usage->n; i++) {
		const struct usage_pack *pack = &round->usage->packs[i];
		if (pack->fate != USAGE_REWRITE)
			continue;
		if (n > 0 ? round->room + pack->n_live > ROUND_CHUNKS || bytes + needs(pack) > limit
			  : needs(pack) + ROOM_LEFT > room) {
			too_large++;
			continue;
		}
		round->chosen[i] = true;
		round->room += pack->n_live;
		bytes += needs(pack);
		n++;
	}
	return n == 0 && too_large > 0 ? error_set(err, -ENOSPC, "rewrite packs: %m") : n;
}

/* Finds the live chunks of the chosen packs. */
static int collect(struct round *round, struct error *err)
{
	const struct usage *usage = round->usage;
	CLEANUP(index_merge_free_cleanup) struct index_merge *merge = NULL;
	const struct index_entry *places;
	size_t n;
	int rc = index_merge_new(usage->indexes, usage->n_indexes, &merge, err);
	if (rc < 0)
		return rc;
	for (uint64_t i = 0; i < usage->chunks; i++) {
		rc = index_merge_next(merge, &places, &n, err);
		if (rc == 0)
			rc = error_set(err, -EUCLEAN, "an index became shorter");
		if (rc > 0 && i % 65536 == 0 && prune_stopped(round->options, err) < 0)
			rc = -EINTR;
		if (rc < 0)
			return rc;
		if (!(usage->live[i / 64] >> i % 64 & 1))
			continue;
		const struct index_entry *place = usage_place(usage, places, n);
		if (round->chosen[place->pack] && round->n < round->room)
			round->moving[round->n++] = (struct moving){ place->pack, place->id };
	}
	return 0;
}

static int by_pack(const void *a, const void *b)
{
	const struct moving *x = a, *y = b;
	int order = (x->pack > y->pack) - (x->pack < y->pack);
	return order != 0 ? order : memcmp(&x->id, &y->id, sizeof(x->id));
}

/* Copies the @n chunks of a pack. @ret: false when one of them cannot be read. */
static int copy_pack(struct round *round, const struct usage_pack *pack,
		     const struct moving *moving, size_t n, bool *ret, struct error *err)
{
	CLEANUP(free_cleanup) struct pack_table *table = NULL;
	struct error why = { 0 };
	char key[STORE_KEY_MAX];
	*ret = false;
	if (pack_table_read(round->repo, pack->pack.id, 0, &table, &why) < 0)
		return 0;
	pack_key(pack->pack.id, key);
	size_t found = 0;
	for (uint32_t i = 0; i < table->n; i++) {
		const struct pack_entry *entry = &table->entries[i];
		const struct moving wanted = { moving[0].pack, entry->id };
		if (!bsearch(&wanted, moving, n, sizeof(*moving), by_pack))
			continue;
		int rc = prune_stopped(round->options, err);
		if (rc == 0 && !repack_knows(round->repack, &entry->id))
			rc = repack_add(round->repack, key, entry, &why, err);
		if (rc < 0)
			return rc;
		if (why.code < 0)
			return 0;
		round->result->copied += entry->stored;
		found++;
	}
	*ret = found >= n;
	return 0;
}

static int copy_all(struct round *round, struct error *err)
{
	size_t end;
	for (size_t at = 0; at < round->n; at = end) {
		struct usage_pack *pack = &round->usage->packs[round->moving[at].pack];
		for (end = at; end < round->n && round->moving[end].pack == round->moving[at].pack;)
			end++;
		bool copied;
		int rc = copy_pack(round, pack, round->moving + at, end - at, &copied, err);
		if (rc < 0)
			return rc;
		pack->fate = copied ? USAGE_GOES : USAGE_KEEP;
		round->result->damaged += !copied;
	}
	return repack_settle(round->repack, err);
}

int prune_rewrite(struct repo *repo, struct usage *usage, const struct marks *marks,
		  const struct prune_options *options, struct prune_result *result,
		  struct error *err)
{
	CLEANUP(round_cleanup)
	struct round round = { .repo = repo, .usage = usage, .options = options, .result = result };
	round.chosen = calloc((size_t)usage->n + 1, sizeof(*round.chosen));
	if (!round.chosen)
		return error_set(err, -ENOMEM, "prune: %m");
	int rc = choose(&round, err);
	if (rc <= 0)
		return rc;
	round.moving = calloc(round.room + 1, sizeof(*round.moving));
	if (!round.moving)
		return error_set(err, -ENOMEM, "prune: %m");
	rc = repack_new(repo, marks->packs, &round.repack, err);
	if (rc == 0)
		rc = collect(&round, err);
	if (rc < 0)
		return rc;
	qsort(round.moving, round.n, sizeof(*round.moving), by_pack);
	rc = copy_all(&round, err);
	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < usage->n; i++) {
		struct usage_pack *pack = &usage->packs[i];
		if (!round.chosen[i] || pack->fate != USAGE_GOES)
			continue;
		result->rewritten.packs++;
		result->rewritten.bytes += pack->pack.size;
		pack->n_live = 0;
		pack->live = 0;
	}
	return 1;
}
