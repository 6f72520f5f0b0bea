/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

/* Which packs are there, and how often the store is asked. */
#include "lunette/stock.h"
#include "lunette/store-layers.h"
#include "repo-fixture.h"
#include "store-mem.h"

struct fixture {
	struct store_faults *faults;
	struct stock *stock;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	f->faults = store_faults_new(&store_mem_new()->store);
	ok(stock_new(&f->faults->store, &f->stock, err));
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	stock_free(f->stock);
	store_free(&f->faults->store);
	free(f);
	return 0;
}

/* Pack number @n of a folder; @size bytes of it are put unless that is 0. */
static struct index_pack pack(struct fixture *f, uint8_t folder, uint8_t n, uint32_t size)
{
	static const char bytes[64];
	struct index_pack made = { .id = { folder, n }, .size = size };
	char key[STORE_KEY_MAX];
	pack_key(made.id, key);
	if (size > 0)
		ok(store_put_same(f->faults->below, key, bytes, size, err));
	return made;
}

static bool has(struct fixture *f, const struct index_pack *made)
{
	bool ret = false;
	ok(stock_has(f->stock, made, &ret, err));
	return ret;
}

static int reached(struct fixture *f)
{
	return atomic_exchange(&f->faults->count, 0);
}

static void a_folder_is_listed_once_and_no_pack_is_asked_for(void **state)
{
	struct fixture *f = *state;
	struct index_pack packs[20];
	for (uint8_t i = 0; i < ARRAY_SIZE(packs); i++)
		packs[i] = pack(f, i % 2, (uint8_t)(200 - i), 1u + i);
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < ARRAY_SIZE(packs); i++)
			assert_true(has(f, &packs[i]));
	assert_int_equal(reached(f), 2);
}

static void one_of_another_size_is_not_the_one_that_is_meant(void **state)
{
	struct fixture *f = *state;
	struct index_pack made = pack(f, 7, 1, 10);
	made.size = 11;
	assert_false(has(f, &made));
}

static void one_that_came_since_is_found(void **state)
{
	struct fixture *f = *state;
	struct index_pack first = pack(f, 7, 5, 10), later = { .id = { 7, 3 }, .size = 12 };
	assert_true(has(f, &first));
	assert_false(has(f, &later));
	pack(f, 7, 3, 12);
	reached(f);
	assert_true(has(f, &later));
	assert_true(has(f, &later)); /* and is known then */
	assert_true(has(f, &first));
	assert_int_equal(reached(f), 1);
}

static void an_error_is_not_an_answer(void **state)
{
	struct fixture *f = *state;
	struct index_pack made = pack(f, 7, 1, 10), missing = { .id = { 7, 2 }, .size = 1 };
	bool there;
	f->faults->code = -EACCES;
	f->faults->once = true;
	f->faults->fail_at = 1; /* the listing */
	assert_int_equal(stock_has(f->stock, &made, &there, NULL), -EACCES);
	assert_true(has(f, &made));
	reached(f);
	assert_int_equal(stock_has(f->stock, &missing, &there, NULL), -EACCES); /* the question */
	assert_false(has(f, &missing));
}

static void what_was_removed_is_gone_when_all_is_counted_anew(void **state)
{
	struct fixture *f = *state;
	struct index_pack made = pack(f, 7, 1, 10);
	char key[STORE_KEY_MAX];
	assert_true(has(f, &made));
	pack_key(made.id, key);
	ok(store_remove(f->faults->below, key, err));
	stock_renew(f->stock);
	assert_false(has(f, &made));
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_folder_is_listed_once_and_no_pack_is_asked_for),
		TEST(one_of_another_size_is_not_the_one_that_is_meant),
		TEST(one_that_came_since_is_found),
		TEST(an_error_is_not_an_answer),
		TEST(what_was_removed_is_gone_when_all_is_counted_anew),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
