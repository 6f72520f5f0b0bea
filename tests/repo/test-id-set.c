/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <string.h>

#include "lunette/id-set.h"

#define N 10000

/* Small numbers and their like: far from evenly spread. */
static struct chunk_id id_of(uint64_t n)
{
	struct chunk_id id = { { 0 } };
	memcpy(id.bytes, &n, sizeof(n));
	id.bytes[31] = 1;
	return id;
}

static void a_set_has_what_was_added_and_no_more(void **state)
{
	(void)state;
	struct id_set *set;
	bool new;
	assert_int_equal(id_set_new(N, &set, NULL), 0);
	for (uint64_t i = 0; i < N; i++) {
		struct chunk_id id = id_of(2 * i);
		assert_false(id_set_has(set, &id));
		assert_int_equal(id_set_add(set, &id, &new, NULL), 0);
		assert_true(new);
		assert_int_equal(id_set_add(set, &id, &new, NULL), 0);
		assert_false(new);
	}
	for (uint64_t i = 0; i < 2 * N; i++) {
		struct chunk_id id = id_of(i);
		assert_int_equal(id_set_has(set, &id), i % 2 == 0);
	}
	id_set_free(set);
}

static void a_full_set_says_so_and_keeps_what_it_has(void **state)
{
	(void)state;
	struct id_set *set;
	bool new;
	struct chunk_id first = id_of(0), last = id_of(N);
	assert_int_equal(id_set_new(N, &set, NULL), 0);
	for (uint64_t i = 0; i < N; i++) {
		struct chunk_id id = id_of(i);
		assert_int_equal(id_set_add(set, &id, &new, NULL), 0);
	}
	assert_int_equal(id_set_add(set, &last, &new, NULL), -ENOSPC);
	assert_int_equal(id_set_add(set, &first, &new, NULL), 0);
	assert_false(new);
	assert_false(id_set_has(set, &last));
	id_set_free(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_set_has_what_was_added_and_no_more),
		cmocka_unit_test(a_full_set_says_so_and_keeps_what_it_has),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
