/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * stock - see stock.h. A shelf for each folder of packs: sorted, made by one listing when the first
 * of its packs is asked for, and added to when one turns out to have come since.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "lunette/stock.h"

#define SHELVES 256

/* The first bytes tell packs apart: they are digests. */
struct item {
	uint64_t id;
	uint64_t size;
};

struct shelf {
	bool listed;
	size_t n, room;
	struct item *items; /* sorted by id */
};

struct stock {
	struct store *store;
	pthread_mutex_t lock; /* guards all below; held while the store is asked */
	struct shelf shelves[SHELVES];
};

int stock_new(struct store *store, struct stock **ret, struct error *err)
{
	struct stock *stock = calloc(1, sizeof(*stock));
	if (!stock)
		return error_set(err, -ENOMEM, "open the repository: %m");
	stock->store = store;
	pthread_mutex_init(&stock->lock, NULL);
	*ret = stock;
	return 0;
}

void stock_free(struct stock *stock)
{
	if (!stock)
		return;
	for (size_t i = 0; i < SHELVES; i++)
		free(stock->shelves[i].items);
	pthread_mutex_destroy(&stock->lock);
	free(stock);
}

void stock_renew(struct stock *stock)
{
	pthread_mutex_lock(&stock->lock);
	for (size_t i = 0; i < SHELVES; i++)
		stock->shelves[i].listed = false;
	pthread_mutex_unlock(&stock->lock);
}

static uint64_t number_of(const uint8_t id[32])
{
	uint64_t n;
	memcpy(&n, id, sizeof(n));
	return n;
}

static int add(struct shelf *shelf, const uint8_t id[32], uint64_t size, struct error *err)
{
	if (shelf->n == shelf->room) {
		size_t room = shelf->room ? 2 * shelf->room : 16;
		struct item *grown = reallocarray(shelf->items, room, sizeof(*grown));
		if (!grown)
			return error_set(err, -ENOMEM, "list the packs: %m");
		shelf->items = grown;
		shelf->room = room;
	}
	shelf->items[shelf->n++] = (struct item){ .id = number_of(id), .size = size };
	return 0;
}

static int add_listed(void *ctx, const struct chunk_id *id, const struct store_stat *st,
		      struct error *err)
{
	return add(ctx, id->bytes, st->size, err);
}

static int by_id(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	return (x->id > y->id) - (x->id < y->id);
}

static const struct item *find(const struct shelf *shelf, const uint8_t id[32])
{
	const struct item key = { .id = number_of(id) };
	return shelf->n ? bsearch(&key, shelf->items, shelf->n, sizeof(key), by_id) : NULL;
}

static void sort(struct shelf *shelf)
{
	if (shelf->n > 1)
		qsort(shelf->items, shelf->n, sizeof(*shelf->items), by_id);
}

static int list(struct stock *stock, struct shelf *shelf, uint8_t first, struct error *err)
{
	shelf->n = 0;
	int rc = pack_list_folder(stock->store, first, add_listed, shelf, err);
	sort(shelf);
	shelf->listed = rc == 0;
	return rc;
}

/* One that the listing did not show may have come since: of these each is asked for. */
static int ask(struct stock *stock, struct shelf *shelf, const uint8_t id[32], uint64_t *ret_size,
	       struct error *err)
{
	char key[STORE_KEY_MAX];
	struct store_stat st;
	pack_key(id, key);
	int rc = store_stat(stock->store, key, &st, err);
	if (rc == 0)
		rc = add(shelf, id, st.size, err);
	if (rc < 0)
		return rc;
	sort(shelf);
	*ret_size = st.size;
	return 0;
}

int stock_has(struct stock *stock, const struct index_pack *pack, bool *ret, struct error *err)
{
	struct shelf *shelf = &stock->shelves[pack->id[0]];
	uint64_t size = 0;
	pthread_mutex_lock(&stock->lock);
	int rc = shelf->listed ? 0 : list(stock, shelf, pack->id[0], err);
	const struct item *item = rc == 0 ? find(shelf, pack->id) : NULL;
	if (item)
		size = item->size;
	else if (rc == 0)
		rc = ask(stock, shelf, pack->id, &size, err);
	pthread_mutex_unlock(&stock->lock);
	if (rc < 0 && rc != -ENOENT)
		return rc;
	*ret = rc == 0 && size == pack->size;
	return 0;
}
