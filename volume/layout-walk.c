/* SPDX-License-Identifier: GPL-3.0-or-later */
/* layout-walk - from volumes down to the layout's own disks, whatever these are made of. */
#include "lunette/layout.h"

struct layout_walking {
	const struct layout *layout;
	layout_range_fn *fn;
	void *ctx;
};

/* A disk may itself stand on something: the way down ends at the first one that is met. */
static int look(void *ctx, struct blk *blk, uint64_t length, uint64_t off, struct error *err)
{
	const struct layout_walking *walk = ctx;
	for (size_t i = 0; i < walk->layout->n_disks; i++)
		if (walk->layout->disks[i].blk == blk)
			return walk->fn(walk->ctx, &walk->layout->disks[i], length, off, err);
	return BLK_BELOW;
}

int layout_walk(const struct layout *layout, struct blk *blk, uint64_t length, uint64_t off,
		layout_range_fn *fn, void *ctx, struct error *err)
{
	struct layout_walking walk = { layout, fn, ctx };
	return blk_walk(blk, length, off, look, &walk, err);
}
