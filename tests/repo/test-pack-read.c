/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "lunette/bytes.h"
#include "lunette/digest.h"
#include "lunette/pack-read.h"
#include "repo-fixture.h"
#include "store-mem.h"

#define N 5

/* A repository in memory with one pack of N chunks; its bytes are @ret_entry's to damage. */
struct fixture {
	struct repo *repo;
	struct mem_entry *pack;
	uint8_t id[32];
};

static void put_pack(struct store_mem *mem, uint8_t ret_id[32])
{
	static uint8_t buf[CHUNK], room[CHUNK];
	struct sealer *sealer;
	struct pack *pack;
	struct store_draft *draft;
	struct index_pack done;
	char key[STORE_KEY_MAX];
	ok(sealer_new(NULL, 1, &sealer, err));
	ok(pack_begin(&mem->store, NULL, &pack, err));
	for (uint64_t i = 0; i < N; i++) {
		struct sealed sealed = { .buf = room };
		struct chunk_id id;
		uint32_t offset;
		fixture_chunk(i, 1, buf);
		ok(digest(buf, CHUNK, id.bytes, err));
		ok(sealer_seal(sealer, &id, buf, CHUNK, &sealed, err));
		ok(pack_add(pack, &id, &sealed, CHUNK, i == 3, &offset, err));
	}
	ok(pack_finish(pack, NULL, &draft, &done, err));
	memcpy(ret_id, done.id, 32);
	pack_key(done.id, key);
	ok(store_put(&mem->store, key, &draft->source, STORE_TWIN, err));
	store_draft_free(draft);
	sealer_free(sealer);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct store_mem *mem = store_mem_new();
	ok(config_create(&mem->store, FIXTURE_SETTINGS, err));
	put_pack(mem, f->id);
	f->pack = &mem->entries[1];
	ok(repo_open_store(&mem->store, "mem", NULL, &f->repo, err));
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	repo_close(f->repo);
	free(f);
	return 0;
}

static uint8_t *trailer(const struct fixture *f)
{
	return f->pack->bytes + f->pack->len - 32;
}

/* Gives the pack the name that its table has now: what a liar does. */
static void rename_pack(struct fixture *f)
{
	const uint8_t *table = f->pack->bytes + get_le32(trailer(f) + 20);
	ok(digest(table, (size_t)(f->pack->bytes + f->pack->len - table), f->id, err));
	pack_key(f->id, f->pack->key);
}

static void a_table_says_what_is_in_the_pack(void **state)
{
	struct fixture *f = *state;
	static uint8_t buf[CHUNK], want[CHUNK];
	CLEANUP(free_cleanup) struct pack_table *table = NULL;
	ok(pack_table_read(f->repo, f->id, 0, &table, err));
	assert_int_equal(table->n, N);
	assert_int_equal(table->size, f->pack->len);
	for (uint32_t i = 0; i < N; i++) {
		assert_int_equal(table->entries[i].length, CHUNK);
		assert_int_equal(table->entries[i].kind, i == 3);
		ok(pack_chunk_read(f->repo, f->id, &table->entries[i], buf, err));
		fixture_chunk(i, 1, want);
		assert_memory_equal(buf, want, CHUNK);
	}
}

static void a_damaged_chunk_does_not_come_out(void **state)
{
	struct fixture *f = *state;
	static uint8_t buf[CHUNK];
	CLEANUP(free_cleanup) struct pack_table *table = NULL;
	ok(pack_table_read(f->repo, f->id, 0, &table, err));
	f->pack->bytes[table->entries[2].offset + table->entries[2].stored / 2] ^= 1;
	for (uint32_t i = 0; i < N; i++)
		assert_int_equal(pack_chunk_read(f->repo, f->id, &table->entries[i], buf, NULL),
				 i == 2 ? -EUCLEAN : 0);
}

static void every_flipped_bit_outside_the_chunks_is_found(void **state)
{
	struct fixture *f = *state;
	size_t end = get_le32(trailer(f) + 20);
	for (size_t at = 0; at < f->pack->len; at = at == 15 ? end : at + 1) {
		struct pack_table *table = NULL;
		struct error why = { 0 };
		f->pack->bytes[at] ^= (uint8_t)(1 << at % 8);
		int rc = pack_table_read(f->repo, f->id, 0, &table, &why);
		f->pack->bytes[at] ^= (uint8_t)(1 << at % 8);
		assert_null(table);
		assert_int_equal(rc, -EUCLEAN);
		assert_non_null(strstr(why.msg, f->pack->key));
	}
}

static void a_pack_that_was_cut_or_emptied_is_damaged(void **state)
{
	struct fixture *f = *state;
	struct pack_table *table;
	size_t len = f->pack->len;
	for (size_t cut = 0; cut < len; cut += cut < 100 ? 1 : 997) {
		f->pack->len = cut;
		assert_int_equal(pack_table_read(f->repo, f->id, 0, &table, NULL), -EUCLEAN);
	}
}

static void a_pack_that_is_not_there_is_said(void **state)
{
	struct fixture *f = *state;
	struct pack_table *table;
	f->id[0] ^= 1;
	assert_int_equal(pack_table_read(f->repo, f->id, 0, &table, NULL), -ENOENT);
	assert_int_equal(pack_table_read(f->repo, f->id, f->pack->len, &table, NULL), -ENOENT);
}

static void the_size_that_a_listing_told_is_believed_and_proved(void **state)
{
	struct fixture *f = *state;
	struct pack_table *table = NULL;
	size_t len = f->pack->len;
	ok(pack_table_read(f->repo, f->id, len, &table, err));
	assert_int_equal(table->size, len);
	free(table);
	for (size_t wrong = len - 40; wrong < len + 40; wrong++)
		if (wrong != len)
			assert_true(pack_table_read(f->repo, f->id, wrong, &table, NULL) < 0);
}

/* Numbers of the last entry of a table, whose name is made to fit: where, and what. */
static void a_table_that_lies_under_a_good_name_is_damaged(void **state)
{
	static const struct {
		size_t at;
		uint32_t n;
	} lies[] = {
		{ 32, 0 },          /* lies in the header */
		{ 32, UINT32_MAX }, /* behind the end */
		{ 36, UINT32_MAX }, /* longer than the pack */
		{ 36, 1 },          /* ends before the table begins */
		{ 40, 0 },          /* empty */
		{ 40, UINT32_MAX }, /* longer than any chunk */
		{ 40, 1 },          /* shorter than it is stored */
	};
	struct fixture *f = *state;
	struct pack_table *table;
	uint8_t *entry = trailer(f) - 48;
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		uint32_t was = get_le32(entry + lies[i].at);
		put_le32(entry + lies[i].at, lies[i].n);
		rename_pack(f);
		assert_int_equal(pack_table_read(f->repo, f->id, 0, &table, NULL), -EUCLEAN);
		put_le32(entry + lies[i].at, was);
	}
	rename_pack(f);
	ok(pack_table_read(f->repo, f->id, 0, &table, err));
	free(table);
}

static void a_newer_pack_is_called_newer(void **state)
{
	struct fixture *f = *state;
	struct pack_table *table;
	put_le32(trailer(f) + 12, 2);
	rename_pack(f);
	assert_int_equal(pack_table_read(f->repo, f->id, 0, &table, NULL), -EPROTONOSUPPORT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_table_says_what_is_in_the_pack),
		TEST(a_damaged_chunk_does_not_come_out),
		TEST(every_flipped_bit_outside_the_chunks_is_found),
		TEST(a_pack_that_was_cut_or_emptied_is_damaged),
		TEST(a_pack_that_is_not_there_is_said),
		TEST(the_size_that_a_listing_told_is_believed_and_proved),
		TEST(a_table_that_lies_under_a_good_name_is_damaged),
		TEST(a_newer_pack_is_called_newer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
