/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * index-format - an index's bytes, shared by what writes it and what reads it.
 *
 * Source: FORMAT.md, "Index". Numbers are little-endian.
 *
 *	header page                       pack page                 entry page
 *	  0  8  "LUNINDEX"                  0 16  proof               0 16  proof
 *	  8  4  version, 1                 16 40  pack, 102 times    16 48  entry, 85 times
 *	 12  4  features
 *	 16  8  number of entries         pack                      entry
 *	 24  4  number of packs             0 32  id                  0 32  chunk id
 *	 28  4  zero                       32  4  size               32  4  pack's number
 *	 32  8  seed, or zero              36  4  zero               36  4  offset
 *	 40 32  digest of the proofs                                 40  4  stored length
 *	 72     zero                                                 44  3  length
 *	                                                             47  1  codec
 *
 * Where it is encrypted, the proof of a page is the tag of AES-256-GCM over the rest of it; in the
 * header, what follows the features is encrypted up to 4064, 16 bytes of seed, 16 bytes of tag.
 */
#ifndef REPO_INDEX_FORMAT_H
#define REPO_INDEX_FORMAT_H

#include "lunette/bytes.h"
#include "lunette/digest.h"
#include "lunette/index.h"
#include "lunette/pages.h"

#define INDEX_MAGIC         "LUNINDEX"
#define INDEX_VERSION       1
#define INDEX_ENCRYPTED     1u /* feature */
#define INDEX_SEED          16
#define INDEX_SEED_PLAIN    8 /* of it are used where nothing is encrypted; the rest is zero */
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

/* ---- index-page.c; @keys is NULL where the repository is not encrypted ---- */

struct keys;

/**
 * index_page_seal() - set the proof of a page, and encrypt it
 * @page: its first INDEX_SUM bytes are set
 * @number: of the page in its index, from 1
 */
int index_page_seal(const struct keys *keys, uint8_t page[INDEX_PAGE],
		    const uint8_t seed[INDEX_SEED], uint64_t number, struct error *err);

/**
 * index_page_open() - prove a page, and decrypt it
 *
 * Return: 0; -EBADMSG when it is not that page of that index; -ENOMEM.
 */
int index_page_open(const struct keys *keys, uint8_t page[INDEX_PAGE],
		    const uint8_t seed[INDEX_SEED], uint64_t number, struct error *err);

/* What tells an index apart from any other: its packs, or chance. */
int index_seed(const struct keys *keys, const uint8_t *pack_pages, size_t len,
	       uint8_t ret[INDEX_SEED], struct error *err);

/* As index_page_seal() and index_page_open(); the seed goes into the header, and comes out of it.
 */
int index_header_seal(const struct keys *keys, uint8_t page[INDEX_PAGE],
		      const uint8_t seed[INDEX_SEED], struct error *err);
int index_header_open(const struct keys *keys, uint8_t page[INDEX_PAGE],
		      uint8_t ret_seed[INDEX_SEED], struct error *err);

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
