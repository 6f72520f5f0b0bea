/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "index-format.h"
#include "lunette/hex.h"
#include "lunette/index-merge.h"
#include "repo-fixture.h"
#include "store-mem.h"

struct fixture {
	struct store_mem *mem;
	struct pages *pages;
	uint64_t serial;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	f->mem = store_mem_new();
	ok(pages_new(&f->pages, err));
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	pages_free(f->pages);
	store_free(&f->mem->store);
	free(f);
	return 0;
}

static void make_id(uint32_t n, struct chunk_id *ret)
{
	uint8_t bytes[4];
	put_le32(bytes, n);
	ok(digest(bytes, sizeof(bytes), ret->bytes, err));
}

static struct index_pack test_pack(uint32_t n)
{
	struct index_pack pack = { .size = 1u << 31 };
	put_le32(pack.id, n + 1);
	return pack;
}

/* @skew: ids begin with that many equal bytes, as nobody's digests do */
static void build(struct fixture *f, uint32_t n, uint32_t n_packs, size_t skew, char name[65])
{
	struct index_entry *entries = calloc(n, sizeof(*entries));
	struct index_pack *packs = calloc(n_packs, sizeof(*packs));
	for (uint32_t i = 0; i < n; i++) {
		make_id(i, &entries[i].id);
		memset(entries[i].id.bytes, 7, skew);
		entries[i].pack = i % n_packs;
		entries[i].offset = 16 + i;
		entries[i].stored = 1 + i % CHUNK;
		entries[i].length = CHUNK;
		entries[i].codec = CODEC_ZSTD;
	}
	for (uint32_t i = 0; i < n_packs; i++)
		packs[i] = test_pack(i);
	ok(index_build(&f->mem->store, NULL, entries, n, packs, n_packs, name, err));
	free(entries);
	free(packs);
}

static struct index *open_index(struct fixture *f, const char *name)
{
	struct index *index;
	ok(index_open(&f->mem->store, NULL, f->pages, ++f->serial, name, &index, err));
	return index;
}

static void check_all(struct index *index, uint32_t n, uint32_t n_packs, size_t skew)
{
	for (uint32_t i = 0; i < 2 * n; i++) {
		struct chunk_id id;
		struct index_entry entry;
		struct index_pack pack, want = test_pack(i % n_packs);
		bool found;
		make_id(i, &id);
		memset(id.bytes, 7, skew);
		ok(index_find(index, &id, &entry, &pack, &found, err));
		assert_int_equal(found, i < n);
		if (!found)
			continue;
		assert_int_equal(entry.offset, 16 + i);
		assert_int_equal(entry.stored, 1 + i % CHUNK);
		assert_int_equal(entry.length, CHUNK);
		assert_int_equal(entry.codec, CODEC_ZSTD);
		assert_int_equal(entry.pack, i % n_packs);
		assert_memory_equal(pack.id, want.id, sizeof(pack.id));
		assert_int_equal(pack.size, want.size);
	}
}

static void every_chunk_is_found_and_no_other(void **state)
{
	static const uint32_t sizes[] = { 1, 2, 84, 85, 86, 170, 171, 1000, 20000 };
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		char name[65];
		uint32_t n_packs = MIN(sizes[i], 103u);
		build(*state, sizes[i], n_packs, 0, name);
		struct index *index = open_index(*state, name);
		check_all(index, sizes[i], n_packs, 0);
		index_close(index);
	}
}

static void ids_that_are_not_spread_evenly_are_found_too(void **state)
{
	for (size_t skew = 1; skew <= 9; skew += 4) {
		char name[65];
		build(*state, 5000, 3, skew, name);
		struct index *index = open_index(*state, name);
		check_all(index, 5000, 3, skew);
		index_close(index);
	}
}

static void the_same_chunks_make_the_same_index(void **state)
{
	struct fixture *f = *state;
	char one[65], two[65];
	build(f, 300, 3, 0, one);
	build(f, 300, 3, 0, two);
	assert_string_equal(one, two);
	assert_int_equal(f->mem->n, 1);
}

/* Looks all of @n chunks up: how many errors, and never a wrong answer. */
static uint32_t count_errors(struct fixture *f, const char *name, uint32_t n, bool first_only)
{
	struct index *index;
	if (index_open(&f->mem->store, NULL, f->pages, ++f->serial, name, &index, NULL) < 0)
		return n;
	uint32_t errors = 0;
	for (uint32_t i = 0; i < n; i++) {
		struct chunk_id id;
		struct index_entry entry;
		struct index_pack pack;
		bool found;
		make_id(i, &id);
		if (index_find(index, &id, &entry, &pack, &found, NULL) < 0) {
			errors++;
			if (first_only)
				break;
			continue;
		}
		assert_true(found);
		assert_int_equal(entry.offset, 16 + i);
		assert_int_equal(pack.size, 1u << 31);
	}
	index_close(index);
	return errors;
}

static void no_byte_can_change_unnoticed(void **state)
{
	struct fixture *f = *state;
	char name[65];
	build(f, 171, 2, 0, name); /* a header, a page of packs, three of entries */
	struct mem_entry *object = &f->mem->entries[0];
	assert_int_equal(object->len, 5 * 4096);
	assert_int_equal(count_errors(f, name, 171, false), 0);
	for (size_t i = 0; i < object->len; i++) {
		object->bytes[i] ^= 0x10;
		uint32_t errors = count_errors(f, name, 171, true);
		if (errors == 0)
			fail_msg("byte %zu changed, and nobody noticed", i);
		object->bytes[i] ^= 0x10;
	}
}

static void an_index_that_is_cut_or_too_long_is_damaged(void **state)
{
	struct fixture *f = *state;
	char name[65], key[STORE_KEY_MAX];
	struct index *index;
	build(f, 171, 2, 0, name);
	struct mem_entry *object = &f->mem->entries[0];
	size_t whole = object->len;
	for (size_t len = 0; len < whole; len += 1024) {
		object->len = len;
		assert_int_equal(
			index_open(&f->mem->store, NULL, f->pages, ++f->serial, name, &index, NULL),
			-EUCLEAN);
	}
	snprintf(key, sizeof(key), "%s", object->key);
	uint8_t *longer = calloc(1, whole + 4096);
	memcpy(longer, object->bytes, whole);
	store_mem_set(f->mem, key, longer, whole + 4096);
	free(longer);
	assert_int_equal(
		index_open(&f->mem->store, NULL, f->pages, ++f->serial, name, &index, NULL),
		-EUCLEAN);
}

static void a_page_from_elsewhere_does_not_pass(void **state)
{
	struct fixture *f = *state;
	char one[65], two[65];
	build(f, 171, 2, 0, one);
	build(f, 171, 3, 0, two);
	uint8_t *p = f->mem->entries[0].bytes, *q = f->mem->entries[1].bytes;
	uint8_t page[4096];
	memcpy(page, p + 2 * 4096, 4096); /* two pages of one index change places */
	memcpy(p + 2 * 4096, p + 3 * 4096, 4096);
	memcpy(p + 3 * 4096, page, 4096);
	assert_int_equal(count_errors(f, one, 171, false), 170);
	memcpy(q + 4 * 4096, p + 4 * 4096, 4096); /* the same page of another index */
	assert_true(count_errors(f, two, 171, false) > 0);
}

static void a_newer_index_is_refused_politely(void **state)
{
	struct fixture *f = *state;
	for (size_t at = 8; at <= 12; at += 4) {
		char name[65], key[STORE_KEY_MAX];
		uint8_t sum[32];
		struct index *index;
		struct error why = { 0 };
		build(f, 5, 1, 0, name);
		uint8_t *bytes = f->mem->entries[0].bytes;
		bytes[at] ^= 2;
		ok(digest(bytes, 4096, sum, err));
		hex_text(sum, 32, name);
		snprintf(key, sizeof(key), "index/%s", name);
		store_mem_set(f->mem, key, bytes, f->mem->entries[0].len);
		assert_int_equal(
			index_open(&f->mem->store, NULL, f->pages, ++f->serial, name, &index, &why),
			-EPROTONOSUPPORT);
		assert_non_null(strstr(why.msg, "newer"));
		bytes[at] ^= 2;
	}
}

/* Also more than the builder keeps in memory. */
static void a_cursor_gives_all_entries_sorted(void **state)
{
	struct fixture *f = *state;
	static const uint32_t sizes[] = { 1, 85, 86, 5440, 5441, 100000 };
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		char name[65];
		uint32_t n_packs = MIN(sizes[i], 7000u), n;
		build(f, sizes[i], n_packs, 0, name);
		struct index *index = open_index(f, name);
		struct index_cursor *cursor;
		ok(index_cursor_new(index, &cursor, err));
		const struct index_pack *packs = index_cursor_packs(cursor, &n);
		assert_int_equal(n, n_packs);
		struct index_entry entry, last = { 0 };
		uint64_t seen = 0;
		for (; index_cursor_next(cursor, &entry, NULL) == 1; seen++) {
			assert_true(memcmp(&last.id, &entry.id, sizeof(last.id)) < 0);
			last = entry;
			struct index_pack want = test_pack((entry.offset - 16) % n_packs),
					  found_pack;
			assert_memory_equal(&packs[entry.pack], &want, sizeof(want));
			struct index_entry found;
			bool is_there;
			ok(index_find(index, &entry.id, &found, &found_pack, &is_there, err));
			assert_true(is_there);
			assert_int_equal(found.offset, entry.offset);
			assert_int_equal(found.pack, entry.pack);
		}
		assert_int_equal(seen, sizes[i]);
		assert_int_equal(seen, index_entries(index));
		index_cursor_free(cursor);
		index_close(index);
	}
}

static void a_cursor_tells_of_damage(void **state)
{
	struct fixture *f = *state;
	char name[65];
	build(f, 171, 2, 0, name);
	for (size_t page = 1; page < 5; page++) {
		f->mem->entries[0].bytes[page * 4096 + 100] ^= 1;
		struct index *index = open_index(f, name);
		struct index_cursor *cursor = NULL;
		struct index_entry entry;
		int rc = index_cursor_new(index, &cursor, NULL);
		while (rc >= 0 && (rc = index_cursor_next(cursor, &entry, NULL)) > 0)
			;
		assert_int_equal(rc, -EUCLEAN);
		index_cursor_free(cursor);
		index_close(index);
		f->mem->entries[0].bytes[page * 4096 + 100] ^= 1;
	}
}

/* Entries of one index by the numbers from which its ids are made: each @step-th. */
static struct index *build_step(struct fixture *f, uint32_t n, uint32_t step, uint32_t pack)
{
	struct index_pack packs[2] = { test_pack(pack), test_pack(99) };
	struct index_entry *entries = calloc(n, sizeof(*entries));
	size_t used = 0;
	char name[65];
	for (uint32_t i = 0; i < n; i += step) {
		make_id(i, &entries[used].id);
		entries[used].pack = i % 2;
		entries[used].offset = 16 + i;
		entries[used].stored = step;
		entries[used++].length = CHUNK;
	}
	ok(index_build(&f->mem->store, NULL, entries, used, packs, 2, name, err));
	free(entries);
	return open_index(f, name);
}

static void a_merge_gives_each_chunk_once_with_all_its_places(void **state)
{
	struct fixture *f = *state;
	static const uint32_t steps[] = { 2, 3, 5 };
	struct index *indexes[3];
	for (uint32_t i = 0; i < 3; i++)
		indexes[i] = build_step(f, 3000, steps[i], i);
	struct index_merge *merge;
	ok(index_merge_new(indexes, 3, &merge, err));
	uint32_t n_packs;
	const struct index_pack *packs = index_merge_packs(merge, &n_packs);
	assert_int_equal(n_packs, 4); /* one of each, and one that all share */
	const struct index_entry *places;
	struct chunk_id last = { 0 };
	size_t n, chunks = 0;
	while (index_merge_next(merge, &places, &n, NULL) == 1) {
		assert_true(memcmp(&last, &places[0].id, sizeof(last)) < 0);
		last = places[0].id;
		uint32_t number = places[0].offset - 16;
		size_t want = 0;
		for (uint32_t i = 0; i < 3; i++) {
			if (number % steps[i] != 0)
				continue;
			struct index_pack pack = test_pack(number % 2 ? 99 : i);
			assert_true(want < n);
			assert_memory_equal(&places[want].id, &last, sizeof(last));
			assert_int_equal(places[want].stored, steps[i]);
			assert_memory_equal(&packs[places[want].pack], &pack, sizeof(pack));
			want++;
		}
		assert_int_equal(n, want);
		chunks++;
	}
	assert_int_equal(chunks, 2200); /* of 3000, those that 2, 3 or 5 divides */
	index_merge_free(merge);
	for (uint32_t i = 0; i < 3; i++)
		index_close(indexes[i]);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(every_chunk_is_found_and_no_other),
		TEST(ids_that_are_not_spread_evenly_are_found_too),
		TEST(the_same_chunks_make_the_same_index),
		TEST(no_byte_can_change_unnoticed),
		TEST(an_index_that_is_cut_or_too_long_is_damaged),
		TEST(a_page_from_elsewhere_does_not_pass),
		TEST(a_cursor_gives_all_entries_sorted),
		TEST(a_cursor_tells_of_damage),
		TEST(a_merge_gives_each_chunk_once_with_all_its_places),
		TEST(a_newer_index_is_refused_politely),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
