/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pack - writing one. See pack.h; pack-format.h has the bytes. */
#include <assert.h>
#include <errno.h>

#include "lunette/keys.h"
#include "pack-format.h"
#include "lunette/pack.h"

struct pack {
	struct store_draft *draft;
	const struct keys *keys;
	uint32_t n;
	uint8_t table[PACK_FULL_CHUNKS * PACK_ENTRY_BYTES];
};

int pack_begin(struct store *store, const struct keys *keys, struct pack **ret, struct error *err)
{
	CLEANUP(pack_abort_cleanup) struct pack *pack = calloc(1, sizeof(*pack));
	if (!pack)
		return error_set(err, -ENOMEM, "begin a pack: %m");
	pack->keys = keys;
	int rc = store_draft_new(store, &pack->draft, err);
	if (rc < 0)
		return rc;
	uint8_t header[PACK_HEADER_BYTES] = PACK_HEADER_MAGIC;
	put_le32(header + 8, PACK_VERSION);
	put_le32(header + 12, keys ? PACK_ENCRYPTED : 0);
	rc = store_draft_append(pack->draft, header, sizeof(header), err);
	if (rc < 0)
		return rc;
	*ret = steal(&pack);
	return 0;
}

void pack_abort(struct pack *pack)
{
	if (!pack)
		return;
	store_draft_free(pack->draft);
	free(pack);
}

bool pack_full(const struct pack *pack)
{
	return pack->n == PACK_FULL_CHUNKS || pack->draft->source.size >= PACK_FULL_BYTES;
}

int pack_add(struct pack *pack, const struct chunk_id *id, const struct sealed *sealed,
	     uint32_t length, enum pack_kind kind, uint32_t *ret_offset, struct error *err)
{
	assert(!pack_full(pack));
	uint32_t offset = (uint32_t)pack->draft->source.size;
	int rc = store_draft_append(pack->draft, sealed->buf, sealed->len, err);
	if (rc < 0)
		return rc;
	uint8_t *p = pack->table + pack->n++ * PACK_ENTRY_BYTES;
	memcpy(p, id->bytes, 32);
	put_le32(p + 32, offset);
	put_le32(p + 36, sealed->len);
	put_le32(p + 40, length);
	p[44] = sealed->codec;
	p[45] = (uint8_t)kind;
	*ret_offset = offset;
	return 0;
}

/* Table and trailer, which are one run to the end of the object. */
static int make_end(const struct pack *pack, uint64_t salt, uint8_t **ret, size_t *ret_len,
		    struct error *err)
{
	size_t len = pack->n * PACK_ENTRY_BYTES, boxed = len + (pack->keys ? BOX_MORE : 0);
	CLEANUP(free_cleanup) uint8_t *end = calloc(1, boxed + PACK_TRAILER_BYTES);
	if (!end)
		return error_set(err, -ENOMEM, "finish a pack: %m");
	uint8_t *trailer = end + boxed;
	memcpy(trailer, PACK_TRAILER_MAGIC, 8);
	put_le32(trailer + 8, PACK_VERSION);
	put_le32(trailer + 12, pack->keys ? PACK_ENCRYPTED : 0);
	put_le32(trailer + 16, pack->n);
	put_le32(trailer + 20, (uint32_t)pack->draft->source.size);
	put_le64(trailer + 24, salt);
	const struct box_note note = { trailer, PACK_TRAILER_BYTES };
	int rc = 0;
	if (pack->keys)
		rc = box_seal(&pack->keys->metadata, &note, pack->table, len, end, err);
	else
		memcpy(end, pack->table, len);
	if (rc < 0)
		return rc;
	*ret = steal(&end);
	*ret_len = boxed + PACK_TRAILER_BYTES;
	return 0;
}

/* The same chunks make a pack of the same name; but one that is going to be removed is no help. */
static int choose_end(const struct pack *pack, const struct id_set *taken, uint8_t **ret,
		      size_t *ret_len, uint8_t ret_id[32], struct error *err)
{
	for (uint64_t salt = 0;; salt++) {
		CLEANUP(free_cleanup) uint8_t *end = NULL;
		size_t len = 0;
		struct chunk_id id;
		int rc = make_end(pack, salt, &end, &len, err);
		if (rc == 0)
			rc = digest(end, len, id.bytes, err);
		if (rc < 0)
			return rc;
		if (taken && id_set_has(taken, &id))
			continue;
		memcpy(ret_id, id.bytes, sizeof(id.bytes));
		*ret = steal(&end);
		*ret_len = len;
		return 0;
	}
}

int pack_finish(struct pack *pack, const struct id_set *taken, struct store_draft **ret,
		struct index_pack *ret_pack, struct error *err)
{
	CLEANUP(pack_abort_cleanup) struct pack *owned = pack;
	CLEANUP(free_cleanup) uint8_t *end = NULL;
	size_t len = 0;
	struct index_pack done;
	int rc = choose_end(pack, taken, &end, &len, done.id, err);
	if (rc == 0)
		rc = store_draft_append(pack->draft, end, len, err);
	if (rc < 0)
		return rc;
	done.size = (uint32_t)pack->draft->source.size;
	*ret_pack = done;
	*ret = steal(&owned->draft);
	return 0;
}
