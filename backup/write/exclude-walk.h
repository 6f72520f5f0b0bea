/* SPDX-License-Identifier: GPL-3.0-or-later */
/* exclude-walk - goes through a volume's tree, as far as patterns can match, for exclude.c. */
#ifndef EXCLUDE_WALK_H
#define EXCLUDE_WALK_H

#include "lunette/exclude.h"
#include "pattern.h"

/**
 * struct exclude_trouble - what could not be looked at, and therefore is not left out
 * @n: how often
 * @first: why, the first time
 */
struct exclude_trouble {
	uint64_t n;
	struct error first;
};

/**
 * exclude_walk() - put the runs of what matches into @to
 * @fs: whose driver can say which blocks are a file's
 * @set: of patterns, folded as the driver folds names
 * @volume: its name, for the list
 * @to: its bits are there
 * @stop: may be NULL
 *
 * Return: 0; -EINTR; -ENOMEM; what the temporary file said. All other trouble is in @trouble.
 */
int exclude_walk(struct fs *fs, const struct pattern_set *set, const char *volume,
		 struct exclude *to, const atomic_bool *stop, struct exclude_trouble *trouble,
		 struct error *err);

#endif
