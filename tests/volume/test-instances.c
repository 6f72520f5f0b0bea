/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <string.h>

#include "instances.h"

/* Members are written as letter and generation, the instances wanted as digits. */
static void check(const char *members, const char *wanted, enum instances_verdict verdict)
{
	struct instance_member m[16];
	char ids[16][2];
	size_t n = strlen(members) / 2;
	for (size_t i = 0; i < n; i++) {
		ids[i][0] = members[2 * i];
		ids[i][1] = '\0';
		m[i] = (struct instance_member){ .id = ids[i],
						 .generation = (uint64_t)members[2 * i + 1],
						 .instance = 99 };
	}
	unsigned int count;
	assert_int_equal(instances_assign(m, n, &count), verdict);
	unsigned int most = 0;
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(m[i].instance, wanted[i] - '0');
		most = m[i].instance > most ? m[i].instance : most;
	}
	assert_int_equal(count, most + 1);
}

static void members_that_differ_are_one_group(void **state)
{
	(void)state;
	check("a1", "0", INSTANCES_ONE);
	check("a1b1c1", "000", INSTANCES_ONE);
	check("a1b2c1", "000", INSTANCES_ONE); /* b is stale, which is for others to see */
}

static void generations_tell_clones_apart_in_any_order(void **state)
{
	(void)state;
	check("a1b1a2b2", "0011", INSTANCES_BY_DATA);
	check("a1a2b2b1", "0110", INSTANCES_BY_DATA);
	check("a1b2b1", "010", INSTANCES_BY_DATA); /* a2 is missing */
	check("a1b1a2b2a3b3", "001122", INSTANCES_BY_DATA);
}

static void equal_clones_go_by_the_order_of_the_disks(void **state)
{
	(void)state;
	check("a1b1a1b1", "0011", INSTANCES_BY_ORDER);
	check("a1b1c1a1b1c1", "000111", INSTANCES_BY_ORDER);
	check("a1a1b1b1", "0101", INSTANCES_BY_ORDER); /* disk by disk */
	check("a1b1b1", "001", INSTANCES_BY_ORDER);
	check("a1a1", "01", INSTANCES_BY_ORDER);
}

static void clones_with_a_stale_member_each_stay_together(void **state)
{
	(void)state;
	check("a2b1a2b1", "0011", INSTANCES_BY_ORDER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_that_differ_are_one_group),
		cmocka_unit_test(generations_tell_clones_apart_in_any_order),
		cmocka_unit_test(equal_clones_go_by_the_order_of_the_disks),
		cmocka_unit_test(clones_with_a_stale_member_each_stay_together),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
