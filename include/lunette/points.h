/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * points - the small interface through which finished backups appear in the tree.
 *
 * The tree knows nothing of repositories; backup/ implements this over one.
 */
#ifndef LUNETTE_POINTS_H
#define LUNETTE_POINTS_H

#include "lunette/error.h"
#include "lunette/layout.h"

/**
 * struct point_name - a restore point, as far as a directory listing needs it
 * @id: hexadecimal, unique
 * @name: what the backup was called; never empty, may hold any bytes but NUL
 * @time: "2026-11-22T17:00:00Z"
 */
struct point_name {
	char id[65];
	const char *name;
	const char *time;
};

struct points;

/* Return: 0 to go on; a negative errno, recorded in @err, ends the listing with it. */
typedef int points_emit_fn(void *ctx, const struct point_name *point, struct error *err);

/**
 * struct points_ops - what an implementation provides
 * @list: every restore point there is now, oldest first; any thread
 * @open: the volumes of one, to be freed with layout_free(); any thread; -ENOENT when it is gone
 */
struct points_ops {
	int (*list)(struct points *points, points_emit_fn *emit, void *ctx, struct error *err);
	int (*open)(struct points *points, const char *id, struct layout **ret, struct error *err);
};

struct points {
	const struct points_ops *ops;
};

#endif
