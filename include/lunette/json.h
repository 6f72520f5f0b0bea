/* SPDX-License-Identifier: GPL-3.0-or-later */
/* json - a reference to a JSON value that goes with its scope: CLEANUP(json_decref_cleanup); bytes
 * as text. */
#ifndef LUNETTE_JSON_H
#define LUNETTE_JSON_H

#include <jansson.h>

#include <stdlib.h>
#include <string.h>

#include "lunette/utf8.h"
#include "lunette/util.h"

DEFINE_CLEANUP(json_t *, json_decref)

/**
 * json_text() - a text that somebody else chose
 *
 * JSON is Unicode; paths, labels and names are bytes, and pass through utf8_clean(). Return: a new
 * reference; NULL without memory.
 */
static inline json_t *json_text(const char *bytes)
{
	size_t len = strlen(bytes);
	CLEANUP(free_cleanup) char *clean = (char *)malloc(3 * len + 1);
	if (!clean)
		return NULL;
	utf8_clean(bytes, len, clean, 3 * len + 1);
	return json_string(clean);
}

#endif
