/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * retention - which restore points of one name are to be kept, and why.
 *
 * Each rule is judged on its own: the last of each of the newest N hours, days, weeks, months or
 * years in which there are restore points. So a point may be kept for several reasons, and a gap in
 * the backups uses nothing up. Hours and days are those of the local clock; weeks are ISO weeks.
 *
 * What is good must not go because of what is worth less. So each disk and each volume is judged
 * for itself, over the points that hold it; and twice, once without those that are damaged, so that
 * these do not take the place of whole ones. A point stays when anything speaks for it. Those of a
 * time that cannot be are set aside: no rule sees them.
 */
#ifndef LUNETTE_RETENTION_H
#define LUNETTE_RETENTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "lunette/error.h"

enum retention_rule {
	RETENTION_LAST,
	RETENTION_HOURLY,
	RETENTION_DAILY,
	RETENTION_WEEKLY,
	RETENTION_MONTHLY,
	RETENTION_YEARLY,
	RETENTION_WITHIN,
	RETENTION_RULES,
};

/**
 * struct retention_policy - what is kept
 * @keep: how many, by rule; RETENTION_WITHIN is in @within instead
 * @within: all that are younger than this when the newest one was made, where the newest gap that
 *	    is longer counts for nothing: after a pause, or a leap of the clock, there is no less
 *	    to keep than before. All zeros: no such rule
 */
struct retention_policy {
	unsigned int keep[RETENTION_RULES];
	struct retention_span {
		unsigned int years, months, days, hours; /* weeks are days */
	} within;
};

/* "daily", ...: as in the option --keep-daily. */
const char *retention_rule_name(enum retention_rule rule);

/**
 * retention_parse() - take the value of a rule
 * @text: a number; of RETENTION_WITHIN a span as "30d", "2w", "1y6m", "48H"
 *
 * Return: 0; -EINVAL when it is not one.
 */
int retention_parse(struct retention_policy *policy, enum retention_rule rule, const char *text,
		    struct error *err);

/* Whether it has no rule at all, so that it would keep nothing. */
bool retention_is_empty(const struct retention_policy *policy);

/**
 * struct retention_point - a restore point, judged
 * @time: when it was made
 * @aside: no rule looks at it
 * @damaged: it is not as good as others
 * @holds: bit by bit, which of the disks and volumes; NULL: all of them
 * @reasons: one bit a rule; 0: no rule keeps it
 * @counts: by rule, the how-manieth it is, from 1
 */
struct retention_point {
	time_t time;
	bool aside;
	bool damaged;
	const uint64_t *holds;
	unsigned int reasons;
	unsigned int counts[RETENTION_RULES];
};

/**
 * retention_judge() - set each point's reasons
 * @points: @n of them, of one name, oldest first
 * @n_held: how many disks and volumes there are to be held
 *
 * Return: 0 or -ENOMEM.
 */
int retention_judge(const struct retention_policy *policy, struct retention_point *points, size_t n,
		    size_t n_held, struct error *err);

/**
 * retention_why() - the reasons as people read them: "last 2 of 7, daily 1 of 30"
 */
void retention_why(const struct retention_policy *policy, const struct retention_point *point,
		   char *ret, size_t size);

#endif
