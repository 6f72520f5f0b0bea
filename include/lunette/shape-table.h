/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * shape-table - short words for the tables of a protocol, to be included by the file that has them.
 * TEXT_MAX, the most bytes of its texts, is that file's.
 */
#ifndef LUNETTE_SHAPE_TABLE_H
#define LUNETTE_SHAPE_TABLE_H

#include "lunette/shape.h"

#define TEXT(key)                                      \
	{                                              \
		key, SHAPE_TEXT, TEXT_MAX, NULL, false \
	}
#define MAYBE(key)                                    \
	{                                             \
		key, SHAPE_TEXT, TEXT_MAX, NULL, true \
	}
#define FLAG(key)                               \
	{                                       \
		key, SHAPE_FLAG, 0, NULL, false \
	}
#define SIZE(key)                               \
	{                                       \
		key, SHAPE_SIZE, 0, NULL, false \
	}

#endif
