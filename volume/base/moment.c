/* SPDX-License-Identifier: GPL-3.0-or-later */
/* moment - see include/lunette/moment.h. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lunette/moment.h"

#define YEARS_MAX 9999

static bool whole_second(int64_t when, const char *fraction, char ret[MOMENT_TEXT])
{
	time_t t = (time_t)when;
	struct tm tm;
	bool known = gmtime_r(&t, &tm) && tm.tm_year >= -1900 && tm.tm_year <= YEARS_MAX - 1900;
	if (known)
		snprintf(ret, MOMENT_TEXT, "%04d-%02d-%02dT%02d:%02d:%02d%.10sZ", tm.tm_year + 1900,
			 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, fraction);
	else
		snprintf(ret, MOMENT_TEXT, "an unknown time");
	return known;
}

bool moment_text(int64_t when, char ret[MOMENT_TEXT])
{
	return whole_second(when, "", ret);
}

bool moment_now(unsigned int digits, char ret[MOMENT_TEXT])
{
	struct timespec now;
	char fraction[16] = "";
	clock_gettime(CLOCK_REALTIME, &now);
	if (digits) {
		snprintf(fraction, sizeof(fraction), ".%09ld", now.tv_nsec);
		fraction[1 + digits] = '\0';
	}
	return whole_second(now.tv_sec, fraction, ret);
}

bool moment_parse(const char *text, int64_t *ret)
{
	struct tm tm = { 0 };
	if (!text || sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2dZ", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
			    &tm.tm_hour, &tm.tm_min, &tm.tm_sec) != 6)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	int64_t when = timegm(&tm);
	/* What is spelled otherwise, or in no calendar, does not come back as it went. */
	char again[MOMENT_TEXT];
	if (!moment_text(when, again) || strcmp(again, text) != 0)
		return false;
	*ret = when;
	return true;
}

void moment_plain(const char *text, char ret[MOMENT_TEXT])
{
	size_t n = 0;
	for (; *text && n < MOMENT_TEXT - 1; text++)
		if (*text != ':')
			ret[n++] = *text;
	ret[n] = '\0';
}

/* As texts, which are in the order of the times, also where the calendar has no such day. */
bool moment_is_future(const char *text, int64_t now)
{
	char last[MOMENT_TEXT];
	return moment_text(now + MOMENT_SLACK, last) && strcmp(text, last) > 0;
}
