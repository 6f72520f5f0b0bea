/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

/* What every store does with an object: the promises of store.h, on each row of store-rows.h. */
#include "store-rows.h"

static void what_was_put_is_read(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	char buf[3];
	ok(store_put_new(store, "config", "first", 5, err));
	ok(store_put_same(store, "packs/ab/abc", "hello", 5, err));
	holds(store, "config", "first");
	holds(store, "packs/ab/abc", "hello");
	ok(store_read(store, "packs/ab/abc", buf, 3, 2, err));
	assert_memory_equal(buf, "llo", 3);
}

static void an_empty_object_is_there(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct store_stat st;
	ok(store_put_same(store, "pins/abc", "", 0, err));
	ok(store_put_same(store, "pins/abc", "", 0, err));
	ok(store_stat(store, "pins/abc", &st, err));
	assert_int_equal(st.size, 0);
	assert_int_equal(count(store, "pins"), 1);
	holds(store, "pins/abc", "");
}

static void what_is_not_there_is_enoent_and_nothing_else_is(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct store_stat st;
	char *buf, byte;
	size_t len;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(store_stat(store, "packs/ab/abc", &st, NULL), -ENOENT);
		assert_int_equal(store_read(store, "packs/ab/abc", &byte, 1, 0, NULL), -ENOENT);
		assert_int_equal(store_get(store, "packs/ab/abc", 9, &buf, &len, NULL), -ENOENT);
		assert_int_equal(count(store, "packs"), 0);
		/* The same with a neighbour. */
		ok(store_put_same(store, "points/abc", "hello", 5, err));
	}
}

static void a_range_past_the_end_is_damage(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	char buf[9];
	ok(store_put_same(store, "packs/ab/abc", "hello", 5, err));
	assert_int_equal(store_read(store, "packs/ab/abc", buf, 3, 3, NULL), -EUCLEAN);
	assert_int_equal(store_read(store, "packs/ab/abc", buf, 1, 5, NULL), -EUCLEAN);
	assert_int_equal(store_read(store, "packs/ab/abc", buf, 9, UINT64_MAX - 4, NULL), -EUCLEAN);
	ok(store_read(store, "packs/ab/abc", buf, 5, 0, err));
}

static void keys_that_lead_elsewhere_are_refused(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	static const char *const keys[] = { "",
					    "/config",
					    "..",
					    "packs/../x",
					    "packs//x",
					    "packs/",
					    "0123456789012345678901234567890123456789012345678"
					    "0123456789012345678901234567890" };
	struct store_stat st;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		assert_int_equal(store_put_same(store, keys[i], "x", 1, NULL), -EINVAL);
		assert_int_equal(store_stat(store, keys[i], &st, NULL), -EINVAL);
		assert_int_equal(store_remove(store, keys[i], NULL), -EINVAL);
	}
	assert_int_equal(count(store, ""), 0);
}

static void nothing_is_overwritten(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	ok(store_put_new(store, "index/abc", "first", 5, err));
	assert_int_equal(store_put_new(store, "index/abc", "other", 5, NULL), -EEXIST);
	assert_int_equal(store_put_new(store, "index/abc", "first", 5, NULL), -EEXIST);
	ok(store_put_same(store, "index/abc", "first", 5, err));
	holds(store, "index/abc", "first");
}

static void a_damaged_twin_is_replaced(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	static const char *const damaged[] = { "", "firs", "fArst", "first!" };
	for (size_t i = 0; i < ARRAY_SIZE(damaged); i++) {
		char key[STORE_KEY_MAX];
		snprintf(key, sizeof(key), "index/%zu", i);
		ok(store_put_new(store, key, damaged[i], strlen(damaged[i]), err));
		char byte = 0, is[5];
		holds(store, key, damaged[i]);
		ok(store_read(store, key, &byte, i > 0, 0, err)); /* it may be kept open */
		ok(store_put_same(store, key, "first", 5, err));
		ok(store_read(store, key, is, 5, 0, err));
		assert_memory_equal(is, "first", 5);
		holds(store, key, "first");
	}
}

static void what_is_moved_is_there_under_its_new_name_alone(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	char is[5];
	ok(store_put_same(store, "points/abc", "hello", 5, err));
	ok(store_read(store, "points/abc", is, 5, 0, err)); /* it may be kept open */
	ok(store_move(store, "points/abc", "forgotten/abc", 5, err));
	assert_int_equal(store_read(store, "points/abc", is, 5, 0, NULL), -ENOENT);
	assert_int_equal(count(store, "points"), 0);
	assert_int_equal(count(store, ""), 1);
	holds(store, "forgotten/abc", "hello");
	/* Once more, and back, with a twin where it goes. */
	assert_int_equal(store_move(store, "points/abc", "forgotten/abc", 5, NULL), -ENOENT);
	ok(store_put_same(store, "points/abc", "hello", 5, err));
	ok(store_move(store, "forgotten/abc", "points/abc", 5, err));
	holds(store, "points/abc", "hello");
	assert_int_equal(count(store, ""), 1);
	assert_int_equal(store_move(store, "points/abc", "../abc", 5, NULL), -EINVAL);
}

static void a_draft_is_there_when_it_is_put(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct store_draft *draft;
	char buf[2];
	ok(store_draft_new(store, &draft, err));
	ok(store_draft_append(draft, "hel", 3, err));
	ok(store_draft_append(draft, "", 0, err));
	ok(store_draft_append(draft, "lo", 2, err));
	assert_int_equal(draft->source.size, 5);
	ok(store_source_read(&draft->source, buf, 2, 2, err)); /* as often as one likes */
	assert_memory_equal(buf, "ll", 2);
	assert_int_equal(count(store, "packs"), 0);
	ok(store_put(store, "packs/ab/abc", &draft->source, STORE_TWIN, err));
	ok(store_put(store, "packs/ab/abc", &draft->source, STORE_TWIN, err));
	ok(store_put(store, "packs/cd/cde", &draft->source, STORE_REFUSE, err));
	assert_int_equal(store_put(store, "packs/cd/cde", &draft->source, STORE_REFUSE, NULL),
			 -EEXIST);
	store_draft_free(draft);
	holds(store, "packs/ab/abc", "hello");
	holds(store, "packs/cd/cde", "hello");
	assert_int_equal(count(store, ""), 2);
}

static void a_draft_of_another_store_is_put_too(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	char *dir = fixture_dir();
	struct store *other = open_dir(dir);
	struct store_draft *draft;
	ok(store_draft_new(other, &draft, err));
	ok(store_draft_append(draft, "hello", 5, err));
	ok(store_put(store, "packs/ab/abc", &draft->source, STORE_TWIN, err));
	ok(store_put(other, "packs/ab/abc", &draft->source, STORE_TWIN, err));
	store_draft_free(draft);
	store_free(other);
	fixture_dir_free(dir);
	holds(store, "packs/ab/abc", "hello");
}

static void a_draft_that_was_given_up_never_was(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct store_draft *draft;
	ok(store_draft_new(store, &draft, err));
	ok(store_draft_append(draft, "hello", 5, err));
	store_draft_free(draft);
	store_draft_free(NULL);
	assert_int_equal(count(store, ""), 0);
}

static void a_source_that_fails_leaves_nothing(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct made made = make(1, 3 << 20);
	struct error why = { 0 };
	made.fail_after = 2 << 20;
	assert_int_equal(store_put(store, "packs/ab/abc", &made.source, STORE_TWIN, &why), -EIO);
	assert_int_equal(why.code, -EIO);
	assert_int_equal(count(store, ""), 0);
	made.fail_after = UINT64_MAX; /* it can be put again */
	ok(store_put(store, "packs/ab/abc", &made.source, STORE_TWIN, err));
	has_range(store, "packs/ab/abc", 1, 3 << 20, 0);
}

struct sum {
	unsigned int n;
	uint64_t len, stop_at;
};

static int add_up(void *ctx, const void *buf, size_t len, struct error *err)
{
	struct sum *sum = ctx;
	assert_true(len > 0);
	for (size_t i = 0; i < len; i++)
		if (((const uint8_t *)buf)[i] != byte_at(sum->n, sum->len + i))
			return error_set(err, -EILSEQ, "a wrong byte");
	sum->len += len;
	return sum->len >= sum->stop_at ? error_set(err, -ECANCELED, "enough") : 0;
}

static void large_objects_are_whole(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	enum { SIZE = (5 << 20) + 4321 };
	const struct made made = make(7, SIZE);
	struct store_stat st;
	ok(store_put(store, "packs/ff/large", &made.source, STORE_TWIN, err));
	ok(store_stat(store, "packs/ff/large", &st, err));
	assert_int_equal(st.size, SIZE);
	has_range(store, "packs/ff/large", 7, SIZE, 0);
	for (uint64_t off = 0; off < SIZE; off += 65537)
		has_range(store, "packs/ff/large", 7, (size_t)MIN(SIZE - off, (uint64_t)20000),
			  off);
	has_range(store, "packs/ff/large", 7, 1, SIZE - 1);
	struct sum sum = { .n = 7, .stop_at = UINT64_MAX };
	ok(store_get_to(store, "packs/ff/large", add_up, &sum, err));
	assert_int_equal(sum.len, SIZE);
}

static void who_takes_an_object_may_end_it(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	const struct made made = make(7, 3 << 20);
	struct error why = { 0 };
	struct sum sum = { .n = 7, .stop_at = 1 };
	ok(store_put(store, "packs/ff/large", &made.source, STORE_TWIN, err));
	assert_int_equal(store_get_to(store, "packs/ff/large", add_up, &sum, &why), -ECANCELED);
	assert_string_equal(why.msg, "enough");
}

static void an_object_larger_than_it_can_be_is_not_loaded(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	char *buf;
	size_t len;
	ok(store_put_new(store, "config", "first", 5, err));
	assert_int_equal(store_get(store, "config", 4, &buf, &len, NULL), -EUCLEAN);
	ok(store_get(store, "config", 5, &buf, &len, err));
	free(buf);
}

int main(void)
{
	static const struct store_case cases[] = {
		STORE_CASE(what_was_put_is_read),
		STORE_CASE(an_empty_object_is_there),
		STORE_CASE(what_is_not_there_is_enoent_and_nothing_else_is),
		STORE_CASE(a_range_past_the_end_is_damage),
		STORE_CASE(keys_that_lead_elsewhere_are_refused),
		STORE_CASE(nothing_is_overwritten),
		STORE_CASE(a_damaged_twin_is_replaced),
		STORE_CASE(what_is_moved_is_there_under_its_new_name_alone),
		STORE_CASE(a_draft_is_there_when_it_is_put),
		STORE_CASE(a_draft_of_another_store_is_put_too),
		STORE_CASE(a_draft_that_was_given_up_never_was),
		STORE_CASE(a_source_that_fails_leaves_nothing),
		STORE_CASE(large_objects_are_whole),
		STORE_CASE(who_takes_an_object_may_end_it),
		STORE_CASE(an_object_larger_than_it_can_be_is_not_loaded),
	};
	return store_rows_run(cases, ARRAY_SIZE(cases));
}
