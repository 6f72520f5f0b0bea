/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz-layout - all of `lunette probe` on a disk of the input's making: tables, names, document. */
#include <stdlib.h>

#include "fuzz.h"
#include "lunette/filesystem.h"

static int inside(void *ctx, struct blk *blk, uint64_t length, uint64_t off, struct error *err)
{
	(void)err;
	fuzz_check(blk == ctx && range_inside(length, off, blk->size));
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_disk disk;
	fuzz_disk_init(&disk, data, size);
	struct layout_input input = { .blk = &disk.blk, .source = "fuzz" };
	struct layout *layout;
	if (layout_new(&input, 1, NULL, &layout, NULL) < 0)
		return 0;
	fuzz_check(fs_identify(layout, NULL) == 0);
	for (size_t i = 0; i < layout->n_volumes; i++) {
		struct layout_volume *volume = &layout->volumes[i];
		fuzz_check(!volume->blk == (volume->state == LAYOUT_INCOMPLETE));
		fuzz_check((volume->state == LAYOUT_OK) == (*volume->reason == '\0'));
		if (volume->blk)
			fuzz_check(map_walk(volume->blk, volume->size, 0, inside, &disk.blk,
					    NULL) == 0);
		fuzz_check(layout_find(layout, volume->name) == volume); /* names are unique */
	}
	char *json;
	fuzz_check(layout_json(layout, &json, NULL) == 0);
	free(json);
	layout_free(layout);
	return 0;
}
