/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pattern - which paths do patterns such as "*.tmp", "/Temp/" or "Cache/[0-9]*" mean?
 *
 * The patterns of a set are tokens of one automaton, whose state is a bit a token: those that may
 * come next. A directory's state is worked out once and goes on to each of its entries, so that a
 * tree is matched name by name; and when no bit is left, nothing below can match and nobody needs
 * to look. The time for a name is bounded whatever the pattern, for nothing is ever tried again.
 *
 *   "*"     any number of characters but '/'
 *   "**"    any number of characters; as a whole name, with the '/' behind it, any number of
 *           directories, none included
 *   "?"     one character but '/'
 *   "[a-z]" one of these, "[!a-z]" one of the others
 *   "\x"    x itself
 *
 * A pattern that begins with '/' is matched from the root, another one from any directory on. One
 * that ends with '/' means directories only. Whatever is below a directory that matches is meant
 * too, which is left to the caller.
 */
#ifndef PATTERN_H
#define PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lunette/bits.h"
#include "lunette/error.h"

#define PATTERN_MAX        ((size_t)4096)  /* bytes of one */
#define PATTERN_TOKENS_MAX ((size_t)65536) /* of all in a set */

struct pattern_set;

int pattern_set_new(struct pattern_set **ret, struct error *err);
void pattern_set_free(struct pattern_set *set); /* may be NULL */
DEFINE_CLEANUP(struct pattern_set *, pattern_set_free)

/**
 * pattern_add() - add a pattern to a set, which nobody has matched with yet
 * @text: UTF-8; what is none stands for itself, byte by byte
 * @files_only: it does not match directories
 *
 * Return: 0; -EINVAL when it is no pattern; -E2BIG when there are too many; -ENOMEM.
 */
int pattern_add(struct pattern_set *set, const char *text, bool files_only, struct error *err);

/* Words of a state; at least 1. */
size_t pattern_words(const struct pattern_set *set);

/**
 * pattern_start() - the state of the root directory
 * @state: pattern_words() of them
 */
void pattern_start(const struct pattern_set *set, uint64_t *state);

/**
 * pattern_name() - go on from a directory to one of its entries
 * @dir: state of the directory
 * @name: without '/'
 * @is_dir: whether it is a directory
 * @state: set to the state of the entry, for pattern_name() of what is in it
 *
 * Return: whether the entry matches.
 */
bool pattern_name(const struct pattern_set *set, const uint64_t *dir, const char *name, bool is_dir,
		  uint64_t *state);

/* Can anything below a directory in this state match? */
bool pattern_goes_on(const struct pattern_set *set, const uint64_t *state);

#endif
