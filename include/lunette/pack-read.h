/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pack-read - a pack without an index: what is in it, by its own table, and each chunk of it.
 *
 * For those who look after a repository. Ordinary reading goes through an index (repo_read()),
 * which is made of the same tables.
 */
#ifndef LUNETTE_PACK_READ_H
#define LUNETTE_PACK_READ_H

#include "lunette/repo-parts.h"

/* No pack has more chunks than this. */
#define PACK_ENTRIES_MAX 65536u

/**
 * struct pack_entry - a chunk of a pack
 * @offset: in the pack, bytes
 * @stored: bytes in the pack
 * @length: bytes when opened, 1 to REPO_CHUNK_MAX
 * @codec: how to open it; may be one that is not known here
 * @kind: an enum pack_kind, or what a later version knows
 */
struct pack_entry {
	struct chunk_id id;
	uint32_t offset;
	uint32_t stored;
	uint32_t length;
	uint8_t codec;
	uint8_t kind;
};

/**
 * struct pack_table - what a pack holds, proved by the pack's name
 * @size: of the object, bytes
 * @entries: @n of them, at least one, in the order in which they lie: the first one behind the
 *           pack's header, each other one where the one before ends
 */
struct pack_table {
	uint32_t size;
	uint32_t n;
	struct pack_entry entries[];
};

/**
 * pack_table_read() - read and prove a pack's table
 * @id: the pack's
 * @size: of the object, as a listing of the packs told; 0: it is asked for
 * @ret: to be freed with free()
 *
 * The pack is read as it is in the store now. Any thread.
 *
 * Return: 0; -ENOENT when there is no such pack; -EUCLEAN when its header, its table or its length
 * is damaged; -EPROTONOSUPPORT when it is of a newer version; what the store said.
 */
int pack_table_read(struct repo *repo, const uint8_t id[32], uint64_t size, struct pack_table **ret,
		    struct error *err);

/**
 * pack_chunk_read() - read one chunk of a pack, and prove it
 * @id: the pack's
 * @entry: of its table
 * @buf: @entry->length bytes
 *
 * Any thread.
 *
 * Return: 0; -EUCLEAN when the chunk is damaged; what the store said.
 */
int pack_chunk_read(struct repo *repo, const uint8_t id[32], const struct pack_entry *entry,
		    void *buf, struct error *err);

#endif
