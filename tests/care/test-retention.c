/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which restore points a policy keeps, over made-up calendars. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lunette/util.h"
#include "lunette/retention.h"

#define POINTS_MAX 2000

static struct retention_point points[POINTS_MAX];

static time_t at(const char *text)
{
	struct tm tm = { 0 };
	const char *end = strptime(text, "%Y-%m-%d %H:%M", &tm);
	assert_true(end && *end == '\0');
	return timegm(&tm);
}

static void zone(const char *tz)
{
	setenv("TZ", tz, 1);
	tzset();
}

static int utc(void **state)
{
	(void)state;
	zone("UTC");
	memset(points, 0, sizeof(points));
	return 0;
}

static struct retention_policy policy(enum retention_rule rule, const char *value)
{
	struct retention_policy ret = { 0 };
	struct error err;
	assert_int_equal(retention_parse(&ret, rule, value, &err), 0);
	return ret;
}

/* @n_held: disks and volumes */
static size_t kept_of(const struct retention_policy *policy, size_t n, size_t n_held)
{
	size_t count = 0;
	struct error err;
	assert_int_equal(retention_judge(policy, points, n, n_held, &err), 0);
	for (size_t i = 0; i < n; i++)
		count += points[i].reasons != 0;
	return count;
}

static size_t kept(const struct retention_policy *policy, size_t n)
{
	return kept_of(policy, n, 1);
}

/* One each @minutes, up to the end of 2026. */
static void every(unsigned int minutes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		points[i].time = at("2026-12-31 23:30") - (time_t)((n - 1 - i) * minutes * 60);
}

static void last_keeps_the_newest(void **state)
{
	(void)state;
	every(60, 10);
	struct retention_policy p = policy(RETENTION_LAST, "3");
	assert_int_equal(kept(&p, 10), 3);
	for (size_t i = 0; i < 10; i++)
		assert_int_equal(points[i].reasons != 0, i >= 7);
}

static void more_than_there_are_keeps_all(void **state)
{
	(void)state;
	every(60, 5);
	struct retention_policy p = policy(RETENTION_LAST, "1000000");
	assert_int_equal(kept(&p, 5), 5);
	p = policy(RETENTION_DAILY, "100");
	assert_int_equal(kept(&p, 5), 1);
}

static void a_period_keeps_its_last(void **state)
{
	(void)state;
	static const char *const times[] = {
		"2026-03-01 01:00", "2026-03-01 23:00", "2026-03-02 00:00",
		"2026-03-02 12:00", "2026-03-03 00:01",
	};
	for (size_t i = 0; i < ARRAY_SIZE(times); i++)
		points[i].time = at(times[i]);
	struct retention_policy p = policy(RETENTION_DAILY, "2");
	assert_int_equal(kept(&p, 5), 2);
	assert_true(points[3].reasons && points[4].reasons);
	assert_int_equal(points[3].counts[RETENTION_DAILY], 2);
}

static void gaps_use_nothing_up(void **state)
{
	(void)state;
	static const char *const times[] = { "2019-01-01 01:00", "2023-06-01 01:00",
					     "2026-03-01 01:00" };
	for (size_t i = 0; i < ARRAY_SIZE(times); i++)
		points[i].time = at(times[i]);
	for (enum retention_rule rule = RETENTION_HOURLY; rule <= RETENTION_YEARLY; rule++) {
		struct retention_policy p = policy(rule, "3");
		assert_int_equal(kept(&p, 3), 3);
	}
}

static void each_rule_has_its_own_period(void **state)
{
	(void)state;
	every(6 * 60, 1600); /* 400 days */
	static const struct {
		enum retention_rule rule;
		size_t wanted;
	} all[] = {
		{ RETENTION_HOURLY, 1000 }, { RETENTION_DAILY, 400 }, { RETENTION_WEEKLY, 58 },
		{ RETENTION_MONTHLY, 14 },  { RETENTION_YEARLY, 2 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		struct retention_policy p = policy(all[i].rule, "1000");
		assert_int_equal(kept(&p, 1600), all[i].wanted);
	}
}

static void weeks_are_iso_weeks(void **state)
{
	(void)state;
	/* Sunday; Monday, which is of the first week of the next year; a day of that same week. */
	static const char *const times[] = { "2024-12-29 12:00", "2024-12-30 12:00",
					     "2025-01-03 12:00" };
	for (size_t i = 0; i < ARRAY_SIZE(times); i++)
		points[i].time = at(times[i]);
	struct retention_policy p = policy(RETENTION_WEEKLY, "9");
	assert_int_equal(kept(&p, 3), 2);
	assert_int_equal(points[1].reasons, 0);
}

static void days_are_local(void **state)
{
	(void)state;
	points[0].time = at("2026-07-01 21:30");
	points[1].time = at("2026-07-01 22:30");
	struct retention_policy p = policy(RETENTION_DAILY, "9");
	assert_int_equal(kept(&p, 2), 1);
	zone("CET-1CEST,M3.5.0,M10.5.0/3"); /* there, midnight is between them */
	assert_int_equal(kept(&p, 2), 2);
}

static void the_hour_that_comes_twice_is_two(void **state)
{
	(void)state;
	zone("CET-1CEST,M3.5.0,M10.5.0/3");
	points[0].time = at("2026-10-25 00:30"); /* 02:30, summer */
	points[1].time = at("2026-10-25 01:30"); /* 02:30, winter */
	struct retention_policy p = policy(RETENTION_HOURLY, "9");
	assert_int_equal(kept(&p, 2), 2);
}

static void within_counts_from_the_newest(void **state)
{
	(void)state;
	every(24 * 60, 100);
	struct retention_policy p = policy(RETENTION_WITHIN, "7d");
	assert_int_equal(kept(&p, 100), 8);
	p = policy(RETENTION_WITHIN, "1w1d");
	assert_int_equal(kept(&p, 100), 9);
	p = policy(RETENTION_WITHIN, "1m"); /* from the last of December to the first: 31 days */
	assert_int_equal(kept(&p, 100), 31);
	p = policy(RETENTION_WITHIN, "23H");
	assert_int_equal(kept(&p, 100), 2); /* the newest gap counts for nothing */
	p = policy(RETENTION_WITHIN, "9y");
	assert_int_equal(kept(&p, 100), 100);
}

/* For one night the clock was a month ahead; or there were no backups for a month. */
static void a_leap_of_the_clock_costs_nothing_within(void **state)
{
	(void)state;
	every(24 * 60, 10);
	time_t leap = 31 * 24 * 3600;
	struct retention_policy p = policy(RETENTION_WITHIN, "7d");
	points[9].time += leap;
	assert_int_equal(kept(&p, 10), 9); /* the one, and 8 before the gap */
	assert_int_equal(points[0].reasons, 0);
	points[8].time += leap;
	assert_int_equal(kept(&p, 10), 9); /* a day less before it */
	assert_true(points[1].reasons && points[9].reasons);
	points[0].time -= leap; /* another gap is one */
	assert_int_equal(kept(&p, 10), 9);
	for (size_t i = 0; i < 10; i++)
		points[i].time = at("2026-01-01 12:00") + (time_t)i * leap;
	assert_int_equal(kept(&p, 10), 2);
}

static void what_is_set_aside_uses_nothing_up(void **state)
{
	(void)state;
	for (enum retention_rule rule = RETENTION_LAST; rule < RETENTION_RULES; rule++) {
		struct retention_policy p = policy(rule, rule == RETENTION_WITHIN ? "7d" : "1");
		every(24 * 60, 3);
		points[1].time = at("2099-01-01 00:00");
		points[1].aside = true;
		kept(&p, 3);
		assert_int_equal(points[1].reasons, 0);
		assert_int_not_equal(points[2].reasons, 0);
		points[2].aside = true; /* all but the oldest */
		assert_int_equal(kept(&p, 3), 1);
		assert_int_not_equal(points[0].reasons, 0);
		points[2].aside = false;
	}
}

/* Every night all of it, at noon one volume only. */
static void a_part_does_not_take_the_place_of_the_whole(void **state)
{
	(void)state;
	static const uint64_t both[] = { 3 }, one[] = { 2 };
	every(12 * 60, 20);
	for (size_t i = 0; i < 20; i++)
		points[i].holds = i % 2 ? one : both;
	struct retention_policy p = policy(RETENTION_LAST, "1");
	assert_int_equal(kept_of(&p, 20, 2), 2);
	assert_true(points[18].reasons && points[19].reasons);
	p = policy(RETENTION_LAST, "4");
	assert_int_equal(kept_of(&p, 20, 2), 6); /* 4 of one, and 2 more of the other */
	assert_int_equal(points[18].counts[RETENTION_LAST], 1);
}

static void what_holds_more_takes_the_place_of_less(void **state)
{
	(void)state;
	static const uint64_t less[] = { 1 }, more[] = { 3 };
	every(24 * 60, 10);
	for (size_t i = 0; i < 10; i++)
		points[i].holds = i < 5 ? less : more; /* a volume was added */
	struct retention_policy p = policy(RETENTION_LAST, "3");
	assert_int_equal(kept_of(&p, 10, 2), 3);
	assert_int_equal(points[4].reasons, 0);
}

static void what_is_damaged_does_not_take_the_place_of_what_is_whole(void **state)
{
	(void)state;
	every(24 * 60, 5);
	points[4].damaged = points[3].damaged = true;
	struct retention_policy p = policy(RETENTION_LAST, "1");
	assert_int_equal(kept(&p, 5), 2);
	assert_true(points[2].reasons && points[4].reasons);
	for (size_t i = 0; i < 5; i++)
		points[i].damaged = true; /* nothing is better */
	assert_int_equal(kept(&p, 5), 1);
	assert_int_not_equal(points[4].reasons, 0);
}

static void rules_add_up(void **state)
{
	(void)state;
	every(24 * 60, 100);
	struct retention_policy p = policy(RETENTION_LAST, "2");
	struct error err;
	assert_int_equal(retention_parse(&p, RETENTION_MONTHLY, "3", &err), 0);
	assert_int_equal(kept(&p, 100), 4); /* the newest is both */
	char why[128];
	retention_why(&p, &points[99], why, sizeof(why));
	assert_string_equal(why, "last 1 of 2, monthly 1 of 3");
	retention_why(&p, &points[0], why, sizeof(why));
	assert_string_equal(why, "");
}

static void values_that_are_none_are_refused(void **state)
{
	(void)state;
	struct retention_policy p = { 0 };
	struct error err;
	static const char *const numbers[] = { "",   "x",  "-1",      "1.5",
					       "7d", " 3", "1000001", "99999999999999999999" };
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		assert_int_equal(retention_parse(&p, RETENTION_DAILY, numbers[i], &err), -EINVAL);
	static const char *const spans[] = { "", "7", "d", "7x", "7d3", "0d", "-7d", "9999999d" };
	for (size_t i = 0; i < ARRAY_SIZE(spans); i++)
		assert_int_equal(retention_parse(&p, RETENTION_WITHIN, spans[i], &err), -EINVAL);
	assert_true(retention_is_empty(&p));
}

static void nothing_is_judged_as_nothing(void **state)
{
	(void)state;
	struct retention_policy p = policy(RETENTION_WITHIN, "7d");
	assert_int_equal(kept(&p, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(last_keeps_the_newest, utc),
		cmocka_unit_test_setup(more_than_there_are_keeps_all, utc),
		cmocka_unit_test_setup(a_period_keeps_its_last, utc),
		cmocka_unit_test_setup(gaps_use_nothing_up, utc),
		cmocka_unit_test_setup(each_rule_has_its_own_period, utc),
		cmocka_unit_test_setup(weeks_are_iso_weeks, utc),
		cmocka_unit_test_setup(days_are_local, utc),
		cmocka_unit_test_setup(the_hour_that_comes_twice_is_two, utc),
		cmocka_unit_test_setup(within_counts_from_the_newest, utc),
		cmocka_unit_test_setup(a_leap_of_the_clock_costs_nothing_within, utc),
		cmocka_unit_test_setup(what_is_set_aside_uses_nothing_up, utc),
		cmocka_unit_test_setup(a_part_does_not_take_the_place_of_the_whole, utc),
		cmocka_unit_test_setup(what_holds_more_takes_the_place_of_less, utc),
		cmocka_unit_test_setup(what_is_damaged_does_not_take_the_place_of_what_is_whole,
				       utc),
		cmocka_unit_test_setup(rules_add_up, utc),
		cmocka_unit_test_setup(values_that_are_none_are_refused, utc),
		cmocka_unit_test_setup(nothing_is_judged_as_nothing, utc),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
