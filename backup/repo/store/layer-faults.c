/* SPDX-License-Identifier: GPL-3.0-or-later */
/* layer-faults - see store-layers.h. */
#include <errno.h>
#include <signal.h>

#include "layer.h"
#include "lunette/store-layers.h"

struct faults_draft {
	struct store_draft draft;
	struct store_faults *faults;
	struct store_draft *below;
};

_Static_assert(offsetof(struct store_faults, below) == offsetof(struct layer, below),
	       "it begins as a layer does");

static struct store_faults *faults_of(struct store *store)
{
	return (struct store_faults *)store;
}

/* Counts an operation. Return: whether it is to fail. */
static bool hits(struct store_faults *faults)
{
	int n = atomic_fetch_add(&faults->count, 1) + 1;
	return faults->fail_at && (faults->once ? n == faults->fail_at : n >= faults->fail_at);
}

static int fail(const struct store_faults *faults, const char *what, struct error *err)
{
	if (faults->code == 0)
		raise(SIGKILL);
	return error_set(err, faults->code, "%s: %m", what);
}

static int pass(struct store *store, const char *what, struct error *err)
{
	struct store_faults *faults = faults_of(store);
	return hits(faults) ? fail(faults, what, err) : 0;
}

/* ---- drafts ---- */

static int draft_read(const struct store_source *source, void *buf, size_t len, uint64_t off,
		      struct error *err)
{
	const struct faults_draft *draft = (const struct faults_draft *)source;
	return store_source_read(&draft->below->source, buf, len, off, err);
}

/* What fails half-way has written half. */
static int draft_append(struct store_draft *draft, const void *buf, size_t len, struct error *err)
{
	struct faults_draft *d = (struct faults_draft *)draft;
	if (!hits(d->faults))
		return store_draft_append(d->below, buf, len, err);
	store_draft_append(d->below, buf, d->faults->late ? len : len / 2, NULL);
	return fail(d->faults, "append", err);
}

static void draft_free(struct store_draft *draft)
{
	store_draft_free(((struct faults_draft *)draft)->below);
	free(draft);
}

static const struct store_source_ops source_ops = { .read = draft_read };
static const struct store_draft_ops draft_ops = { .append = draft_append, .free = draft_free };

static int faults_draft(struct store *store, struct store_draft **ret, struct error *err)
{
	int rc = pass(store, "draft", err);
	if (rc < 0)
		return rc;
	struct faults_draft *draft = calloc(1, sizeof(*draft));
	if (!draft)
		return error_set(err, -ENOMEM, "draft: %m");
	rc = store_draft_new(faults_of(store)->below, &draft->below, err);
	if (rc < 0) {
		free(draft);
		return rc;
	}
	draft->faults = faults_of(store);
	draft->draft = (struct store_draft){ .source.ops = &source_ops, .ops = &draft_ops };
	*ret = &draft->draft;
	return 0;
}

/* The store below is given its own draft, which it need not copy. */
static const struct store_source *unwrap(const struct store_faults *faults,
					 const struct store_source *source)
{
	const struct faults_draft *draft = (const struct faults_draft *)source;
	bool ours = source->ops == &source_ops && draft->faults == faults;
	return ours ? &draft->below->source : source;
}

/* ---- objects ---- */

static int faults_put(struct store *store, const char *key, const struct store_source *source,
		      enum store_taken taken, struct error *err)
{
	struct store_faults *faults = faults_of(store);
	bool hit = hits(faults);
	int rc = 0;
	if (!hit || faults->late)
		rc = store_put(faults->below, key, unwrap(faults, source), taken, err);
	return hit && rc == 0 ? fail(faults, "put", err) : rc;
}

static int faults_read(struct store *store, const char *key, void *buf, size_t len, uint64_t off,
		       struct error *err)
{
	int rc = pass(store, "read", err);
	return rc < 0 ? rc : layer_read(store, key, buf, len, off, err);
}

static int faults_get(struct store *store, const char *key, store_sink_fn *sink, void *ctx,
		      struct error *err)
{
	int rc = pass(store, "get", err);
	return rc < 0 ? rc : layer_get(store, key, sink, ctx, err);
}

static int faults_list(struct store *store, const char *folder, store_list_fn *fn, void *ctx,
		       struct error *err)
{
	int rc = pass(store, "list", err);
	return rc < 0 ? rc : layer_list(store, folder, fn, ctx, err);
}

static int faults_stat(struct store *store, const char *key, struct store_stat *ret,
		       struct error *err)
{
	int rc = pass(store, "stat", err);
	return rc < 0 ? rc : layer_stat(store, key, ret, err);
}

static int faults_remove(struct store *store, const char *key, struct error *err)
{
	int rc = pass(store, "remove", err);
	return rc < 0 ? rc : layer_remove(store, key, err);
}

static int faults_move(struct store *store, const char *from, const char *to, size_t max,
		       struct error *err)
{
	struct store_faults *faults = faults_of(store);
	bool hit = hits(faults);
	int rc = !hit || faults->late ? layer_move(store, from, to, max, err) : 0;
	return hit && rc == 0 ? fail(faults, "move", err) : rc;
}

static int faults_sweep(struct store *store, uint32_t age, struct error *err)
{
	int rc = pass(store, "sweep", err);
	return rc < 0 ? rc : layer_sweep(store, age, err);
}

static int faults_reserve(struct store *store, bool keep, struct error *err)
{
	int rc = pass(store, "reserve", err);
	return rc < 0 ? rc : layer_reserve(store, keep, err);
}

struct store_faults *store_faults_new(struct store *below)
{
	static const struct store_ops ops = {
		.put = faults_put,
		.read = faults_read,
		.list = faults_list,
		.stat = faults_stat,
		.remove = faults_remove,
		.destroy = layer_destroy,
		.move = faults_move,
		.draft = faults_draft,
		.get = faults_get,
		.forget = layer_forget,
		.sweep = faults_sweep,
		.reserve = faults_reserve,
		.room = layer_room,
	};
	struct store_faults *faults = calloc(1, sizeof(*faults));
	if (!faults) {
		store_free(below);
		return NULL;
	}
	layer_init((struct layer *)faults, &ops, below);
	return faults;
}
