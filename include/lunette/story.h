/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * story - the log of a run, which reads as a story with times.
 */
#ifndef LUNETTE_STORY_H
#define LUNETTE_STORY_H

#include <stdbool.h>

#include "lunette/error.h"
#include "lunette/util.h"

struct story;

/* @echo: also to standard error. A story without a file is possible: @path NULL. */
int story_open(const char *path, bool echo, struct story **ret, struct error *err);
void story_close(struct story *story); /* may be NULL */
DEFINE_CLEANUP(struct story *, story_close)

/* One sentence. What could command a terminal is made harmless. */
void story_say(struct story *story, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* 0, or why not all of it is in its file: a negative errno. */
int story_problem(const struct story *story);

/* What another program said: @who in front, and not without end. */
void story_quote(struct story *story, const char *who, const char *line);

#endif
