/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pack - many sealed chunks in one object, and the table that says which.
 *
 * The name of a pack is the digest of its table, so the name proves the table, the table's ids
 * prove the chunks, and the same chunks make the same pack: what a killed backup left is found
 * again under its name. Indexes save reading tables; the tables are what indexes can be made of
 * again. FORMAT.md describes the bytes.
 */
#ifndef LUNETTE_PACK_H
#define LUNETTE_PACK_H

#include <stdbool.h>
#include <stdint.h>

#include "lunette/id-set.h"
#include "lunette/index.h"
#include "lunette/repo.h"
#include "lunette/store.h"

/* A pack is full at this many bytes of chunks, or this many chunks. */
#define PACK_FULL_BYTES  (32u << 20)
#define PACK_FULL_CHUNKS 8192

/* What a chunk was first used for; a hint for those who look after a repository. */
enum pack_kind {
	PACK_KIND_DATA = 0,
	PACK_KIND_MAP = 1,
};

#define PACK_FOLDER "packs"

/* ---- pack-list.c ---- */

/* The key of a pack; @ret has STORE_KEY_MAX bytes. */
void pack_key(const uint8_t id[32], char *ret);

/* Return: 0 to go on; a negative errno, recorded in @err, ends the listing with it. */
typedef int pack_list_fn(void *ctx, const struct chunk_id *id, const struct store_stat *st,
			 struct error *err);

/* All packs that are there, in no order. Return: as store_list(). */
int pack_list(struct store *store, pack_list_fn *fn, void *ctx, struct error *err);

/* Those whose ids begin with the byte @first: one folder. */
int pack_list_folder(struct store *store, uint8_t first, pack_list_fn *fn, void *ctx,
		     struct error *err);

/* ---- pack.c ---- */

struct keys;
struct pack;

/**
 * pack_begin() - begin an empty pack; what is added goes into a draft of the store
 * @keys: of an encrypted repository, else NULL; must outlive the pack
 * @ret: to be freed with pack_abort() unless it is finished
 */
int pack_begin(struct store *store, const struct keys *keys, struct pack **ret, struct error *err);
void pack_abort(struct pack *pack);
DEFINE_CLEANUP(struct pack *, pack_abort)

/**
 * pack_add() - add a chunk; the pack must not be full
 * @length: bytes before sealing
 * @ret_offset: where it lies
 */
int pack_add(struct pack *pack, const struct chunk_id *id, const struct sealed *sealed,
	     uint32_t length, enum pack_kind kind, uint32_t *ret_offset, struct error *err);

bool pack_full(const struct pack *pack);

/**
 * pack_finish() - write the table
 * @pack: freed, also on failure
 * @taken: names of packs that it must not get; may be NULL
 * @ret: the object, complete, to be put under its key and freed
 * @ret_pack: its name and size
 */
int pack_finish(struct pack *pack, const struct id_set *taken, struct store_draft **ret,
		struct index_pack *ret_pack, struct error *err);

#endif
