/* SPDX-License-Identifier: GPL-3.0-or-later */
/* index - looking up: guesses the page, since ids are spread evenly, and proves it. See index.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "index-format.h"
#include "lunette/hex.h"
#include "lunette/index.h"

struct index {
	struct store *store;
	const struct keys *keys;
	struct pages *pages;
	uint64_t serial;
	char key[STORE_KEY_MAX];
	struct index_shape shape;
	uint8_t seed[INDEX_SEED];
};

int index_damaged(const struct index *index, struct error *err, const char *why)
{
	store_forget(index->store, index->key);
	return error_set(err, -EUCLEAN, "'%s' is damaged: %s", index->key, why);
}

/* Looked at before anything is proved: what kind of object it is. */
static int check_kind(struct index *index, const uint8_t *page, struct error *err)
{
	if (memcmp(page, INDEX_MAGIC, 8) != 0)
		return index_damaged(index, err, "it is not an index");
	uint32_t features = get_le32(page + 12);
	if (get_le32(page + 8) != INDEX_VERSION || (features & ~INDEX_ENCRYPTED) != 0)
		return error_set(err, -EPROTONOSUPPORT,
				 "'%s' is of a newer version than this lunette knows: please use a "
				 "newer one",
				 index->key);
	if (features != (index->keys ? INDEX_ENCRYPTED : 0))
		return index_damaged(index, err, "it belongs to another repository");
	return 0;
}

static int parse_header(struct index *index, uint8_t *page, uint64_t size, struct error *err)
{
	int rc = check_kind(index, page, err);
	if (rc < 0)
		return rc;
	rc = index_header_open(index->keys, page, index->seed, err);
	if (rc == -EBADMSG)
		return index_damaged(index, err, "its header does not open with the key");
	if (rc < 0)
		return rc;
	index->shape.n = get_le64(page + 16);
	index->shape.n_packs = get_le32(page + 24);
	if (index->shape.n == 0 || index->shape.n_packs == 0 || get_le32(page + 28) != 0 ||
	    !is_all_zero(page + 72, INDEX_PAGE - 72))
		return index_damaged(index, err, "its header makes no sense");
	index->shape.first_entry = 1 + index_pack_pages(index->shape.n_packs);
	index->shape.entry_pages = index_entry_pages(index->shape.n);
	if (size % INDEX_PAGE != 0 || index->shape.entry_pages > size / INDEX_PAGE ||
	    index->shape.first_entry + index->shape.entry_pages != size / INDEX_PAGE)
		return index_damaged(index, err, "its length is wrong");
	return 0;
}

int index_open(struct store *store, const struct keys *keys, struct pages *pages, uint64_t serial,
	       const char *name, struct index **ret, struct error *err)
{
	CLEANUP(index_close_cleanup) struct index *index = calloc(1, sizeof(*index));
	if (!index)
		return error_set(err, -ENOMEM, "open an index: %m");
	index->store = store;
	index->keys = keys;
	index->pages = pages;
	index->serial = serial;
	snprintf(index->key, sizeof(index->key), INDEX_FOLDER "/%s", name);

	struct store_stat st;
	uint8_t page[INDEX_PAGE], sum[DIGEST_SIZE];
	char hex[2 * DIGEST_SIZE + 1];
	int rc = store_stat(store, index->key, &st, err);
	if (rc < 0)
		return rc;
	if (st.size < INDEX_PAGE)
		return index_damaged(index, err, "its length is wrong");
	rc = store_read(store, index->key, page, sizeof(page), 0, err);
	if (rc < 0)
		return rc;
	rc = digest(page, sizeof(page), sum, err);
	if (rc < 0)
		return rc;
	hex_text(sum, sizeof(sum), hex);
	if (strcmp(hex, name) != 0)
		return index_damaged(index, err, "its header is not what its name says");
	rc = parse_header(index, page, st.size, err);
	if (rc < 0)
		return rc;
	*ret = steal(&index);
	return 0;
}

void index_close(struct index *index)
{
	if (!index)
		return;
	free(index);
}

static int prove_page(struct index *index, uint64_t number, uint8_t page[INDEX_PAGE],
		      struct error *err)
{
	int rc = index_page_open(index->keys, page, index->seed, number, err);
	if (rc != -EBADMSG)
		return rc;
	char why[64];
	snprintf(why, sizeof(why), "the checksum of its page %" PRIu64 " is wrong", number);
	return index_damaged(index, err, why);
}

int index_read_pages(struct index *index, uint64_t number, size_t n, uint8_t *buf,
		     struct error *err)
{
	int rc =
		store_read(index->store, index->key, buf, n * INDEX_PAGE, number * INDEX_PAGE, err);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = prove_page(index, number + i, buf + i * INDEX_PAGE, err);
	return rc;
}

static int read_page(struct index *index, uint64_t number, uint8_t page[INDEX_PAGE],
		     struct error *err)
{
	if (pages_get(index->pages, index->serial, number, page))
		return 0;
	int rc = index_read_pages(index, number, 1, page, err);
	if (rc == 0)
		pages_put(index->pages, index->serial, number, page);
	return rc;
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

void index_parse_pack(const uint8_t page[INDEX_PAGE], size_t i, struct index_pack *ret)
{
	const uint8_t *p = page + INDEX_SUM + i * INDEX_PACK_BYTES;
	memcpy(ret->id, p, sizeof(ret->id));
	ret->size = get_le32(p + 32);
}

void index_parse_entry(const uint8_t page[INDEX_PAGE], size_t i, struct index_entry *ret)
{
	const uint8_t *p = entry_at(page, i);
	memcpy(&ret->id, p, sizeof(ret->id));
	ret->pack = get_le32(p + 32);
	ret->offset = get_le32(p + 36);
	ret->stored = get_le32(p + 40);
	ret->length = get_le32(p + 44) & 0xffffff;
	ret->codec = p[47];
}

const char *index_entry_wrong(const struct index_entry *entry, const struct index_pack *pack)
{
	if (entry->length == 0 || entry->length > REPO_CHUNK_MAX ||
	    entry->stored > REPO_SEAL_BOUND(entry->length))
		return "an entry makes no sense";
	if (!range_inside(entry->stored, entry->offset, pack->size))
		return "an entry points past the end of its pack";
	return NULL;
}

/* Finds the entry of @id among the first @n of a page. */
static bool find_in_page(const uint8_t page[INDEX_PAGE], size_t n, const struct chunk_id *id,
			 size_t *ret)
{
	size_t lo = 0, hi = n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int order = memcmp(id->bytes, entry_at(page, mid), sizeof(id->bytes));
		if (order == 0) {
			*ret = mid;
			return true;
		}
		if (order < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return false;
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
		      size_t *ret, bool *ret_found, struct error *err)
{
	const struct index_shape *shape = &index->shape;
	uint64_t lo = 0, hi = shape->entry_pages, lo_id = 0, hi_id = UINT64_MAX;
	for (bool halve = false; lo < hi; halve = !halve) {
		uint64_t at = halve ? lo + (hi - lo) / 2
				    : guess(lo, hi, lo_id, hi_id, number_of(id->bytes));
		int rc = read_page(index, shape->first_entry + at, page, err);
		if (rc < 0)
			return rc;
		size_t n = (size_t)MIN(shape->n - at * INDEX_CHUNKS_A_PAGE,
				       (uint64_t)INDEX_CHUNKS_A_PAGE);
		if (memcmp(id->bytes, entry_at(page, 0), sizeof(id->bytes)) < 0) {
			hi = at;
			hi_id = number_of(entry_at(page, 0));
		} else if (memcmp(id->bytes, entry_at(page, n - 1), sizeof(id->bytes)) > 0) {
			lo = at + 1;
			lo_id = number_of(entry_at(page, n - 1));
		} else {
			*ret_found = find_in_page(page, n, id, ret);
			return 0;
		}
	}
	*ret_found = false;
	return 0;
}

int index_find(struct index *index, const struct chunk_id *id, struct index_entry *ret,
	       struct index_pack *ret_pack, bool *ret_found, struct error *err)
{
	uint8_t page[INDEX_PAGE];
	size_t at;
	bool found;
	int rc = find_entry(index, id, page, &at, &found, err);
	if (rc < 0 || !found) {
		*ret_found = false;
		return rc;
	}
	struct index_entry entry;
	struct index_pack pack;
	index_parse_entry(page, at, &entry);
	if (entry.pack >= index->shape.n_packs)
		return index_damaged(index, err, "an entry makes no sense");
	rc = read_page(index, 1 + entry.pack / INDEX_PACKS_A_PAGE, page, err);
	if (rc < 0)
		return rc;
	index_parse_pack(page, entry.pack % INDEX_PACKS_A_PAGE, &pack);
	const char *wrong = index_entry_wrong(&entry, &pack);
	if (wrong)
		return index_damaged(index, err, wrong);
	*ret = entry;
	*ret_pack = pack;
	*ret_found = true;
	return 0;
}

const struct index_shape *index_shape(const struct index *index)
{
	return &index->shape;
}

uint64_t index_entries(const struct index *index)
{
	return index->shape.n;
}

const char *index_key(const struct index *index)
{
	return index->key;
}
