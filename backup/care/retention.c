/* SPDX-License-Identifier: GPL-3.0-or-later */
/* retention - see retention.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lunette/bits.h"
#include "lunette/retention.h"
#include "lunette/util.h"

/* More than anybody keeps; so that counting cannot overflow, nor a span leave the calendar. */
#define COUNT_MAX 1000000u

static const char *const names[RETENTION_RULES] = {
	[RETENTION_LAST] = "last",       [RETENTION_HOURLY] = "hourly",
	[RETENTION_DAILY] = "daily",     [RETENTION_WEEKLY] = "weekly",
	[RETENTION_MONTHLY] = "monthly", [RETENTION_YEARLY] = "yearly",
	[RETENTION_WITHIN] = "within",
};

const char *retention_rule_name(enum retention_rule rule)
{
	return names[rule];
}

/* ---- what the user says ---- */

static bool parse_number(const char **text, unsigned int *ret)
{
	unsigned int n = 0;
	const char *p = *text;
	for (; *p >= '0' && *p <= '9'; p++) {
		n = 10 * n + (unsigned int)(*p - '0');
		if (n > COUNT_MAX)
			return false;
	}
	bool any = p > *text;
	*text = p;
	*ret = n;
	return any;
}

static bool parse_span(const char *text, struct retention_span *ret)
{
	struct retention_span span = { 0 };
	do {
		unsigned int n;
		if (!parse_number(&text, &n))
			return false;
		switch (*text++) {
		case 'y':
			span.years += n;
			break;
		case 'm':
			span.months += n;
			break;
		case 'w':
			span.days += 7 * n;
			break;
		case 'd':
			span.days += n;
			break;
		case 'H':
			span.hours += n;
			break;
		default:
			return false;
		}
	} while (*text);
	*ret = span;
	return span.years || span.months || span.days || span.hours;
}

int retention_parse(struct retention_policy *policy, enum retention_rule rule, const char *text,
		    struct error *err)
{
	if (rule == RETENTION_WITHIN) {
		if (strlen(text) < 32 && parse_span(text, &policy->within))
			return 0;
		return error_set(err, -EINVAL,
				 "keep-within '%s': a span is needed, as 30d, 2w, 1y6m or 48H",
				 text);
	}
	const char *end = text;
	unsigned int n;
	if (!parse_number(&end, &n) || *end)
		return error_set(err, -EINVAL, "keep-%s '%s': a number up to %u is needed",
				 names[rule], text, COUNT_MAX);
	policy->keep[rule] = n;
	return 0;
}

static bool has_span(const struct retention_policy *policy)
{
	const struct retention_span *span = &policy->within;
	return span->years || span->months || span->days || span->hours;
}

bool retention_is_empty(const struct retention_policy *policy)
{
	for (size_t rule = 0; rule < RETENTION_RULES; rule++)
		if (policy->keep[rule] > 0)
			return false;
	return !has_span(policy);
}

/* ---- judging ---- */

/* Of several disks and volumes that keep it by the same rule, the one for which it is the newest.
 */
static void keep(struct retention_point *point, enum retention_rule rule, unsigned int count)
{
	if (!(point->reasons & 1u << rule) || count < point->counts[rule])
		point->counts[rule] = count;
	point->reasons |= 1u << rule;
}

#define PERIOD_MAX 64

/*
 * A period is known by how the calendar spells it, in local time: two points are of one hour, day,
 * ... when they are spelled alike. The hour has its offset from UTC, since one hour comes twice
 * when clocks are put back.
 */
static void spell(enum retention_rule rule, time_t time, char ret[PERIOD_MAX])
{
	struct tm tm;
	localtime_r(&time, &tm);
	switch (rule) {
	case RETENTION_HOURLY:
		strftime(ret, PERIOD_MAX, "%Y-%m-%d %H %z", &tm);
		break;
	case RETENTION_DAILY:
		strftime(ret, PERIOD_MAX, "%Y-%m-%d", &tm);
		break;
	case RETENTION_WEEKLY:
		strftime(ret, PERIOD_MAX, "%G-%V", &tm);
		break;
	case RETENTION_MONTHLY:
		strftime(ret, PERIOD_MAX, "%Y-%m", &tm);
		break;
	default:
		strftime(ret, PERIOD_MAX, "%Y", &tm);
		break;
	}
}

static void judge_last(unsigned int max, struct retention_point **points, size_t n)
{
	for (unsigned int count = 0; n > 0 && count < max; n--)
		keep(points[n - 1], RETENTION_LAST, ++count);
}

/* From the newest on: the first that is met of each period is its last. */
static void judge_periods(enum retention_rule rule, unsigned int max,
			  struct retention_point **points, size_t n)
{
	char before[PERIOD_MAX] = "", period[PERIOD_MAX];
	for (unsigned int count = 0; n > 0 && count < max; n--) {
		spell(rule, points[n - 1]->time, period);
		if (strcmp(period, before) != 0)
			keep(points[n - 1], rule, ++count);
		memcpy(before, period, sizeof(before));
	}
}

static time_t span_before(const struct retention_span *span, time_t time)
{
	struct tm tm;
	localtime_r(&time, &tm);
	tm.tm_year -= (int)span->years;
	tm.tm_mon -= (int)span->months;
	tm.tm_mday -= (int)span->days;
	tm.tm_hour -= (int)span->hours;
	tm.tm_isdst = -1; /* midnight is midnight, summer or winter */
	return mktime(&tm);
}

static void judge_within(const struct retention_span *span, struct retention_point **points,
			 size_t n)
{
	time_t from = span_before(span, points[n - 1]->time);
	bool gap = false;
	unsigned int count = 0;
	for (size_t i = n; i > 0; i--) {
		time_t time = points[i - 1]->time;
		if (i < n && time < from && !gap && time < span_before(span, points[i]->time)) {
			from -= points[i]->time - time;
			gap = true;
		}
		if (time < from)
			break;
		keep(points[i - 1], RETENTION_WITHIN, ++count);
	}
}

static void judge_chain(const struct retention_policy *policy, struct retention_point **points,
			size_t n)
{
	judge_last(policy->keep[RETENTION_LAST], points, n);
	for (enum retention_rule rule = RETENTION_HOURLY; rule <= RETENTION_YEARLY; rule++)
		judge_periods(rule, policy->keep[rule], points, n);
	if (n > 0 && has_span(policy))
		judge_within(&policy->within, points, n);
}

static bool holds(const struct retention_point *point, size_t held)
{
	return !point->holds || bits_find(point->holds, held, held + 1, true) == held;
}

/* Those that hold it, and count. Return: how many there are. */
static size_t choose(struct retention_point *points, size_t n, size_t held, bool damaged,
		     struct retention_point **ret)
{
	size_t chosen = 0;
	for (size_t i = 0; i < n; i++)
		if (!points[i].aside && (damaged || !points[i].damaged) && holds(&points[i], held))
			ret[chosen++] = &points[i];
	return chosen;
}

int retention_judge(const struct retention_policy *policy, struct retention_point *points, size_t n,
		    size_t n_held, struct error *err)
{
	CLEANUP(free_cleanup)
	struct retention_point **chain = calloc(n + 1, sizeof(struct retention_point *));
	if (!chain)
		return error_set(err, -ENOMEM, "judge the restore points: %m");
	for (size_t i = 0; i < n; i++)
		points[i].reasons = 0;
	for (size_t held = 0; held < n_held; held++) {
		size_t all = choose(points, n, held, true, chain);
		judge_chain(policy, chain, all);
		size_t good = choose(points, n, held, false, chain);
		if (good < all)
			judge_chain(policy, chain, good);
	}
	return 0;
}

void retention_why(const struct retention_policy *policy, const struct retention_point *point,
		   char *ret, size_t size)
{
	size_t at = 0;
	ret[0] = '\0';
	for (size_t rule = 0; rule < RETENTION_RULES && at < size; rule++) {
		if (!(point->reasons & 1u << rule))
			continue;
		int n = rule == RETENTION_WITHIN
				? snprintf(ret + at, size - at, "%swithin", at ? ", " : "")
				: snprintf(ret + at, size - at, "%s%s %u of %u", at ? ", " : "",
					   names[rule], point->counts[rule], policy->keep[rule]);
		at += (size_t)n;
	}
}
