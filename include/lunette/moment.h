/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * moment - a time of the calendar as text, and back: RFC 3339, in UTC, as documents, journals and
 * reports have it.
 */
#ifndef LUNETTE_MOMENT_H
#define LUNETTE_MOMENT_H

#include <stdbool.h>
#include <stdint.h>

/* Room for the longest text. */
#define MOMENT_TEXT 40

/**
 * moment_text() - "2026-11-22T17:00:00Z"
 * @when: seconds since 1970
 *
 * Return: false when the calendar has no such year, 0 to 9999; the text says so then.
 */
bool moment_text(int64_t when, char ret[MOMENT_TEXT]);

/**
 * moment_now() - what the system's clock says, as moment_text()
 * @digits: of the second's fraction, 0 to 9
 */
bool moment_now(unsigned int digits, char ret[MOMENT_TEXT]);

/**
 * moment_parse() - seconds since 1970
 * @text: as moment_text() writes it, to the letter: a day that no calendar has is none, and
 *	  neither is NULL
 *
 * Return: false when it is not that; @ret is as it was.
 */
bool moment_parse(const char *text, int64_t *ret);

/**
 * moment_plain() - a time, or the beginning of one, without its colons: "2026-11-22T170000Z"
 *
 * Such a name can lie on any file system. Two spellings of one time are the same so.
 */
void moment_plain(const char *text, char ret[MOMENT_TEXT]);

/* The clocks of machines that work together may differ by so much, in seconds. */
#define MOMENT_SLACK 3600

/**
 * moment_is_future() - was that said by a clock that is ahead of ours, by more than the slack?
 * @text: as moment_text() writes it, if only in shape
 * @now: seconds since 1970
 */
bool moment_is_future(const char *text, int64_t now);

#endif
