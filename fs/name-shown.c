/* SPDX-License-Identifier: GPL-3.0-or-later */
/* name-shown - files' names as a path can have them, and back. See name.h. */
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

static bool is_sign(const char *in, size_t len)
{
	return len >= SIGN_LEN &&
	       (memcmp(in, SIGN_SLASH, SIGN_LEN) == 0 || memcmp(in, SIGN_NUL, SIGN_LEN) == 0);
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
static size_t show_one(struct showing *showing, const char *in, size_t len)
{
	static const char mark = MARK;
	size_t marks = count_marks(in, len);
	const char *sign = marks < len ? sign_for(in[marks]) : NULL;
	bool doubled = sign || is_sign(in + marks, len - marks);
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

size_t name_shown(const char *in, size_t len, char *out, size_t size)
{
	static const char mark = MARK;
	struct showing showing = { .out = out, .size = size };
	if (is_dots(in, len))
		show(&showing, &mark, 1);
	for (size_t at = 0; at < len;)
		at += show_one(&showing, in + at, len - at);
	if (showing.n >= size)
		return 0;
	out[showing.n] = '\0';
	return showing.n;
}

size_t name_meant(const char *shown, char *out)
{
	size_t len = strlen(shown), n = 0;
	if (is_dots(shown, len)) {
		memcpy(out, shown + 1, len - 1);
		return len - 1;
	}
	for (size_t at = 0; at < len;) {
		size_t marks = count_marks(shown + at, len - at);
		at += marks;
		bool doubled = is_sign(shown + at, len - at);
		size_t keep = doubled ? marks / 2 : marks;
		memset(out + n, MARK, keep);
		n += keep;
		if (doubled && marks % 2) {
			out[n++] = memcmp(shown + at, SIGN_NUL, SIGN_LEN) == 0 ? '\0' : '/';
			at += SIGN_LEN;
		} else if (at < len) {
			out[n++] = shown[at++];
		}
	}
	return n;
}
