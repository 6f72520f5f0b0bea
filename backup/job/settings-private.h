/* SPDX-License-Identifier: GPL-3.0-or-later */
/* settings-private - what reading a job file (settings.c) and judging it (settings-check.c) share.
 */
#ifndef JOB_SETTINGS_PRIVATE_H
#define JOB_SETTINGS_PRIVATE_H

#include <stdint.h>
#include <stdio.h>

#include "lunette/settings.h"

/**
 * struct settings_reader - a job file while it is read
 * @shown: its path as the user wrote it
 * @line: of the file that was read last
 * @seen: a bit for each key of the table
 * @folder_len: of settings.file, with the last '/'
 */
struct settings_reader {
	struct settings *settings;
	FILE *in;
	const char *shown;
	size_t folder_len;
	int line;
	uint64_t seen;
	unsigned int mistakes;
	void (*tell)(void *ctx, const char *mistake);
	void *ctx;
};

/* Tells a mistake; @line is 0 when it is not in one line. */
void settings_mistake(struct settings_reader *r, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* A path of the job file, absolute. Return: false when there is no memory. */
bool settings_path(const struct settings_reader *r, const char *value, char **ret);

/* Return: 0, whatever is in the file; -EIO. */
int settings_parse(struct settings_reader *r);

#endif
