/* SPDX-License-Identifier: GPL-3.0-or-later */
/* index-build - writes an index: pages first, then the header that proves them. See index.h. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "index-format.h"
#include "index.h"

static int by_id(const void *a, const void *b)
{
	const struct index_entry *x = a, *y = b;
	return memcmp(x->id.bytes, y->id.bytes, sizeof(x->id.bytes));
}

static void put_entry(uint8_t *p, const struct index_entry *entry)
{
	memcpy(p, entry->id.bytes, 32);
	put_le32(p + 32, entry->pack);
	put_le32(p + 36, entry->offset);
	put_le32(p + 40, entry->stored);
	put_le32(p + 44, entry->length | (uint32_t)entry->codec << 24);
}

static void put_pack(uint8_t *p, const struct index_pack *pack)
{
	memcpy(p, pack->id, 32);
	put_le32(p + 32, pack->size);
}

/* Told apart from any other index: by its packs. */
static int make_seed(const uint8_t *pack_pages, uint64_t n_pages, uint8_t ret[INDEX_SEED],
		     struct error *err)
{
	uint8_t sum[DIGEST_SIZE];
	int rc = digest(pack_pages, n_pages * INDEX_PAGE, sum, err);
	memcpy(ret, sum, INDEX_SEED);
	return rc;
}

/* Sets every page's checksum and gives the digest of them all. */
static int prove_pages(uint8_t *buf, uint64_t n_pages, const uint8_t seed[INDEX_SEED],
		       uint8_t ret[DIGEST_SIZE], struct error *err)
{
	CLEANUP(free_cleanup) uint8_t *sums = malloc(n_pages * INDEX_SUM);
	if (!sums)
		return error_set(err, -ENOMEM, "write an index: %m");
	for (uint64_t i = 1; i < n_pages; i++) {
		uint8_t *page = buf + i * INDEX_PAGE;
		uint8_t *sum = sums + (i - 1) * INDEX_SUM;
		int rc = index_page_sum(page, seed, i, sum, err);
		if (rc < 0)
			return rc;
		memcpy(page, sum, INDEX_SUM);
	}
	return digest(sums, (n_pages - 1) * INDEX_SUM, ret, err);
}

int index_build(struct store *store, struct index_entry *entries, size_t n,
		const struct index_pack *packs, size_t n_packs, char ret_name[65],
		struct error *err)
{
	assert(n > 0 && n_packs > 0 && n_packs <= UINT32_MAX);
	qsort(entries, n, sizeof(*entries), by_id);

	uint64_t pack_pages = index_pack_pages(n_packs);
	uint64_t n_pages = 1 + pack_pages + index_entry_pages(n);
	CLEANUP(free_cleanup) uint8_t *buf = calloc(n_pages, INDEX_PAGE);
	if (!buf)
		return error_set(err, -ENOMEM, "write an index: %m");
	for (size_t i = 0; i < n_packs; i++)
		put_pack(buf + (1 + i / INDEX_PACKS_A_PAGE) * INDEX_PAGE + INDEX_SUM +
				 i % INDEX_PACKS_A_PAGE * INDEX_PACK_BYTES,
			 &packs[i]);
	for (size_t i = 0; i < n; i++)
		put_entry(buf + (1 + pack_pages + i / INDEX_CHUNKS_A_PAGE) * INDEX_PAGE +
				  INDEX_SUM + i % INDEX_CHUNKS_A_PAGE * INDEX_ENTRY_BYTES,
			  &entries[i]);

	memcpy(buf, INDEX_MAGIC, 8);
	put_le32(buf + 8, INDEX_VERSION);
	put_le64(buf + 16, n);
	put_le32(buf + 24, (uint32_t)n_packs);
	int rc = make_seed(buf + INDEX_PAGE, pack_pages, buf + 32, err);
	if (rc < 0)
		return rc;
	rc = prove_pages(buf, n_pages, buf + 32, buf + 40, err);
	if (rc < 0)
		return rc;

	uint8_t name[DIGEST_SIZE];
	rc = digest(buf, INDEX_PAGE, name, err);
	if (rc < 0)
		return rc;
	digest_hex(name, sizeof(name), ret_name);
	char key[STORE_KEY_MAX];
	snprintf(key, sizeof(key), INDEX_FOLDER "/%s", ret_name);
	return store_put_same(store, key, buf, n_pages * INDEX_PAGE, err);
}
