/* SPDX-License-Identifier: GPL-3.0-or-later */
/* story - see story.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "lunette/clock.h"
#include "lunette/story.h"

#define QUOTES_MAX 10000 /* a program that talks without end must not fill the disk */

struct story {
	FILE *file;
	bool echo;
	int64_t start;
	unsigned int quotes;
	int failed; /* errno, of the first line that could not be written to the file */
};

int story_open(const char *path, bool echo, struct story **ret, struct error *err)
{
	CLEANUP(story_close_cleanup) struct story *story = calloc(1, sizeof(*story));
	if (!story)
		return error_set(err, -ENOMEM, "log: %m");
	if (path && !(story->file = fopen(path, "ae")))
		return error_set(err, -errno, "log '%s': %m", path);
	story->echo = echo;
	story->start = clock_now_ms();
	*ret = steal(&story);
	return 0;
}

void story_close(struct story *story)
{
	if (!story)
		return;
	if (story->file)
		fclose(story->file);
	free(story);
}

/* Return: whether it was written. */
static bool put(FILE *out, const char *stamp, const char *text)
{
	flockfile(out);
	fputs(stamp, out);
	for (; *text; text++)
		fputc((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text, out);
	fputc('\n', out);
	bool written = fflush(out) == 0;
	funlockfile(out);
	return written;
}

void story_say(struct story *story, const char *fmt, ...)
{
	char text[2048], clock[32] = "", stamp[64];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	time_t now = time(NULL);
	struct tm local;
	if (localtime_r(&now, &local))
		strftime(clock, sizeof(clock), "%Y-%m-%d %H:%M:%S", &local);
	double seconds = (double)(clock_now_ms() - story->start) / 1000;
	snprintf(stamp, sizeof(stamp), "%s %+9.3f s  ", clock, seconds);
	if (story->file && !put(story->file, stamp, text) && !story->failed)
		story->failed = errno;
	if (story->echo) {
		snprintf(stamp, sizeof(stamp), "%+9.3f s  ", seconds);
		put(stderr, stamp, text);
	}
}

int story_problem(const struct story *story)
{
	return -story->failed;
}

void story_quote(struct story *story, const char *who, const char *line)
{
	if (story->quotes == QUOTES_MAX)
		story_say(story, "what else plug-in and agent say is not noted: it is too much");
	if (story->quotes <= QUOTES_MAX)
		story->quotes++;
	if (story->quotes <= QUOTES_MAX)
		story_say(story, "  %s: %s", who, line);
}
