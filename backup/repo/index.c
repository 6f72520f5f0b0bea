/* SPDX-License-Identifier: GPL-3.0-or-later */
/* index - looking up: guesses the page, since ids are spread evenly, and proves it. See index.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>

#include "index-format.h"
#include "index.h"
#include "pack.h"

struct index {
	struct objects *objects;
	struct pages *pages;
	uint64_t serial;
	char key[STORE_KEY_MAX];
	uint64_t n; /* entries */
	uint32_t n_packs;
	uint64_t first_entry; /* page number of the first page of entries */
	uint64_t entry_pages;
	uint8_t seed[INDEX_SEED];
	atomic_uchar *there; /* one bit a pack: it was seen in the store */
};

static int damaged(const struct index *index, struct error *err, const char *why)
{
	objects_forget(index->objects, index->key);
	return error_set(err, -EUCLEAN, "'%s' is damaged: %s", index->key, why);
}

static int parse_header(struct index *index, const uint8_t *page, uint64_t size, struct error *err)
{
	if (memcmp(page, INDEX_MAGIC, 8) != 0)
		return damaged(index, err, "it is not an index");
	if (get_le32(page + 8) != INDEX_VERSION || get_le32(page + 12) != 0)
		return error_set(err, -EPROTONOSUPPORT,
				 "'%s' is of a newer version than this lunette knows: please use a "
				 "newer one",
				 index->key);
	index->n = get_le64(page + 16);
	index->n_packs = get_le32(page + 24);
	memcpy(index->seed, page + 32, INDEX_SEED);
	if (index->n == 0 || index->n_packs == 0 || get_le32(page + 28) != 0 ||
	    !bytes_are_zero(page + 72, INDEX_PAGE - 72))
		return damaged(index, err, "its header makes no sense");
	index->first_entry = 1 + index_pack_pages(index->n_packs);
	index->entry_pages = index_entry_pages(index->n);
	if (size % INDEX_PAGE != 0 || index->entry_pages > size / INDEX_PAGE ||
	    index->first_entry + index->entry_pages != size / INDEX_PAGE)
		return damaged(index, err, "its length is wrong");
	return 0;
}

int index_open(struct objects *objects, struct pages *pages, uint64_t serial, const char *name,
	       struct index **ret, struct error *err)
{
	CLEANUP(index_close_cleanup) struct index *index = calloc(1, sizeof(*index));
	if (!index)
		return error_set(err, -ENOMEM, "open an index: %m");
	index->objects = objects;
	index->pages = pages;
	index->serial = serial;
	snprintf(index->key, sizeof(index->key), INDEX_FOLDER "/%s", name);

	uint64_t size;
	uint8_t page[INDEX_PAGE], sum[DIGEST_SIZE];
	char hex[2 * DIGEST_SIZE + 1];
	int rc = objects_size(objects, index->key, &size, err);
	if (rc < 0)
		return rc;
	if (size < INDEX_PAGE)
		return damaged(index, err, "its length is wrong");
	rc = objects_read(objects, index->key, page, sizeof(page), 0, err);
	if (rc < 0)
		return rc;
	rc = digest(page, sizeof(page), sum, err);
	if (rc < 0)
		return rc;
	digest_hex(sum, sizeof(sum), hex);
	if (strcmp(hex, name) != 0)
		return damaged(index, err, "its header is not what its name says");
	rc = parse_header(index, page, size, err);
	if (rc < 0)
		return rc;
	index->there = calloc(index->n_packs / 8 + 1, sizeof(*index->there));
	if (!index->there)
		return error_set(err, -ENOMEM, "open an index: %m");
	*ret = steal(&index);
	return 0;
}

void index_close(struct index *index)
{
	if (!index)
		return;
	free(index->there);
	free(index);
}

static int read_page(struct index *index, uint64_t number, uint8_t page[INDEX_PAGE],
		     struct error *err)
{
	if (pages_get(index->pages, index->serial, number, page))
		return 0;
	int rc = objects_read(index->objects, index->key, page, INDEX_PAGE, number * INDEX_PAGE,
			      err);
	if (rc < 0)
		return rc;
	uint8_t stands[INDEX_SUM], sum[INDEX_SUM];
	memcpy(stands, page, INDEX_SUM);
	rc = index_page_sum(page, index->seed, number, sum, err);
	if (rc < 0)
		return rc;
	if (memcmp(stands, sum, INDEX_SUM) != 0) {
		char why[64];
		snprintf(why, sizeof(why), "the checksum of its page %" PRIu64 " is wrong", number);
		return damaged(index, err, why);
	}
	pages_put(index->pages, index->serial, number, page);
	return 0;
}

/* The first 8 bytes of an id as a number: ids are spread evenly over all numbers. */
static uint64_t number_of(const uint8_t *id)
{
	uint64_t n;
	memcpy(&n, id, sizeof(n));
	return be64toh(n);
}

static const uint8_t *entry_at(const uint8_t page[INDEX_PAGE], size_t i)
{
	return page + INDEX_SUM + i * INDEX_ENTRY_BYTES;
}

/* Returns the entry of @id among the first @n of a page, or NULL. */
static const uint8_t *find_in_page(const uint8_t page[INDEX_PAGE], size_t n,
				   const struct chunk_id *id)
{
	size_t lo = 0, hi = n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int order = memcmp(id->bytes, entry_at(page, mid), sizeof(id->bytes));
		if (order == 0)
			return entry_at(page, mid);
		if (order < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

/* Where between two pages an id should lie, going by the ids at both ends. */
static uint64_t guess(uint64_t lo, uint64_t hi, uint64_t lo_id, uint64_t hi_id, uint64_t id)
{
	if (id <= lo_id || hi_id <= lo_id)
		return lo;
	if (id >= hi_id)
		return hi - 1;
	return lo + (uint64_t)((unsigned __int128)(id - lo_id) * (hi - lo) / (hi_id - lo_id));
}

/*
 * Reads the one page that holds @id if any does, and finds its entry there. Every second step
 * halves what is left, so that ids that are not spread evenly cost a few steps more, and no more.
 */
static int find_entry(struct index *index, const struct chunk_id *id, uint8_t page[INDEX_PAGE],
		      const uint8_t **ret, struct error *err)
{
	uint64_t lo = 0, hi = index->entry_pages, lo_id = 0, hi_id = UINT64_MAX;
	for (bool halve = false; lo < hi; halve = !halve) {
		uint64_t at = halve ? lo + (hi - lo) / 2
				    : guess(lo, hi, lo_id, hi_id, number_of(id->bytes));
		int rc = read_page(index, index->first_entry + at, page, err);
		if (rc < 0)
			return rc;
		size_t n = (size_t)MIN(index->n - at * INDEX_CHUNKS_A_PAGE,
				       (uint64_t)INDEX_CHUNKS_A_PAGE);
		if (memcmp(id->bytes, entry_at(page, 0), sizeof(id->bytes)) < 0) {
			hi = at;
			hi_id = number_of(entry_at(page, 0));
		} else if (memcmp(id->bytes, entry_at(page, n - 1), sizeof(id->bytes)) > 0) {
			lo = at + 1;
			lo_id = number_of(entry_at(page, n - 1));
		} else {
			*ret = find_in_page(page, n, id);
			return 0;
		}
	}
	*ret = NULL;
	return 0;
}

static int get_pack(struct index *index, uint32_t number, struct index_pack *ret, struct error *err)
{
	uint8_t page[INDEX_PAGE];
	int rc = read_page(index, 1 + number / INDEX_PACKS_A_PAGE, page, err);
	if (rc < 0)
		return rc;
	const uint8_t *p = page + INDEX_SUM + number % INDEX_PACKS_A_PAGE * INDEX_PACK_BYTES;
	memcpy(ret->id, p, sizeof(ret->id));
	ret->size = get_le32(p + 32);
	return 0;
}

int index_find(struct index *index, const struct chunk_id *id, struct index_entry *ret,
	       struct index_pack *ret_pack, bool *ret_found, struct error *err)
{
	uint8_t page[INDEX_PAGE];
	const uint8_t *p;
	int rc = find_entry(index, id, page, &p, err);
	if (rc < 0)
		return rc;
	if (!p) {
		*ret_found = false;
		return 0;
	}
	struct index_entry entry = {
		.id = *id,
		.pack = get_le32(p + 32),
		.offset = get_le32(p + 36),
		.stored = get_le32(p + 40),
		.length = get_le32(p + 44) & 0xffffff,
		.codec = p[47],
	};
	struct index_pack pack;
	if (entry.pack >= index->n_packs || entry.length == 0 || entry.length > REPO_CHUNK_MAX ||
	    entry.stored > entry.length)
		return damaged(index, err, "an entry makes no sense");
	rc = get_pack(index, entry.pack, &pack, err);
	if (rc < 0)
		return rc;
	if (!range_inside(entry.stored, entry.offset, pack.size))
		return damaged(index, err, "an entry points past the end of its pack");
	*ret = entry;
	*ret_pack = pack;
	*ret_found = true;
	return 0;
}

bool index_pack_there(struct index *index, uint32_t number, const struct index_pack *pack)
{
	atomic_uchar *byte = &index->there[number / 8];
	unsigned char bit = (unsigned char)(1 << number % 8);
	if (atomic_load_explicit(byte, memory_order_relaxed) & bit)
		return true;
	char key[STORE_KEY_MAX];
	uint64_t size;
	pack_key(pack->id, key);
	if (objects_size(index->objects, key, &size, NULL) < 0 || size != pack->size)
		return false;
	atomic_fetch_or_explicit(byte, bit, memory_order_relaxed);
	return true;
}
