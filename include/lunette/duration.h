/* SPDX-License-Identifier: GPL-3.0-or-later */
/* duration - how long something takes or lasts, as people write and read it. */
#ifndef LUNETTE_DURATION_H
#define LUNETTE_DURATION_H

#include <stdbool.h>
#include <stdint.h>

/**
 * duration_parse() - "500ms", "9s", "2m", "26h" or "7d"
 * @ret: milliseconds
 *
 * Return: false if it is not that, or more than can be counted; @ret is as it was.
 */
bool duration_parse(const char *text, uint64_t *ret);

/* "26h", "9d", "90s", for people: two of the largest unit at least. @ms: milliseconds. Returns
 * @buf. */
#define DURATION_TEXT 32
const char *duration_text(uint64_t ms, char buf[DURATION_TEXT]);

#endif
