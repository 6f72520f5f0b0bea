/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Encrypted volumes: what is behind a key, with a kind of encryption made for these tests. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lunette/layout.h"
#include "make-table.h"

#define SIZE   (1u << 20)
#define START  (100u * 512)
#define HEADER 4096u

/* ---- encryption with one byte: a header of 4096 bytes that says which, and the rest xor'ed
 * ------- */

struct toy {
	struct blk blk;
	struct blk *below;
	uint8_t key;
};

static int toy_read(struct blk *blk, void *buf, size_t len, uint64_t off, struct error *err)
{
	struct toy *toy = (struct toy *)blk;
	int rc = blk_read(toy->below, buf, len, HEADER + off, err);
	for (size_t i = 0; rc == 0 && i < len; i++)
		((uint8_t *)buf)[i] ^= toy->key;
	return rc;
}

static void toy_destroy(struct blk *blk)
{
	blk_unref(((struct toy *)blk)->below);
	free(blk);
}

static const struct blk_ops toy_ops = { .name = "toy", .read = toy_read, .destroy = toy_destroy };

static int toy_recognise(struct blk *blk, char id[static 40], struct error *err)
{
	char head[16];
	int rc = blk->size > HEADER ? blk_read(blk, head, sizeof(head), 0, err) : 0;
	if (rc < 0 || blk->size <= HEADER || memcmp(head, "TOYCRYPT", 8) != 0)
		return rc;
	snprintf(id, 40, "toy-%02x", (uint8_t)head[9]);
	return 1;
}

static int toy_open(struct blk *blk, const struct layout_key *key, struct layout_opened *ret,
		    struct error *err)
{
	uint8_t head[16];
	int rc = blk_read(blk, head, sizeof(head), 0, err);
	if (rc < 0)
		return rc;
	if (head[10])
		return error_set(err, -ENOTSUP, "it is of a kind that nobody knows");
	if (key->length != 1 || key->bytes[0] != head[8])
		return error_set(err, -EACCES, "wrong key");
	struct toy *toy = calloc(1, sizeof(*toy));
	if (!toy)
		return error_set(err, -ENOMEM, "toy: %m");
	blk_init(&toy->blk, &toy_ops, blk->size - HEADER, blk->sector);
	toy->below = blk_ref(blk);
	toy->key = key->bytes[0];
	*ret = (struct layout_opened){ .blk = &toy->blk,
				       .n_metadata = 1,
				       .metadata = { { .length = HEADER } } };
	return 0;
}

static const struct layout_opener toy_opener = { "toy", toy_recognise, toy_open };
static const struct layout_opener *const openers[] = { &toy_opener, NULL };

/* ---- who has keys ------------------------------------------------------------------------------
 */

/* Keys to be given, in this order; what was asked is remembered. */
struct ring {
	const char *keys;
	int fails;
	unsigned int asked;
	char last[128];
};

static int find_key(void *ctx, const struct layout_lock *lock, unsigned int attempt,
		    struct layout_key *ret, struct error *err)
{
	struct ring *ring = ctx;
	ring->asked++;
	snprintf(ring->last, sizeof(ring->last), "%s %s %s", lock->volume, lock->kind, lock->id);
	if (ring->fails)
		return error_set(err, -EINTR, "nobody answers");
	if (attempt >= strlen(ring->keys))
		return 0;
	ret->length = 1;
	ret->bytes[0] = (uint8_t)ring->keys[attempt];
	return 1;
}

/* A disk whose one partition is encrypted with 'k', and holds a table with one partition. */
static struct blk_mem *make_disk(void)
{
	struct blk_mem *inner = blk_mem_new(500 * 512 - HEADER, 512);
	make_mbr_entry(inner, 512, 0, 0, 0x83, 64, 100);
	inner->bytes[64 * 512] = 's';
	struct blk_mem *disk = blk_mem_new(SIZE, 512);
	make_mbr_entry(disk, 512, 0, 0, 0x83, START / 512, 500);
	memcpy(disk->bytes + START, "TOYCRYPTk\x5a", 10);
	for (size_t i = 0; i < inner->blk.size; i++)
		disk->bytes[START + HEADER + i] = inner->bytes[i] ^ 'k';
	blk_unref(&inner->blk);
	return disk;
}

static struct layout *layout_of(struct blk_mem *disk, struct ring *ring)
{
	struct layout_input input = { &disk->blk, "x.img" };
	struct layout_options options = { .key = ring ? find_key : NULL,
					  .key_ctx = ring,
					  .openers = openers };
	struct layout *layout;
	assert_int_equal(layout_new(&input, 1, &options, &layout, NULL), 0);
	return layout;
}

static void what_is_behind_the_key_is_looked_at(void **state)
{
	(void)state;
	struct blk_mem *disk = make_disk();
	struct ring ring = { .keys = "k" };
	struct layout *layout = layout_of(disk, &ring);
	assert_int_equal(ring.asked, 1);
	assert_string_equal(ring.last, "disk0-p1 toy toy-5a");
	assert_int_equal(layout->n_volumes, 2);
	struct layout_volume *outer = layout_find(layout, "disk0-p1");
	assert_int_equal(outer->state, LAYOUT_OK);
	assert_int_equal(outer->size, 500 * 512 - HEADER);
	assert_int_equal(outer->blk->size, outer->size);
	assert_true(outer->holds);
	struct layout_volume *inner = layout_find(layout, "disk0-p1-p1");
	assert_non_null(inner);
	char byte;
	assert_int_equal(blk_read(inner->blk, &byte, 1, 0, NULL), 0);
	assert_int_equal(byte, 's');
	char *json;
	assert_int_equal(layout_json(layout, &json, NULL), 0);
	free(json);
	/* The header is no part of what was unlocked, and of no use to anybody if it is lost. */
	bool stored = false;
	for (size_t i = 0; i < layout->disks[0].n_metadata; i++) {
		const struct layout_range *r = &layout->disks[0].metadata[i];
		stored |= r->start <= START && r->start + r->length >= START + HEADER;
	}
	assert_true(stored);
	layout_free(layout);
	blk_unref(&disk->blk);
}

static void keys_are_asked_for_until_one_is_right(void **state)
{
	(void)state;
	struct blk_mem *disk = make_disk();
	struct ring ring = { .keys = "abkc" };
	struct layout *layout = layout_of(disk, &ring);
	assert_int_equal(ring.asked, 3);
	assert_int_equal(layout->n_volumes, 2);
	layout_free(layout);
	blk_unref(&disk->blk);
}

static void a_volume_that_is_not_opened_is_locked_and_says_why(void **state)
{
	(void)state;
	static const struct {
		const char *keys, *reason;
		uint8_t strange;
		unsigned int asked;
	} cases[] = {
		{ NULL, "it is encrypted (toy): there is no key for it", 0, 0 },
		{ "", "it is encrypted (toy): there is no key for it", 0, 1 },
		{ "ab", "it is encrypted (toy): no key that was given for it is the right one", 0,
		  3 },
		{ "abcdefghijABCDEFGHIJ",
		  "it is encrypted (toy): no key that was given for it is the right one", 0, 16 },
		{ "kk", "it is encrypted (toy): it is of a kind that nobody knows", 1, 1 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct blk_mem *disk = make_disk();
		struct ring ring = { .keys = cases[i].keys };
		disk->bytes[START + 10] = cases[i].strange;
		struct layout *layout = layout_of(disk, cases[i].keys ? &ring : NULL);
		assert_int_equal(ring.asked, cases[i].asked);
		assert_int_equal(layout->n_volumes, 1);
		assert_int_equal(layout->volumes[0].state, LAYOUT_LOCKED);
		assert_string_equal(layout->volumes[0].reason, cases[i].reason);
		/* Its bytes are there all the same, as they are. */
		char magic[8];
		assert_int_equal(blk_read(layout->volumes[0].blk, magic, 8, 0, NULL), 0);
		assert_memory_equal(magic, "TOYCRYPT", 8);
		layout_free(layout);
		blk_unref(&disk->blk);
	}
}

static void who_has_keys_can_end_the_search(void **state)
{
	(void)state;
	struct blk_mem *disk = make_disk();
	struct ring ring = { .keys = "k", .fails = 1 };
	struct layout_input input = { &disk->blk, "x.img" };
	struct layout_options options = { find_key, &ring, openers };
	struct layout *layout;
	struct error err = { 0 };
	assert_int_equal(layout_new(&input, 1, &options, &layout, &err), -EINTR);
	assert_string_equal(err.msg, "nobody answers");
	blk_unref(&disk->blk);
}

static void kinds_without_an_opener_are_locked(void **state)
{
	(void)state;
	static const struct {
		const char *magic, *kind;
		size_t len;
	} cases[] = {
		{ "LUKS\xba\xbe\0\1", "(LUKS)", 8 },
		{ "LUKS\xba\xbe\0\2", "(LUKS)", 8 },
		{ "\xeb\x52\x90-FVE-FS-", "(BitLocker)", 11 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct blk_mem *disk = blk_mem_new(SIZE, 512);
		memcpy(disk->bytes, cases[i].magic, cases[i].len);
		struct layout *layout = layout_of(disk, NULL);
		assert_int_equal(layout->n_volumes, 1);
		assert_int_equal(layout->volumes[0].state, LAYOUT_LOCKED);
		assert_non_null(strstr(layout->volumes[0].reason, cases[i].kind));
		assert_int_equal(layout->n_warnings, 0);
		layout_free(layout);
		blk_unref(&disk->blk);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_behind_the_key_is_looked_at),
		cmocka_unit_test(keys_are_asked_for_until_one_is_right),
		cmocka_unit_test(a_volume_that_is_not_opened_is_locked_and_says_why),
		cmocka_unit_test(who_has_keys_can_end_the_search),
		cmocka_unit_test(kinds_without_an_opener_are_locked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
