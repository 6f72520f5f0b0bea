/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * index - finds chunks: a sorted, immutable list of where each one lies.
 *
 * It is made of pages that carry their own checksum, so that it is read, and proved, as it is
 * touched: memory does not grow with the repository. FORMAT.md describes the bytes.
 */
#ifndef LUNETTE_INDEX_H
#define LUNETTE_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lunette/repo.h"
#include "lunette/pages.h"
#include "lunette/store.h"

#define INDEX_FOLDER "index"

/**
 * struct index_entry - where a chunk lies
 * @pack: number of the pack among those of the index
 * @offset: in the pack, bytes
 * @stored: bytes in the pack
 * @length: bytes when opened
 * @codec: how to open it
 */
struct index_entry {
	struct chunk_id id;
	uint32_t pack;
	uint32_t offset;
	uint32_t stored;
	uint32_t length;
	uint8_t codec;
};

/**
 * struct index_pack - a pack that an index knows
 * @size: of the object, bytes
 */
struct index_pack {
	uint8_t id[32];
	uint32_t size;
};

struct keys;

/* Its id as a member of a set. */
static inline const struct chunk_id *index_pack_id(const struct index_pack *pack)
{
	return (const struct chunk_id *)pack->id;
}

struct index_builder;

/**
 * index_builder_new() - begin an index
 * @keys: of an encrypted repository, else NULL; must outlive the builder
 * @packs: @n_packs of them, at least one; those that entries will speak of, or more
 */
int index_builder_new(struct store *store, const struct keys *keys, const struct index_pack *packs,
		      size_t n_packs, struct index_builder **ret, struct error *err);
void index_builder_free(struct index_builder *builder);
DEFINE_CLEANUP(struct index_builder *, index_builder_free)

/**
 * index_builder_add() - add an entry
 * @entry: its id is greater than that of the one before, its pack is one of those of the builder
 */
int index_builder_add(struct index_builder *builder, const struct index_entry *entry,
		      struct error *err);

/**
 * index_builder_finish() - put the index into the store; there must be an entry in it
 * @ret_name: the index's name
 *
 * The same entries and packs give the same bytes, unless they are encrypted.
 *
 * Return: 0 when it is on stable storage; ...
 */
int index_builder_finish(struct index_builder *builder, char ret_name[65], struct error *err);

/**
 * index_build() - make an index of some chunks and put it into the store
 * @entries: @n of them, at least one; each id once; are sorted by this call
 *
 * The rest is as with a builder.
 */
int index_build(struct store *store, const struct keys *keys, struct index_entry *entries, size_t n,
		const struct index_pack *packs, size_t n_packs, char ret_name[65],
		struct error *err);

struct index;

/**
 * index_open() - get ready to look up chunks in an index
 * @store: must outlive the index
 * @keys: of an encrypted repository, else NULL; must outlive the index
 * @pages: keeps what was read; must outlive the index
 * @serial: of this index among those that share @pages, not 0
 *
 * Return: 0; -EUCLEAN when its header or its length is damaged; -EPROTONOSUPPORT; ...
 */
int index_open(struct store *store, const struct keys *keys, struct pages *pages, uint64_t serial,
	       const char *name, struct index **ret, struct error *err);
void index_close(struct index *index);
DEFINE_CLEANUP(struct index *, index_close)

/**
 * index_find() - where does this chunk lie? Any thread.
 * @ret_pack: the pack that it lies in
 * @ret_found: false: this index does not know it
 *
 * What is found points into its pack; whether the pack is there is another question.
 *
 * Return: 0; -EUCLEAN when a page that would know is damaged; ...
 */
int index_find(struct index *index, const struct chunk_id *id, struct index_entry *ret,
	       struct index_pack *ret_pack, bool *ret_found, struct error *err);

/* ---- all of an index: any thread, each with its own cursor ---- */

uint64_t index_entries(const struct index *index); /* how many */
const char *index_key(const struct index *index);

struct index_cursor;

/**
 * index_cursor_new() - get ready to read all entries of an index in the order of their ids
 * @index: must outlive the cursor
 *
 * Return: 0; -EUCLEAN when its packs are damaged; -ENOENT when the index is gone; ...
 */
int index_cursor_new(struct index *index, struct index_cursor **ret, struct error *err);
void index_cursor_free(struct index_cursor *cursor);
DEFINE_CLEANUP(struct index_cursor *, index_cursor_free)

/* The packs of the index, by number; valid as long as the cursor is. */
const struct index_pack *index_cursor_packs(const struct index_cursor *cursor, uint32_t *ret_n);

/**
 * index_cursor_next() - the next entry
 *
 * Return: 1; 0 at the end; -EUCLEAN when a page is damaged or an entry makes no sense; ...
 */
int index_cursor_next(struct index_cursor *cursor, struct index_entry *ret, struct error *err);

#endif
