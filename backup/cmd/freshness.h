/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * freshness - whether the newest restore point of a name is young enough: what a monitor asks.
 *
 * Only what proves that a backup was made counts. A restore point of the future does not, since a
 * clock was wrong, and one that a check has found damaged does not; one that is consistent as after
 * a crash does.
 */
#ifndef FRESHNESS_H
#define FRESHNESS_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

/**
 * struct freshness - what is young enough
 * @text: as the user said it; NULL: nobody has asked
 * @max_age: in milliseconds
 * @now: seconds since 1970
 */
struct freshness {
	const char *text;
	uint64_t max_age;
	int64_t now;
};

/**
 * freshness_too_old() - the names whose newest restore point that counts is older, or that have
 * none
 * @points: of all these names, as `list --json` has them, oldest first
 * @names: @n of them, each once
 *
 * Return: for each, in that order: {"name", "id", "time", "age" (in seconds), "why" (a sentence)},
 * where id, time and age are null when no restore point counts; NULL without memory.
 */
json_t *freshness_too_old(const struct freshness *asked, const json_t *points,
			  const char *const *names, size_t n);

#endif
