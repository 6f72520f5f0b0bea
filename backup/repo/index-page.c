/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * index-page - how a page of an index is proved, and hidden in an encrypted repository.
 *
 * A page has 16 bytes for its proof: a checksum, or the tag of AES-256-GCM. In both the seed of the
 * index and the number of the page take part, so that a page that strayed here from elsewhere does
 * not pass. See index-format.h.
 */
#include <errno.h>

#include "index-format.h"
#include "lunette/keys.h"
#include "lunette/random.h"

/* With the seed and the number in the place of the proof. */
static int checksum(uint8_t page[INDEX_PAGE], const uint8_t seed[INDEX_SEED], uint64_t number,
		    uint8_t ret[INDEX_SUM], struct error *err)
{
	uint8_t sum[DIGEST_SIZE];
	memcpy(page, seed, INDEX_SEED_PLAIN);
	put_le64(page + INDEX_SEED_PLAIN, number);
	int rc = digest(page, INDEX_PAGE, sum, err);
	memcpy(ret, sum, INDEX_SUM);
	return rc;
}

/* Sixteen random bytes of an index and a number in it: never used for anything else. */
static void make_nonce(const uint8_t seed[INDEX_SEED], uint64_t number, uint8_t ret[BOX_NONCE])
{
	memcpy(ret, seed, INDEX_SEED);
	put_le64(ret + INDEX_SEED, number);
}

static const struct box_note page_note = { INDEX_MAGIC, 8 };

int index_page_seal(const struct keys *keys, uint8_t page[INDEX_PAGE],
		    const uint8_t seed[INDEX_SEED], uint64_t number, struct error *err)
{
	uint8_t sum[INDEX_SUM], nonce[BOX_NONCE];
	make_nonce(seed, number, nonce);
	int rc = keys ? box_encrypt(&keys->metadata, nonce, &page_note, page + INDEX_SUM,
				    INDEX_PAGE - INDEX_SUM, sum, err)
		      : checksum(page, seed, number, sum, err);
	memcpy(page, sum, INDEX_SUM);
	return rc;
}

int index_page_open(const struct keys *keys, uint8_t page[INDEX_PAGE],
		    const uint8_t seed[INDEX_SEED], uint64_t number, struct error *err)
{
	uint8_t stands[INDEX_SUM], sum[INDEX_SUM], nonce[BOX_NONCE];
	memcpy(stands, page, INDEX_SUM);
	make_nonce(seed, number, nonce);
	if (keys)
		return box_decrypt(&keys->metadata, nonce, &page_note, page + INDEX_SUM,
				   INDEX_PAGE - INDEX_SUM, stands, err);
	int rc = checksum(page, seed, number, sum, err);
	if (rc == 0 && memcmp(stands, sum, INDEX_SUM) != 0)
		rc = error_set(err, -EBADMSG, "the checksum is wrong");
	return rc;
}

int index_seed(const struct keys *keys, const uint8_t *pack_pages, size_t len,
	       uint8_t ret[INDEX_SEED], struct error *err)
{
	if (keys)
		return random_bytes(ret, INDEX_SEED, err);
	uint8_t sum[DIGEST_SIZE];
	int rc = digest(pack_pages, len, sum, err);
	memset(ret, 0, INDEX_SEED);
	memcpy(ret, sum, INDEX_SEED_PLAIN);
	return rc;
}

/* ---- the header: what tells its kind is clear, and takes part in the proof ---- */

#define CLEAR   16 /* bytes: magic, version, features */
#define SEED_AT (INDEX_PAGE - INDEX_SEED - BOX_TAG)

int index_header_seal(const struct keys *keys, uint8_t page[INDEX_PAGE],
		      const uint8_t seed[INDEX_SEED], struct error *err)
{
	if (!keys) {
		memcpy(page + 32, seed, INDEX_SEED_PLAIN);
		return 0;
	}
	uint8_t nonce[BOX_NONCE];
	make_nonce(seed, 0, nonce);
	memcpy(page + SEED_AT, seed, INDEX_SEED);
	return box_encrypt(&keys->metadata, nonce, &(struct box_note){ page, CLEAR }, page + CLEAR,
			   SEED_AT - CLEAR, page + SEED_AT + INDEX_SEED, err);
}

int index_header_open(const struct keys *keys, uint8_t page[INDEX_PAGE],
		      uint8_t ret_seed[INDEX_SEED], struct error *err)
{
	memset(ret_seed, 0, INDEX_SEED);
	if (!keys) {
		memcpy(ret_seed, page + 32, INDEX_SEED_PLAIN);
		return 0;
	}
	uint8_t nonce[BOX_NONCE];
	memcpy(ret_seed, page + SEED_AT, INDEX_SEED);
	make_nonce(ret_seed, 0, nonce);
	int rc = box_decrypt(&keys->metadata, nonce, &(struct box_note){ page, CLEAR },
			     page + CLEAR, SEED_AT - CLEAR, page + SEED_AT + INDEX_SEED, err);
	memset(page + SEED_AT, 0, INDEX_SEED + BOX_TAG);
	return rc;
}
