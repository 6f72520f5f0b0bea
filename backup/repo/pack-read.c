/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pack-read - see pack-read.h.
 *
 * A pack's bytes are foreign until the digest of its table and trailer is the pack's name. Even
 * then whoever made the name up may have made the table up, so each entry is checked before it is
 * handed out; what is in a chunk is proved by the chunk's id.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "pack-format.h"
#include "lunette/pack-read.h"

#define TABLE_MAX ((uint64_t)PACK_ENTRIES_MAX * PACK_ENTRY_BYTES + BOX_MORE + PACK_TRAILER_BYTES)

static int damaged(struct error *err, const char *why)
{
	return error_set(err, -EUCLEAN, "it is damaged: %s", why);
}

/* An object, and how large it is. */
struct object {
	struct store *store;
	const char *key;
	uint64_t size;
};

static int read_object(const struct object *object, void *buf, size_t len, uint64_t off,
		       struct error *err)
{
	return store_read(object->store, object->key, buf, len, off, err);
}

/* Finds the table by the trailer, which is not proved yet. */
static int find_table(const struct object *object, uint32_t *ret_offset, struct error *err)
{
	uint8_t trailer[PACK_TRAILER_BYTES];
	if (object->size > UINT32_MAX || object->size < PACK_HEADER_BYTES + PACK_TRAILER_BYTES)
		return damaged(err, "its length is wrong");
	int rc = read_object(object, trailer, sizeof(trailer), object->size - sizeof(trailer), err);
	if (rc < 0)
		return rc;
	if (memcmp(trailer, PACK_TRAILER_MAGIC, 8) != 0)
		return damaged(err, "it has no end");
	uint32_t offset = get_le32(trailer + 20);
	if (offset < PACK_HEADER_BYTES || offset > object->size - PACK_TRAILER_BYTES ||
	    object->size - offset > TABLE_MAX)
		return damaged(err, "its length is not what its end says");
	*ret_offset = offset;
	return 0;
}

/* @trailer: as it was written, whoever did it: the pack's name proves it. */
static int check_trailer(const uint8_t *trailer, const struct keys *keys, size_t table_len,
			 uint32_t *ret_n, struct error *err)
{
	uint32_t features = get_le32(trailer + 12), n = get_le32(trailer + 16);
	if (get_le32(trailer + 8) != PACK_VERSION || (features & ~PACK_ENCRYPTED) != 0)
		return error_set(err, -EPROTONOSUPPORT,
				 "it is of a newer version than this lunette knows: please use a "
				 "newer one");
	if (features != (keys ? PACK_ENCRYPTED : 0))
		return damaged(err, "it belongs to another repository");
	if (n == 0 || n > PACK_ENTRIES_MAX ||
	    (uint64_t)n * PACK_ENTRY_BYTES + (keys ? BOX_MORE : 0) != table_len)
		return damaged(err, "its length is not what its end says");
	*ret_n = n;
	return 0;
}

/* The header says what the trailer says; no name proves it. */
static int check_header(const struct object *object, const struct keys *keys, struct error *err)
{
	uint8_t want[PACK_HEADER_BYTES] = PACK_HEADER_MAGIC, header[PACK_HEADER_BYTES];
	put_le32(want + 8, PACK_VERSION);
	put_le32(want + 12, keys ? PACK_ENCRYPTED : 0);
	int rc = read_object(object, header, sizeof(header), 0, err);
	if (rc < 0)
		return rc;
	return memcmp(header, want, sizeof(want)) == 0 ? 0 : damaged(err, "its header is wrong");
}

/*
 * Reads table and trailer, which the pack's name proves, and the key, if there is one.
 * @ret: to be freed with free()
 * @ret_table: where in it the @ret_n entries begin
 */
static int read_proved(const struct object *object, const struct keys *keys, uint32_t offset,
		       const uint8_t id[32], uint8_t **ret, uint8_t **ret_table, uint32_t *ret_n,
		       struct error *err)
{
	size_t len = (size_t)(object->size - offset), table_len = len - PACK_TRAILER_BYTES;
	CLEANUP(free_cleanup) uint8_t *table = malloc(len);
	if (!table)
		return error_set(err, -ENOMEM, "%m");
	uint8_t sum[DIGEST_SIZE];
	int rc = read_object(object, table, len, offset, err);
	if (rc == 0)
		rc = digest(table, len, sum, err);
	if (rc < 0)
		return rc;
	if (memcmp(sum, id, sizeof(sum)) != 0)
		return damaged(err, "its table is not what its name says");
	uint8_t *entries = table, *trailer = table + table_len;
	rc = check_trailer(trailer, keys, table_len, ret_n, err);
	if (rc == 0 && keys)
		rc = box_open(&keys->metadata, &(struct box_note){ trailer, PACK_TRAILER_BYTES },
			      table, table_len, &entries, err);
	if (rc == -EBADMSG)
		return damaged(err, "its table does not open with the key");
	if (rc < 0)
		return rc;
	*ret = steal(&table);
	*ret_table = entries;
	return 0;
}

/* @at: where the chunk before ended; moves on. Return: whether the entry makes sense. */
static bool parse_entry(const uint8_t *p, uint64_t *at, struct pack_entry *ret)
{
	memcpy(ret->id.bytes, p, sizeof(ret->id.bytes));
	ret->offset = get_le32(p + 32);
	ret->stored = get_le32(p + 36);
	ret->length = get_le32(p + 40);
	ret->codec = p[44];
	ret->kind = p[45];
	bool fine = ret->offset == *at && ret->length > 0 && ret->length <= REPO_CHUNK_MAX &&
		    ret->stored <= REPO_SEAL_BOUND(ret->length);
	*at += ret->stored;
	return fine;
}

static int parse_table(const uint8_t *table, uint32_t n, uint32_t offset, uint32_t size,
		       struct pack_table **ret, struct error *err)
{
	CLEANUP(free_cleanup)
	struct pack_table *parsed = malloc(sizeof(*parsed) + n * sizeof(parsed->entries[0]));
	if (!parsed)
		return error_set(err, -ENOMEM, "%m");
	parsed->size = size;
	parsed->n = n;
	uint64_t at = PACK_HEADER_BYTES;
	for (uint32_t i = 0; i < n; i++)
		if (!parse_entry(table + (size_t)i * PACK_ENTRY_BYTES, &at, &parsed->entries[i]))
			return damaged(err, "an entry of its table makes no sense");
	if (at != offset)
		return damaged(err, "its table is not where its chunks end");
	*ret = steal(&parsed);
	return 0;
}

static int read_table(struct repo *repo, const struct object *object, const uint8_t id[32],
		      struct pack_table **ret, struct error *err)
{
	CLEANUP(free_cleanup) uint8_t *end = NULL;
	uint8_t *table = NULL;
	uint32_t n = 0, offset = 0;
	int rc = find_table(object, &offset, err);
	if (rc == 0)
		rc = read_proved(object, repo->keys, offset, id, &end, &table, &n, err);
	if (rc == 0)
		rc = check_header(object, repo->keys, err);
	return rc < 0 ? rc : parse_table(table, n, offset, (uint32_t)object->size, ret, err);
}

int pack_table_read(struct repo *repo, const uint8_t id[32], uint64_t size, struct pack_table **ret,
		    struct error *err)
{
	char key[STORE_KEY_MAX];
	pack_key(id, key);
	struct store_stat st = { .size = size };
	store_forget(repo->store, key);
	int rc = size ? 0 : store_stat(repo->store, key, &st, err);
	struct object object = { .store = repo->store, .key = key, .size = st.size };
	if (rc == 0)
		rc = read_table(repo, &object, id, ret, err);
	return rc < 0 ? error_wrap(err, rc, "'%s'", key) : 0;
}

int pack_chunk_read(struct repo *repo, const uint8_t id[32], const struct pack_entry *entry,
		    void *buf, struct error *err)
{
	char key[STORE_KEY_MAX];
	pack_key(id, key);
	CLEANUP(free_cleanup) uint8_t *sealed = malloc(entry->stored + 1);
	int rc = sealed ? store_read(repo->store, key, sealed, entry->stored, entry->offset, err)
			: error_set(err, -ENOMEM, "%m");
	if (rc == 0)
		rc = repo_open_chunk(repo, &entry->id, sealed, entry->stored, entry->codec, buf,
				     entry->length, err);
	return rc < 0 ? error_wrap(err, rc, "'%s' at offset %" PRIu32, key, entry->offset) : 0;
}
