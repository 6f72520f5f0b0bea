/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "blk-mem.h"
#include "lunette/blk-cache.h"

#define BLOCK 65536u
#define SIZE  (10 * BLOCK + 100)

static struct blk_mem *pattern(void)
{
	struct blk_mem *mem = blk_mem_new(SIZE, 512);
	for (size_t i = 0; i < SIZE; i++)
		mem->bytes[i] = (uint8_t)(i * 7 + i / 251);
	return mem;
}

static struct blk *cache_over(struct blk_mem *mem, size_t memory)
{
	struct blk *cache;
	assert_int_equal(blk_cache_new(&mem->blk, memory, &cache, NULL), 0);
	blk_unref(&mem->blk);
	return cache;
}

static void what_is_read_is_what_lies_below(void **state)
{
	(void)state;
	struct blk_mem *mem = pattern();
	struct blk *cache = cache_over(mem, 3 * BLOCK);
	static const struct {
		size_t len;
		uint64_t off;
	} cases[] = { { 1, 0 },
		      { 512, 3 },
		      { 1024, BLOCK - 1 },
		      { 3 * BLOCK, BLOCK / 2 },
		      { SIZE, 0 },
		      { 100, SIZE - 100 },
		      { 101, SIZE - 101 },
		      { BLOCK, BLOCK },
		      { 5, 7 * BLOCK + 9 },
		      { 5, 9 } };
	uint8_t buf[SIZE];
	for (int round = 0; round < 3; round++)
		for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
			assert_int_equal(blk_read(cache, buf, cases[i].len, cases[i].off, NULL), 0);
			assert_memory_equal(buf, mem->bytes + cases[i].off, cases[i].len);
		}
	blk_unref(cache);
}

static void a_block_is_fetched_once_while_there_is_room(void **state)
{
	(void)state;
	struct blk_mem *mem = pattern();
	struct blk *cache = cache_over(mem, 4 * BLOCK);
	uint8_t byte;
	for (uint64_t off = 0; off < 4 * BLOCK; off += 1000)
		assert_int_equal(blk_read(cache, &byte, 1, off, NULL), 0);
	assert_int_equal(mem->reads, 4);
	blk_unref(cache);
}

static void the_block_used_longest_ago_goes_first(void **state)
{
	(void)state;
	struct blk_mem *mem = pattern();
	struct blk *cache = cache_over(mem, 2 * BLOCK);
	static const struct {
		uint64_t block;
		int reads;
	} steps[] = {
		{ 0, 1 }, { 1, 2 }, { 0, 2 }, { 2, 3 }, { 0, 3 }, { 1, 4 }, { 2, 5 }, { 1, 5 }
	};
	uint8_t byte;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		assert_int_equal(blk_read(cache, &byte, 1, steps[i].block * BLOCK, NULL), 0);
		assert_int_equal(mem->reads, steps[i].reads);
	}
	blk_unref(cache);
}

static void a_bad_sector_spoils_no_other(void **state)
{
	(void)state;
	struct blk_mem *mem = pattern();
	struct blk *cache = cache_over(mem, 2 * BLOCK);
	struct error err = { 0 };
	uint8_t buf[2 * BLOCK];
	mem->bad_from = BLOCK + 1024;
	mem->bad_to = mem->bad_from + 512;
	for (uint64_t off = 0; off < 3 * BLOCK; off += 512) {
		bool bad = off == mem->bad_from;
		err.code = 0;
		assert_int_equal(blk_read(cache, buf, 512, off, &err), bad ? -EIO : 0);
		assert_int_equal(err.code, bad ? -EIO : 0);
		if (!bad)
			assert_memory_equal(buf, mem->bytes + off, 512);
	}
	/* Up to it, from behind it on, and over it. */
	assert_int_equal(blk_read(cache, buf, BLOCK, 1024, NULL), 0);
	assert_memory_equal(buf, mem->bytes + 1024, BLOCK);
	assert_int_equal(blk_read(cache, buf, BLOCK, BLOCK + 1536, NULL), 0);
	assert_memory_equal(buf, mem->bytes + BLOCK + 1536, BLOCK);
	assert_int_equal(blk_read(cache, buf, 1025, BLOCK, NULL), -EIO);
	/* That all of the block fails is tried once, and those beside it are kept. */
	int before = mem->reads;
	assert_int_equal(blk_read(cache, buf, 512, BLOCK, NULL), 0);
	assert_int_equal(blk_read(cache, buf, 512, 2 * BLOCK, NULL), 0);
	assert_int_equal(mem->reads, before + 1);
	blk_unref(cache);
}

static void a_read_that_failed_once_can_succeed(void **state)
{
	(void)state;
	struct blk_mem *mem = pattern();
	struct blk *cache = cache_over(mem, 2 * BLOCK);
	struct error err = { 0 };
	uint8_t byte;
	for (uint64_t i = 0; i < 6; i++) {
		mem->fail_at = mem->reads + 1;
		assert_int_equal(blk_read(cache, &byte, 1, i * BLOCK, &err), 0);
		assert_int_equal(byte, mem->bytes[i * BLOCK]);
		mem->fail_at = mem->reads + 1;
		assert_int_equal(blk_read(cache, &byte, 1, i * BLOCK, &err), -EIO);
		assert_int_equal(blk_read(cache, &byte, 1, i * BLOCK, NULL), 0);
		assert_int_equal(byte, mem->bytes[i * BLOCK]);
	}
	/* Whoever goes round comes to a block that is whole by then. */
	for (int round = 0; round < 2; round++)
		for (uint64_t i = 0; i < 2; i++)
			assert_int_equal(blk_read(cache, &byte, 1, i * BLOCK, NULL), 0);
	int before = mem->reads;
	assert_int_equal(blk_read(cache, &byte, 1, 0, NULL), 0);
	assert_int_equal(mem->reads, before);
	blk_unref(cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_read_is_what_lies_below),
		cmocka_unit_test(a_block_is_fetched_once_while_there_is_room),
		cmocka_unit_test(the_block_used_longest_ago_goes_first),
		cmocka_unit_test(a_bad_sector_spoils_no_other),
		cmocka_unit_test(a_read_that_failed_once_can_succeed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
