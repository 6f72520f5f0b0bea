/* SPDX-License-Identifier: GPL-3.0-or-later */
/* name-shown - files' names as a path can have them, and back. See name.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lunette/util.h"
#include "name.h"

#define MARK     '%'
#define SIGN_LEN 3

static const char SIGN_SLASH[] = "\xe2\x88\x95"; /* U+2215 */
static const char SIGN_NUL[] = "\xe2\x90\x80";   /* U+2400 */

/* What stands for a byte that no path can have; NULL for others. */
static const char *sign_for(char c)
{
	return c == '/' ? SIGN_SLASH : c == '\0' ? SIGN_NUL : NULL;
}

/* Numbers of files have 48 bits. */
#define DIGITS_MAX 15

/* Is this "#NUMBER", and nothing else? */
static bool is_number(const char *in, size_t len)
{
	if (len < 2 || len > 1 + DIGITS_MAX || in[0] != '#' || in[1] == '0')
		return false;
	for (size_t i = 1; i < len; i++)
		if (in[i] < '0' || in[i] > '9')
			return false;
	return true;
}

static bool is_sign(const char *in, size_t len)
{
	return len >= SIGN_LEN &&
	       (memcmp(in, SIGN_SLASH, SIGN_LEN) == 0 || memcmp(in, SIGN_NUL, SIGN_LEN) == 0);
}

/* Would a mark in front of this mean something? */
static bool is_special(const char *in, size_t len)
{
	return is_sign(in, len) || is_number(in, len);
}

static size_t count_marks(const char *in, size_t len)
{
	size_t n = 0;
	while (n < len && in[n] == MARK)
		n++;
	return n;
}

/* Any number of marks, and one dot or two. */
static bool is_dots(const char *in, size_t len)
{
	size_t marks = count_marks(in, len);
	return (len == marks + 1 && in[marks] == '.') ||
	       (len == marks + 2 && in[marks] == '.' && in[marks + 1] == '.');
}

struct showing {
	char *out;
	size_t size;
	size_t n; /* may be more than there is room for */
};

static void show(struct showing *showing, const char *bytes, size_t len)
{
	if (showing->n + len < showing->size)
		memcpy(showing->out + showing->n, bytes, len);
	showing->n += len;
}

/* The marks at a place of a name, and what stands behind them. Returns how much of it that is. */
static size_t show_one(struct showing *showing, const char *in, size_t len, bool twin)
{
	static const char mark = MARK;
	size_t marks = count_marks(in, len);
	const char *sign = marks < len ? sign_for(in[marks]) : NULL;
	bool doubled = sign || is_special(in + marks, len - marks) || (twin && marks == len);
	for (size_t i = 0; i < (doubled ? 2 * marks : marks); i++)
		show(showing, &mark, 1);
	if (sign) {
		show(showing, &mark, 1);
		show(showing, sign, SIGN_LEN);
	} else if (marks < len) {
		show(showing, in + marks, 1);
	}
	return MIN(marks + 1, len);
}

size_t name_shown(const char *in, size_t len, uint64_t twin, char *out, size_t size)
{
	static const char mark = MARK;
	char number[32];
	struct showing showing = { .out = out, .size = size };
	if (is_dots(in, len))
		show(&showing, &mark, 1);
	for (size_t at = 0; at < len;)
		at += show_one(&showing, in + at, len - at, twin != 0);
	if (twin && len > 0)
		show(&showing, number,
		     (size_t)snprintf(number, sizeof(number), "%c#%" PRIu64, MARK, twin));
	if (showing.n >= size)
		return 0;
	out[showing.n] = '\0';
	return showing.n;
}

/* Reads "%#NUMBER" at the end. Returns the length of what is in front of it. */
static size_t read_twin(const char *shown, size_t len, uint64_t *ret)
{
	size_t at = len, marks = 0;
	*ret = 0;
	while (at > 0 && shown[at - 1] >= '0' && shown[at - 1] <= '9')
		at--;
	if (at == 0 || !is_number(shown + at - 1, len - at + 1))
		return len;
	at--;
	while (marks < at && shown[at - 1 - marks] == MARK)
		marks++;
	if (marks % 2 == 0)
		return len;
	*ret = strtoull(shown + at + 1, NULL, 10);
	return at - 1;
}

size_t name_meant(const char *shown, char *out, uint64_t *ret_twin)
{
	size_t n = 0, len = read_twin(shown, strlen(shown), ret_twin);
	bool twin = *ret_twin != 0;
	if (is_dots(shown, len)) {
		memcpy(out, shown + 1, len - 1);
		return len - 1;
	}
	for (size_t at = 0; at < len;) {
		size_t marks = count_marks(shown + at, len - at);
		at += marks;
		bool sign = is_sign(shown + at, len - at);
		bool doubled = is_special(shown + at, len - at) || (twin && at == len);
		size_t keep = doubled ? marks / 2 : marks;
		memset(out + n, MARK, keep);
		n += keep;
		if (sign && marks % 2) {
			out[n++] = memcmp(shown + at, SIGN_NUL, SIGN_LEN) == 0 ? '\0' : '/';
			at += SIGN_LEN;
		} else if (at < len) {
			out[n++] = shown[at++];
		}
	}
	return n;
}
