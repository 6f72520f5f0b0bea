/* SPDX-License-Identifier: GPL-3.0-or-later */
/* prune - what goes, and the order of things. See prune.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lunette/json.h"
#include "prune-private.h"

/* Unfinished objects that nobody has added to for a day have no living writer. */
#define SWEEP_AGE (24 * 3600)

/* Packs smaller than this are joined when there are so many. */
#define SMALL_BYTES (PACK_FULL_BYTES / 4)
#define SMALL_MANY  16

/* A writer's clock may be so far from that of the store, when it is guessed what he has made. */
#define YOUNG_SLACK 300

/* Indexes may be merged while they are read; then all is read again, but not for ever. */
#define TRIES 5

struct prune {
	struct repo *repo;
	const struct prune_options *options;
	struct prune_result *result;
	struct lease *lease; /* NULL on a dry run */
	struct marks *marks;
	struct usage *usage;
	struct id_set *gone; /* packs that this pass has removed, whose marks are still there */
	bool unmarked;       /* not all that is to go could be marked: it takes another pass */
	bool outdated;       /* a backup has merged indexes meanwhile: it takes another pass */
	bool cramped; /* there is no room for what is still used of packs that could be rewritten */
	int64_t writers_since; /* when the first of those who write now began; INT64_MAX: nobody */
	size_t n_going, room;
	struct index_pack *going; /* to be marked */
};

static void prune_cleanup(struct prune *prune)
{
	usage_free(prune->usage);
	marks_free(prune->marks);
	id_set_free(prune->gone);
	lease_release(prune->lease);
	free(prune->going);
}

void prune_result_free(struct prune_result *result)
{
	json_decref(result->waiting_for);
	json_decref(result->writers);
}

static void count(struct prune_amount *amount, const struct index_pack *pack)
{
	amount->packs++;
	amount->bytes += pack->size;
}

/* ---- deciding ---- */

/*
 * A running writer's packs are not referred to before he has finished. Marking them would be
 * harmless, since they would be found to be in use in the end, but others would store the same
 * chunks again meanwhile. Times of two clocks are compared here: only how good the guess is depends
 * on them.
 */
static bool is_young(const struct prune *prune, int64_t modified)
{
	return prune->writers_since != INT64_MAX && modified >= prune->writers_since - YOUNG_SLACK;
}

static int add_going(struct prune *prune, const struct index_pack *pack, struct error *err)
{
	if (prune->n_going == prune->room) {
		size_t room = prune->room ? 2 * prune->room : 64;
		struct index_pack *grown = reallocarray(prune->going, room, sizeof(*grown));
		if (!grown)
			return error_set(err, -ENOMEM, "prune: %m");
		prune->going = grown;
		prune->room = room;
	}
	prune->going[prune->n_going++] = *pack;
	return 0;
}

/* Packs of which nothing is used. */
static int decide_dead(struct prune *prune, struct error *err)
{
	struct prune_result *result = prune->result;
	const struct usage *usage = prune->usage;
	int rc = 0;
	for (uint32_t i = 0; rc == 0 && i < usage->n; i++) {
		struct usage_pack *pack = &usage->packs[i];
		if (!pack->there || pack->marked || pack->n_live > 0)
			continue;
		if (is_young(prune, pack->modified)) {
			count(&result->young, &pack->pack);
			continue;
		}
		count(&result->dead, &pack->pack);
		rc = add_going(prune, &pack->pack, err);
	}
	for (size_t i = 0; rc == 0 && i < usage->n_unindexed; i++) {
		const struct index_pack *pack = &usage->unindexed[i].pack;
		count(&result->all, pack);
		/* What is missing may be in one of these. */
		if (marks_has(prune->marks, pack) || usage->missing > 0)
			continue;
		if (is_young(prune, usage->unindexed[i].modified)) {
			count(&result->young, pack);
			continue;
		}
		count(&result->dead, pack);
		count(&result->unindexed, pack);
		rc = add_going(prune, pack, err);
	}
	return rc;
}

static bool may_be_rewritten(const struct usage_pack *pack)
{
	return pack->there && !pack->marked && pack->n_live > 0;
}

/* Without what the pack itself takes: its table, which has 48 bytes a chunk, and what frames it. */
static uint32_t unused(const struct usage_pack *pack)
{
	uint64_t needed = (uint64_t)pack->live + 48ull * pack->n_live + 4096;
	return needed < pack->pack.size ? pack->pack.size - (uint32_t)needed : 0;
}

static int by_unused(const void *a, const void *b)
{
	const struct usage_pack *x = *(struct usage_pack *const *)a;
	const struct usage_pack *y = *(struct usage_pack *const *)b;
	double p = (double)unused(x) / x->pack.size, q = (double)unused(y) / y->pack.size;
	return (p < q) - (p > q);
}

/* The least used ones, until no more than the tolerated part of all is unused. */
static int decide_rewrites(struct prune *prune, struct error *err)
{
	const struct usage *usage = prune->usage;
	CLEANUP(free_cleanup)
	struct usage_pack **packs = calloc((size_t)usage->n + 1, sizeof(struct usage_pack *));
	if (!packs)
		return error_set(err, -ENOMEM, "prune: %m");
	uint64_t size = 0, waste = 0;
	size_t n = 0, small = 0;
	for (uint32_t i = 0; i < usage->n; i++) {
		struct usage_pack *pack = &usage->packs[i];
		if (!may_be_rewritten(pack))
			continue;
		packs[n++] = pack;
		size += pack->pack.size;
		waste += unused(pack);
		small += pack->pack.size < SMALL_BYTES;
	}
	if (n > 1)
		qsort(packs, n, sizeof(struct usage_pack *), by_unused);
	for (size_t i = 0; i < n && prune->options->max_unused < 100; i++) {
		bool wasteful = waste * 100 > size * prune->options->max_unused;
		bool join = small >= SMALL_MANY && packs[i]->pack.size < SMALL_BYTES;
		if (!join && (!wasteful || unused(packs[i]) == 0))
			continue;
		packs[i]->fate = USAGE_REWRITE;
		waste -= unused(packs[i]);
		size -= unused(packs[i]);
	}
	return 0;
}

static int decide(struct prune *prune, struct error *err)
{
	struct prune_result *result = prune->result;
	const struct usage *usage = prune->usage;
	result->points = usage->n_points;
	result->chunks = usage->live_chunks;
	result->missing = usage->missing;
	result->used = 0;
	result->all = result->dead = result->unindexed = result->young = (struct prune_amount){ 0 };
	prune->n_going = 0;
	for (uint32_t i = 0; i < usage->n; i++) {
		if (usage->packs[i].there)
			count(&result->all, &usage->packs[i].pack);
		result->used += usage->packs[i].live;
	}
	int rc = decide_dead(prune, err);
	return rc < 0 ? rc : decide_rewrites(prune, err);
}

/* ---- looking ---- */

static int note_writer(void *ctx, const struct lease_info *info, struct error *err)
{
	(void)err;
	struct prune *prune = ctx;
	prune->writers_since = MIN(prune->writers_since, info->since);
	return 0;
}

static int look(struct prune *prune, struct error *err)
{
	int rc = -ENOENT;
	for (int i = 0; rc == -ENOENT && i < TRIES; i++) {
		usage_free(steal(&prune->usage));
		marks_free(steal(&prune->marks));
		prune->writers_since = INT64_MAX;
		rc = marks_load(prune->repo, &prune->marks, err);
		if (rc == 0)
			rc = lease_each(prune->repo, prune->lease, note_writer, prune, err);
		if (rc == 0)
			rc = usage_new(prune->repo, prune->marks, NULL, prune->options,
				       &prune->usage, err);
	}
	return rc < 0 ? rc : decide(prune, err);
}

/* ---- doing ---- */

/* Marks that nobody can read are in nobody's way, and of no use. */
static int remove_damaged_marks(struct prune *prune, struct error *err)
{
	size_t i;
	const json_t *name;
	int rc = 0;
	json_array_foreach(prune->marks->damaged, i, name)
	{
		if (rc == 0)
			rc = marks_remove(prune->repo, json_string_value(name), err);
	}
	return rc;
}

/* Marks what is to go: on a full store as much as there is room for. */
static int mark_going(struct prune *prune, struct error *err)
{
	size_t marked;
	int rc = prune_mark(prune->repo, prune->going, prune->n_going, &marked, err);
	prune->unmarked = prune->unmarked || marked < prune->n_going;
	prune->n_going = 0;
	marks_free(steal(&prune->marks));
	return rc < 0 ? rc : marks_load(prune->repo, &prune->marks, err);
}

/*
 * Removes the packs whose marks everybody heeds, what was marked before this pass included.
 * @settle: then the indexes do not speak of them any more, and the marks go
 */
static int remove_marked(struct prune *prune, bool settle, struct error *err)
{
	json_t *ready = NULL;
	int rc = prune_ready(prune->repo, prune->lease, prune->marks, prune->result, &ready, err);
	for (int i = 0; i < TRIES; i++) {
		if (rc == 0)
			rc = prune_remove(prune->repo, prune->lease, prune->usage, ready,
					  prune->gone, prune->options, prune->result, err);
		prune->outdated = rc > 0;
		if (rc == 0 && settle)
			rc = prune_settle(prune->repo, prune->lease, ready, prune->gone,
					  prune->result, err);
		if (rc != -ENOENT)
			break;
		rc = 0;
	}
	json_decref(ready);
	return MIN(rc, 0);
}

static bool has_rewrites(const struct usage *usage)
{
	for (uint32_t i = 0; i < usage->n; i++)
		if (usage->packs[i].fate == USAGE_REWRITE)
			return true;
	return false;
}

/*
 * Copies what is used of packs that are hardly used; these go then. What was copied in vain, since
 * it did not fit, is found by the next pass.
 *
 * Return: 1 when something was copied.
 */
static int rewrite(struct prune *prune, struct error *err)
{
	struct usage *usage = prune->usage;
	struct prune_result *result = prune->result;
	uint64_t copied = result->copied;
	struct error why = { 0 };
	int rc = prune_rewrite(prune->repo, usage, prune->marks, prune->options, result, &why);
	if (rc == -ENOENT)
		return 0; /* a backup has merged indexes meanwhile: the next prune does it */
	if (store_is_full(rc)) {
		bool in_vain = result->copied > copied;
		prune->cramped = true;
		result->copied = copied;
		return in_vain;
	}
	if (rc < 0)
		return error_copy(err, rc, &why);
	for (uint32_t i = 0; rc > 0 && i < usage->n; i++)
		if (usage->packs[i].fate == USAGE_GOES) {
			int added = add_going(prune, &usage->packs[i].pack, err);
			if (added < 0)
				return added;
		}
	return rc;
}

/* Copying needs room, and what goes as it is frees some: it goes first. */
static int remove_and_rewrite(struct prune *prune, struct error *err)
{
	if (prune->cramped || !has_rewrites(prune->usage))
		return 0;
	int rc = remove_marked(prune, false, err);
	if (rc == 0)
		rc = rewrite(prune, err);
	int marked = rc > 0 ? mark_going(prune, err) : 0;
	return marked < 0 ? marked : rc;
}

/* Return: 1 when it is worth going on, since there is more to be marked, or to be rewritten. */
static int pass(struct prune *prune, struct error *err)
{
	/* Once its mark is gone, a pack may be there again: its name is made of what is in it. */
	id_set_free(steal(&prune->gone));
	int rc = id_set_new(SIZE_MAX, &prune->gone, err);
	if (rc == 0)
		rc = look(prune, err);
	if (rc == 0)
		rc = prune_forgotten(prune->repo, prune->lease, prune->usage->points,
				     prune->options, prune->result, err);
	if (rc == 0)
		rc = remove_damaged_marks(prune, err);
	prune->unmarked = false;
	/* Before anything is copied: no new pack may have the name of one that goes. */
	if (rc == 0)
		rc = mark_going(prune, err);
	int rewritten = rc < 0 ? rc : remove_and_rewrite(prune, err);
	if (rewritten >= 0)
		rc = remove_marked(prune, true, err);
	if (rc < 0 || rewritten < 0)
		return MIN(rc, rewritten);
	return (rewritten > 0 || prune->unmarked || prune->outdated) &&
	       json_array_size(prune->result->waiting_for) == 0;
}

static void count_marked_one(struct prune *prune, const struct index_pack *pack)
{
	if (marks_has(prune->marks, pack) &&
	    !(prune->gone && id_set_has(prune->gone, index_pack_id(pack))))
		count(&prune->result->marked, pack);
}

static void count_marked(struct prune *prune)
{
	const struct usage *usage = prune->usage;
	for (uint32_t i = 0; i < usage->n; i++)
		if (usage->packs[i].there)
			count_marked_one(prune, &usage->packs[i].pack);
	for (size_t i = 0; i < usage->n_unindexed; i++)
		count_marked_one(prune, &usage->unindexed[i].pack);
}

static void count_postponed(struct prune *prune)
{
	for (uint32_t i = 0; prune->cramped && i < prune->usage->n; i++)
		if (prune->usage->packs[i].fate == USAGE_REWRITE)
			count(&prune->result->postponed, &prune->usage->packs[i].pack);
}

static int only_look(struct prune *prune, struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *ready = NULL; /* what counts is who is at work */
	int rc = look(prune, err);
	if (rc == 0)
		rc = prune_forgotten(prune->repo, NULL, prune->usage->points, prune->options,
				     prune->result, err);
	if (rc == 0)
		rc = prune_ready(prune->repo, prune->lease, prune->marks, prune->result, &ready,
				 err);
	if (rc < 0)
		return rc;
	struct prune_result *result = prune->result;
	for (uint32_t i = 0; i < prune->usage->n; i++) {
		const struct usage_pack *pack = &prune->usage->packs[i];
		if (pack->fate != USAGE_REWRITE)
			continue;
		count(&result->rewritten, &pack->pack);
		result->copied += pack->live;
	}
	count_marked(prune);
	return 0;
}

static int take_lease(struct prune *prune, struct error *err)
{
	const struct lease_request request = { .purpose = "prune",
					       .exclusive = true,
					       .removes = true };
	return lease_take(prune->repo, &request, &prune->lease, err);
}

/*
 * Unfinished objects go first: they need no mark, and nobody's leave. So do forgotten restore
 * points, where not even a lease fits.
 */
static int begin(struct prune *prune, struct error *err)
{
	struct error why = { 0 };
	int rc = store_sweep(prune->repo->store, SWEEP_AGE, &why);
	if (rc == 0 || store_is_full(rc))
		rc = take_lease(prune, &why);
	if (store_is_full(rc))
		rc = prune_forgotten_first(prune->repo, prune->options, prune->result, &why);
	if (rc == 0 && !prune->lease)
		rc = take_lease(prune, &why);
	return rc < 0 ? error_copy(err, rc, &why) : 0;
}

static int go_on(struct prune *prune, struct error *err)
{
	int rc;
	do
		rc = pass(prune, err);
	while (rc > 0);
	if (rc < 0)
		return rc;
	marks_free(steal(&prune->marks));
	rc = marks_load(prune->repo, &prune->marks, err);
	if (rc < 0)
		return rc;
	count_marked(prune);
	count_postponed(prune);
	return 0;
}

static int do_it(struct prune *prune, struct error *err)
{
	struct error why = { 0 };
	int rc = begin(prune, &why);
	if (rc == 0)
		rc = go_on(prune, &why);
	/* For the next time: when this one needed it, there may be room again by now. */
	(void)store_keep_reserve(prune->repo->store, NULL);
	if (store_is_full(rc))
		return error_set(err, rc,
				 "%s; it takes some room to free more, and there is not even that: "
				 "remove something else from this file system, a MiB is enough, or "
				 "forget restore points, then prune again",
				 why.msg);
	return rc < 0 ? error_copy(err, rc, &why) : 0;
}

int prune_run(struct repo *repo, const struct prune_options *options, struct prune_result *ret,
	      struct error *err)
{
	*ret = (struct prune_result){ .waiting_for = json_array(), .writers = json_array() };
	CLEANUP(prune_cleanup)
	struct prune prune = { .repo = repo, .options = options, .result = ret };
	int rc = repo_may_write(repo, err);
	if (rc < 0)
		return rc;
	if (!repo->config.leases)
		return error_set(
			err, -EOPNOTSUPP,
			"repository '%s' was made by an older lunette, and such a one may be "
			"writing to it without a lease: 'lunette copy' takes its restore "
			"points to a new one",
			repo->path);
	rc = options->dry_run ? only_look(&prune, err) : do_it(&prune, err);
	return rc < 0 ? error_wrap(err, rc, "repository '%s'", repo->path) : 0;
}
