/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * shape - what a JSON object from somebody else must look like, as a table.
 *
 * Texts are bounded and free of control characters, numbers whole and not negative, arrays bounded:
 * whoever reads a checked object need not look twice. Members that are not in the table are passed
 * over, because a later version may have more.
 */
#ifndef LUNETTE_SHAPE_H
#define LUNETTE_SHAPE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lunette/error.h"

enum shape_kind {
	SHAPE_TEXT, /* at most @max bytes */
	SHAPE_NAME, /* see names_ok() */
	SHAPE_SIZE, /* a number from 0 to @max, or to 2^63 - 1 when that is 0 */
	SHAPE_NULL_OR_SIZE,
	SHAPE_FLAG,
	SHAPE_OBJECT,  /* of the shape @of; of any when that is NULL */
	SHAPE_TEXTS,   /* at most @max of them, of at most 1023 bytes */
	SHAPE_OBJECTS, /* at most @max, each of the shape @of */
	SHAPE_RANGES,  /* [[START,LENGTH],...], at most @max: sorted, not empty, not overlapping */
};

/**
 * struct shape - one member; a table ends with an empty one
 * @optional: it may be missing, or null
 */
struct shape {
	const char *key;
	enum shape_kind kind;
	size_t max;
	const struct shape *of;
	bool optional;
};

/* Return: 0; -EPROTO with a sentence that names the member. */
int shape_check(const json_t *object, const struct shape *shape, struct error *err);

/* ---- reading what has been checked; "", 0 and false for what is missing ---- */

const char *shape_text(const json_t *object, const char *key);
uint64_t shape_size(const json_t *object, const char *key);
bool shape_flag(const json_t *object, const char *key);

#endif
