/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * btree - see btree.h.
 *
 * Source: Linux, drivers/md/persistent-data/dm-btree-internal.h, dm-btree.c, dm-btree-spine.c,
 * dm-block-manager.c (dm_bm_checksum()).
 */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "btree.h"
#include "crc32c.h"

#define NODE_CSUM_XOR 121107
/* 4 KiB nodes hold at least 126 entries: a tree for all 64-bit keys is no deeper. */
#define MAX_DEPTH 10

enum { INTERNAL_NODE = 1, LEAF_NODE = 2 };

struct node_header {
	uint32_t csum;       /* 0: CRC-32C of the rest of the block, XOR NODE_CSUM_XOR */
	uint32_t flags;      /* 4 */
	uint64_t number;     /* 8 */
	uint32_t n;          /* 16: entries */
	uint32_t max;        /* 20: entries that there is room for */
	uint32_t value_size; /* 24: bytes; 8 in internal nodes */
	uint32_t padding;    /* 28 */
	uint64_t keys[];     /* 32: max of them, then max values */
} __attribute__((packed));

int btree_store_new(struct blk *blk, struct btree_store **ret, struct error *err)
{
	struct btree_store *store = malloc(sizeof(*store));
	if (!store)
		return error_set(err, -ENOMEM, "metadata blocks: %m");
	store->blk = blk_ref(blk);
	store->next = 0;
	memset(store->cached, 0xff, sizeof(store->cached));
	pthread_mutex_init(&store->lock, NULL);
	*ret = store;
	return 0;
}

void btree_store_free(struct btree_store *store)
{
	if (!store)
		return;
	pthread_mutex_destroy(&store->lock);
	blk_unref(store->blk);
	free(store);
}

int btree_block(struct btree_store *store, uint64_t number, uint32_t csum_xor, size_t number_at,
		void *buf, struct error *err)
{
	uint32_t csum;
	uint64_t own;
	if (number >= store->blk->size / BTREE_BLOCK)
		return error_set(err, -EUCLEAN, "metadata block %" PRIu64 " is past the end",
				 number);
	int rc = blk_read(store->blk, buf, BTREE_BLOCK, number * BTREE_BLOCK, err);
	if (rc < 0)
		return error_wrap(err, rc, "metadata block %" PRIu64, number);
	memcpy(&csum, buf, sizeof(csum));
	memcpy(&own, (const char *)buf + number_at, sizeof(own));
	if ((crc32c((const char *)buf + 4, BTREE_BLOCK - 4) ^ csum_xor) != le32toh(csum))
		return error_set(err, -EUCLEAN, "metadata block %" PRIu64 ": its checksum is wrong",
				 number);
	if (le64toh(own) != number)
		return error_set(err, -EUCLEAN, "metadata block %" PRIu64 " says it is %" PRIu64,
				 number, le64toh(own));
	return 0;
}

static bool from_cache(struct btree_store *store, uint64_t number, void *buf)
{
	bool found = false;
	pthread_mutex_lock(&store->lock);
	for (unsigned int i = 0; i < BTREE_CACHE && !found; i++) {
		found = store->cached[i] == number;
		if (found)
			memcpy(buf, store->cache[i], BTREE_BLOCK);
	}
	pthread_mutex_unlock(&store->lock);
	return found;
}

static void to_cache(struct btree_store *store, uint64_t number, const void *buf)
{
	pthread_mutex_lock(&store->lock);
	unsigned int i = store->next++ % BTREE_CACHE;
	store->cached[i] = number;
	memcpy(store->cache[i], buf, BTREE_BLOCK);
	pthread_mutex_unlock(&store->lock);
}

static int check_node(const struct node_header *h, uint64_t number, size_t value_size,
		      struct error *err)
{
	uint32_t flags = le32toh(h->flags), n = le32toh(h->n), max = le32toh(h->max);
	size_t size = flags == INTERNAL_NODE ? sizeof(uint64_t) : value_size;
	if ((flags != INTERNAL_NODE && flags != LEAF_NODE) || le32toh(h->value_size) != size ||
	    max > (BTREE_BLOCK - sizeof(*h)) / (sizeof(uint64_t) + size) || n > max)
		return error_set(err, -EUCLEAN, "metadata block %" PRIu64 " is no node of its tree",
				 number);
	return 0;
}

static int read_node(struct btree_store *store, uint64_t number, size_t value_size, void *buf,
		     struct error *err)
{
	if (from_cache(store, number, buf))
		return check_node(buf, number, value_size, err);
	int rc = btree_block(store, number, NODE_CSUM_XOR, offsetof(struct node_header, number),
			     buf, err);
	if (rc == 0)
		rc = check_node(buf, number, value_size, err);
	if (rc == 0)
		to_cache(store, number, buf);
	return rc;
}

uint64_t btree_key(const struct btree_leaf *leaf, unsigned int i)
{
	uint64_t key;
	memcpy(&key, leaf->node + sizeof(struct node_header) + 8 * (size_t)i, sizeof(key));
	return le64toh(key);
}

uint64_t btree_value(const struct btree_leaf *leaf, unsigned int i)
{
	uint64_t value;
	memcpy(&value, leaf->node + sizeof(struct node_header) + 8 * (size_t)(leaf->max + i),
	       sizeof(value));
	return le64toh(value);
}

/* The first entry whose key is not less than @key. */
static unsigned int lower_bound(const struct btree_leaf *node, uint64_t key)
{
	unsigned int low = 0, high = node->n;
	while (low < high) {
		unsigned int middle = low + (high - low) / 2;
		if (btree_key(node, middle) < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int btree_find(struct btree_store *store, uint64_t root, uint64_t key, size_t value_size,
	       struct btree_leaf *ret, struct error *err)
{
	uint64_t number = root;
	ret->end = UINT64_MAX;
	for (unsigned int depth = 0; depth < MAX_DEPTH; depth++) {
		int rc = read_node(store, number, value_size, ret->node, err);
		if (rc < 0)
			return rc;
		struct node_header h;
		memcpy(&h, ret->node, sizeof(h));
		ret->n = le32toh(h.n);
		ret->max = le32toh(h.max);
		ret->index = lower_bound(ret, key);
		if (le32toh(h.flags) == LEAF_NODE)
			return 0;
		if (ret->n == 0)
			return error_set(err, -EUCLEAN, "metadata block %" PRIu64 " leads nowhere",
					 number);
		/* A child holds the keys from its own up to the next one's. */
		unsigned int i = ret->index;
		if (i == ret->n || btree_key(ret, i) > key)
			i -= i > 0;
		if (i + 1 < ret->n)
			ret->end = MIN(ret->end, btree_key(ret, i + 1));
		number = btree_value(ret, i);
	}
	return error_set(err, -EUCLEAN,
			 "metadata block %" PRIu64
			 ": the tree below it is deeper than %d, or a loop",
			 root, MAX_DEPTH);
}

int btree_get(struct btree_store *store, uint64_t root, uint64_t key, uint64_t *ret,
	      struct error *err)
{
	struct btree_leaf leaf;
	int rc = btree_find(store, root, key, sizeof(uint64_t), &leaf, err);
	if (rc < 0)
		return rc;
	if (leaf.index == leaf.n || btree_key(&leaf, leaf.index) != key)
		return 0;
	*ret = btree_value(&leaf, leaf.index);
	return 1;
}
