/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * index-format - an index's bytes, shared by what writes it and what reads it.
 *
 * Source: FORMAT.md, "Index". Numbers are little-endian.
 *
 *	header page                       pack page                 entry page
 *	  0  8  "LUNINDEX"                  0 16  checksum            0 16  checksum
 *	  8  4  version, 1                 16 40  pack, 102 times    16 48  entry, 85 times
 *	 12  4  features, 0
 *	 16  8  number of entries         pack                      entry
 *	 24  4  number of packs             0 32  id                  0 32  chunk id
 *	 28  4  zero                       32  4  size               32  4  pack's number
 *	 32  8  seed                       36  4  zero               36  4  offset
 *	 40 32  digest of the checksums                              40  4  stored length
 *	 72     zero                                                 44  3  length
 *	                                                             47  1  codec
 */
#ifndef REPO_INDEX_FORMAT_H
#define REPO_INDEX_FORMAT_H

#include "bytes.h"
#include "digest.h"
#include "index.h"
#include "pages.h"

#define INDEX_MAGIC         "LUNINDEX"
#define INDEX_VERSION       1
#define INDEX_SEED          8
#define INDEX_SUM           16
#define INDEX_PACK_BYTES    40
#define INDEX_ENTRY_BYTES   48
#define INDEX_PACKS_A_PAGE  102u
#define INDEX_CHUNKS_A_PAGE 85u

static inline uint64_t index_pack_pages(uint64_t n_packs)
{
	return n_packs / INDEX_PACKS_A_PAGE + (n_packs % INDEX_PACKS_A_PAGE != 0);
}

static inline uint64_t index_entry_pages(uint64_t n)
{
	return n / INDEX_CHUNKS_A_PAGE + (n % INDEX_CHUNKS_A_PAGE != 0);
}

/*
 * A page's checksum: over the page with the index's seed and the page's number in its place, so
 * that a page that strayed here from elsewhere does not pass.
 */
static inline int index_page_sum(uint8_t page[INDEX_PAGE], const uint8_t seed[INDEX_SEED],
				 uint64_t number, uint8_t ret[INDEX_SUM], struct error *err)
{
	uint8_t sum[DIGEST_SIZE];
	memcpy(page, seed, INDEX_SEED);
	put_le64(page + INDEX_SEED, number);
	int rc = digest(page, INDEX_PAGE, sum, err);
	memcpy(ret, sum, INDEX_SUM);
	return rc;
}

/* ---- index.c, for index-cursor.c ---- */

/* Where things lie, in pages. */
struct index_shape {
	uint64_t n; /* entries */
	uint32_t n_packs;
	uint64_t first_entry; /* number of the first page of entries */
	uint64_t entry_pages;
};

const struct index_shape *index_shape(const struct index *index);

/* Reads and proves some pages that follow each other, without keeping them. */
int index_read_pages(struct index *index, uint64_t number, size_t n, uint8_t *buf,
		     struct error *err);

/* What a page says at place @i of it; foreign bytes, and whoever calls checks that they fit. */
void index_parse_pack(const uint8_t page[INDEX_PAGE], size_t i, struct index_pack *ret);
void index_parse_entry(const uint8_t page[INDEX_PAGE], size_t i, struct index_entry *ret);

/* NULL, or what is wrong with an entry that is said to lie in @pack. */
const char *index_entry_wrong(const struct index_entry *entry, const struct index_pack *pack);

/* Says that the index is damaged, and sees to it that it is opened anew. Return: -EUCLEAN. */
int index_damaged(const struct index *index, struct error *err, const char *why);

#endif
