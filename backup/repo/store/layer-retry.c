/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * layer-retry - asks again, a few times, after what may pass by itself. See store-layers.h.
 *
 * What was half done is not done twice for who is above: a sink gets each byte once, and a listing
 * tells of each object once. A put whose answer was lost finds its own object when it is repeated.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "layer.h"
#include "lunette/digest.h"
#include "lunette/id-set.h"
#include "lunette/store-layers.h"

struct retry {
	struct layer layer;
	struct store_retry_policy policy;
};

/* What the network or a server under load says. What is true stays true however often one asks. */
static bool may_pass(int rc)
{
	static const int codes[] = {
		EAGAIN,       EBUSY,        EIO,       ETIMEDOUT,   ECONNRESET, ECONNREFUSED,
		ECONNABORTED, EHOSTUNREACH, EHOSTDOWN, ENETUNREACH, ENETDOWN,   ENETRESET,
		EPIPE,        EREMOTEIO,    ESTALE,    EPROTO,      ENOTCONN,
	};
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		if (rc == -codes[i])
			return true;
	return false;
}

/**
 * struct turn - one operation and its tries
 * @tried: how often it has failed
 */
struct turn {
	const struct store_retry_policy *policy;
	unsigned int tried;
};

static struct turn turn_of(struct store *store)
{
	return (struct turn){ .policy = &((struct retry *)store)->policy };
}

/* Is it worth asking again? Waits first: twice as long each time. */
static bool again(struct turn *turn, int rc)
{
	const struct store_retry_policy *policy = turn->policy;
	if (rc >= 0 || !may_pass(rc) || ++turn->tried >= policy->tries)
		return false;
	uint64_t ms = policy->first_ms;
	for (unsigned int i = 1; i < turn->tried && ms < policy->longest_ms; i++)
		ms *= 2;
	ms = MIN(ms, (uint64_t)policy->longest_ms);
	struct timespec rest = { .tv_sec = (time_t)(ms / 1000),
				 .tv_nsec = (long)(ms % 1000) * 1000000 };
	while (nanosleep(&rest, &rest) < 0 && errno == EINTR)
		;
	return true;
}

/* ---- what can simply be asked again ---- */

static int retry_draft(struct store *store, struct store_draft **ret, struct error *err)
{
	struct turn turn = turn_of(store);
	int rc;
	do
		rc = layer_draft(store, ret, err);
	while (again(&turn, rc));
	return rc;
}

static int retry_read(struct store *store, const char *key, void *buf, size_t len, uint64_t off,
		      struct error *err)
{
	struct turn turn = turn_of(store);
	int rc;
	do
		rc = layer_read(store, key, buf, len, off, err);
	while (again(&turn, rc));
	return rc;
}

static int retry_stat(struct store *store, const char *key, struct store_stat *ret,
		      struct error *err)
{
	struct turn turn = turn_of(store);
	int rc;
	do
		rc = layer_stat(store, key, ret, err);
	while (again(&turn, rc));
	return rc;
}

static int retry_remove(struct store *store, const char *key, struct error *err)
{
	struct turn turn = turn_of(store);
	int rc;
	do
		rc = layer_remove(store, key, err);
	while (again(&turn, rc));
	return rc;
}

/* The answer to one that was done may have been lost. */
static int retry_move(struct store *store, const char *from, const char *to, size_t max,
		      struct error *err)
{
	struct turn turn = turn_of(store);
	struct store_stat st;
	int rc;
	do
		rc = layer_move(store, from, to, max, err);
	while (again(&turn, rc));
	return rc == -ENOENT && turn.tried > 0 ? retry_stat(store, to, &st, err) : rc;
}

static int retry_sweep(struct store *store, uint32_t age, struct error *err)
{
	struct turn turn = turn_of(store);
	int rc;
	do
		rc = layer_sweep(store, age, err);
	while (again(&turn, rc));
	return rc;
}

/* ---- what tells piece by piece ---- */

/**
 * struct resuming - an object on its way to a sink
 * @given: bytes that the sink has
 * @at: where this try is
 * @ended: the sink has said that it is enough
 */
struct resuming {
	store_sink_fn *sink;
	void *ctx;
	uint64_t given, at;
	bool ended;
};

static int resume(void *ctx, const void *buf, size_t len, struct error *err)
{
	struct resuming *r = ctx;
	uint64_t known = r->given > r->at ? r->given - r->at : 0;
	size_t had = (size_t)MIN((uint64_t)len, known);
	r->at += len;
	if (had == len)
		return 0;
	int rc = r->sink(r->ctx, (const char *)buf + had, len - had, err);
	r->given = r->at;
	r->ended = rc < 0;
	return rc;
}

static int retry_get(struct store *store, const char *key, store_sink_fn *sink, void *ctx,
		     struct error *err)
{
	struct turn turn = turn_of(store);
	struct resuming r = { .sink = sink, .ctx = ctx };
	int rc;
	do {
		r.at = 0;
		rc = layer_get(store, key, resume, &r, err);
	} while (!r.ended && again(&turn, rc));
	return rc;
}

/**
 * struct relisting - a listing
 * @told: digests of the names that were told of
 */
struct relisting {
	store_list_fn *fn;
	void *ctx;
	struct id_set *told;
	bool ended;
};

static int tell(void *ctx, const char *name, const struct store_stat *st, struct error *err)
{
	struct relisting *r = ctx;
	struct chunk_id sum;
	bool is_new;
	int rc = digest(name, strlen(name), sum.bytes, err);
	if (rc == 0)
		rc = id_set_add(r->told, &sum, &is_new, err);
	if (rc == 0 && is_new)
		rc = r->fn(r->ctx, name, st, err);
	r->ended = rc < 0;
	return rc;
}

static int retry_list(struct store *store, const char *folder, store_list_fn *fn, void *ctx,
		      struct error *err)
{
	struct turn turn = turn_of(store);
	CLEANUP(id_set_free_cleanup) struct id_set *told = NULL;
	int rc = id_set_new(SIZE_MAX, &told, err);
	if (rc < 0)
		return rc;
	struct relisting r = { .fn = fn, .ctx = ctx, .told = told };
	do
		rc = layer_list(store, folder, tell, &r, err);
	while (!r.ended && again(&turn, rc));
	return rc;
}

/* ---- put ---- */

struct comparing {
	const struct store_source *source;
	uint64_t len;
	bool differs;
};

static int compare(void *ctx, const void *buf, size_t len, struct error *err)
{
	struct comparing *c = ctx;
	if (len > c->source->size - c->len) {
		c->differs = true;
		return error_set(err, -ECANCELED, "it is longer");
	}
	CLEANUP(free_cleanup) void *ours = malloc(len);
	int rc = ours ? store_source_read(c->source, ours, len, c->len, err)
		      : error_set(err, -ENOMEM, "%m");
	if (rc < 0)
		return rc;
	c->len += len;
	c->differs = c->differs || memcmp(ours, buf, len) != 0;
	return 0;
}

/* Is what lies there what we have tried to put? */
static bool is_ours(struct store *store, const char *key, const struct store_source *source)
{
	struct comparing c = { .source = source };
	int rc = retry_get(store, key, compare, &c, NULL);
	return rc == 0 && !c.differs && c.len == source->size;
}

static int retry_put(struct store *store, const char *key, const struct store_source *source,
		     enum store_taken taken, struct error *err)
{
	struct turn turn = turn_of(store);
	int rc;
	do
		rc = layer_put(store, key, source, taken, err);
	while (again(&turn, rc));
	return rc == -EEXIST && turn.tried > 0 && is_ours(store, key, source) ? 0 : rc;
}

struct store *store_retry_new(struct store *below, const struct store_retry_policy *policy)
{
	static const struct store_ops ops = {
		.put = retry_put,
		.read = retry_read,
		.list = retry_list,
		.stat = retry_stat,
		.remove = retry_remove,
		.destroy = layer_destroy,
		.move = retry_move,
		.draft = retry_draft,
		.get = retry_get,
		.forget = layer_forget,
		.sweep = retry_sweep,
		.reserve = layer_reserve,
		.room = layer_room,
	};
	struct retry *retry = calloc(1, sizeof(*retry));
	if (!retry) {
		store_free(below);
		return NULL;
	}
	layer_init(&retry->layer, &ops, below);
	retry->policy = *policy;
	return &retry->layer.store;
}
