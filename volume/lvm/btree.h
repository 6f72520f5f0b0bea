/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * btree - the trees in which device-mapper's thin pools and caches keep their tables: blocks of
 * 4 KiB, each with a checksum and its own number.
 *
 * LVM.md describes the format. Nothing is written, so blocks are kept once they were verified, as
 * many as it takes to go through a tree in order without reading its upper levels again.
 */
#ifndef BTREE_H
#define BTREE_H

#include <pthread.h>

#include "lunette/blk.h"

#define BTREE_BLOCK 4096
#define BTREE_CACHE 16

/**
 * struct btree_store - the blocks
 * @cached: numbers of the blocks in @cache; UINT64_MAX for none
 */
struct btree_store {
	struct blk *blk;
	pthread_mutex_t lock;
	unsigned int next;
	uint64_t cached[BTREE_CACHE];
	uint8_t cache[BTREE_CACHE][BTREE_BLOCK];
};

/**
 * btree_store_new() - read blocks from a blk
 * @blk: the store takes its own reference
 *
 * Return: 0 or -ENOMEM.
 */
int btree_store_new(struct blk *blk, struct btree_store **ret, struct error *err);

/* @store may be NULL. */
void btree_store_free(struct btree_store *store);
DEFINE_CLEANUP(struct btree_store *, btree_store_free)

/**
 * btree_block() - read and verify a block that is not a node
 * @csum_xor: each kind of block has its own
 * @number_at: byte offset in it of its number
 * @buf: BTREE_BLOCK bytes
 *
 * Return: 0; -EUCLEAN; the blk's error.
 */
int btree_block(struct btree_store *store, uint64_t number, uint32_t csum_xor, size_t number_at,
		void *buf, struct error *err);

/**
 * struct btree_leaf - where a key is, or would be
 * @node: the leaf; use the functions below
 * @n: entries in it; @index of the first one whose key is not less than the one that was sought
 * @end: the first key that is not in this leaf: entries of other leaves do not come before it
 */
struct btree_leaf {
	uint8_t node[BTREE_BLOCK];
	unsigned int n;
	unsigned int max;
	unsigned int index;
	uint64_t end;
};

/**
 * btree_find() - go down a tree
 * @root: number of its block
 * @value_size: bytes of a value in its leaves
 *
 * Return: 0, also when the key is not there; -EUCLEAN; the blk's error.
 */
int btree_find(struct btree_store *store, uint64_t root, uint64_t key, size_t value_size,
	       struct btree_leaf *ret, struct error *err);

/* Of entry @i, which is less than @leaf->n. */
uint64_t btree_key(const struct btree_leaf *leaf, unsigned int i);
/* For trees whose values are 64-bit numbers. */
uint64_t btree_value(const struct btree_leaf *leaf, unsigned int i);

/**
 * btree_get() - look up one value of a tree of 64-bit numbers
 *
 * Return: 1 and @ret set when it is there, 0 when it is not; as btree_find().
 */
int btree_get(struct btree_store *store, uint64_t root, uint64_t key, uint64_t *ret,
	      struct error *err);

#endif
