/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * names - what things and their owners may be called in the protocol: jobs, snapshots, LUNs,
 * sessions.
 *
 * A name goes into commands, paths, and the names that a storage gives: so it is short and plain.
 */
#ifndef LUNETTE_NAMES_H
#define LUNETTE_NAMES_H

#include <stdbool.h>

/* The longest name. */
#define NAMES_MAX 63

/* What a name is, for messages. */
#define NAMES_RULE "at most 63 of A-Z a-z 0-9 . _ -, a letter or digit first"

/* Is it a name? */
bool names_ok(const char *name);

/**
 * names_mend() - make a name of what may be anything, by other letters for those that it may not
 * have
 * @name: room for 2 bytes at least
 */
void names_mend(char *name);

/* Is it lunette/HOST/JOB/RUN, each a name, or one but for its first letter? */
bool names_owner_ok(const char *owner);

/* Are HOST and JOB of two owners that are well formed the same? The run may differ. */
bool names_same_owner(const char *a, const char *b);

#endif
