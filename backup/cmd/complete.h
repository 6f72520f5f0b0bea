/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * complete - what could stand where the cursor is: all that the shells' completion knows.
 */
#ifndef COMPLETE_H
#define COMPLETE_H

#include "cmd.h"

/**
 * complete() - print what a word could be, a line each, with a tab and what it means behind some
 * @commands: @n of them
 * @words: what stands behind `lunette`, up to the cursor; the last of @n_words is the one that is
 *         begun, and may be ""
 *
 * Prints nothing where a file is wanted, or nothing is known: shells offer files then. Asks nobody
 * for a password, and is silent about what fails.
 */
void complete(const struct command *const *commands, size_t n, char **words, size_t n_words);

/* ---- what there is to choose from (complete-offer.c) ---- */

/**
 * struct completion - the command line so far
 * @begun: what the word that is wanted begins with
 * @before: what stands in the same word before it, as "--repo="
 * @which: the repository, as the words before say
 * @state: where jobs keep their journals; or NULL
 * @forgotten: a POINT is one that was forgotten
 * @point: the first word that is no option, which may be a POINT; or NULL
 */
struct completion {
	const char *begun;
	char before[64];
	struct cmd_repo which;
	const char *state;
	bool forgotten;
	const char *point;
};

/* Prints @text if it begins as the user's word does. @means: or NULL. */
void complete_offer(const struct completion *c, const char *text, const char *means);

/**
 * complete_named() - offer what a word of a command's usage stands for
 * @word: as "POINT", "NAME", "VOL", "DISK", "JOB" or "ID"; of others nothing is known
 */
void complete_named(struct completion *c, const char *word);

#endif
