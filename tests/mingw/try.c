/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * try - a program for Windows, which stands on what an agent there will stand on: disks in memory,
 * a volume put together from them, what is found on them, and the protocol's codes.
 *
 * `make mingw` links it. It prints what does not hold, and ends with status 1 then.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "blk-mem.h"
#include "lunette/code.h"
#include "lunette/layout.h"
#include "lunette/map.h"
#include "lunette/recognisers.h"

/* Not LVM: its parser is libdevmapper's. */
const struct recogniser *const layout_recognisers[] = {
	&layout_partitions, &layout_ldm, &layout_md, &layout_locks, NULL,
};

static int bad;

static void holds(bool fact, const char *what, const struct error *err)
{
	if (!fact)
		printf("does not hold: %s: %s\n", what, err->msg);
	bad |= !fact;
}

/* Two disks in stripes of 64 KiB: the third piece of the volume is the second of the first disk. */
static void try_map(void)
{
	struct error err = { 0 };
	struct blk_mem *disks[] = { blk_mem_new(1 << 20, 512), blk_mem_new(1 << 20, 512) };
	struct map_leg legs[] = { { .blk = &disks[0]->blk }, { .blk = &disks[1]->blk } };
	struct map_segment segment = {
		.length = 2 << 20, .kind = MAP_STRIPED, .chunk = 65536, .n_legs = 2, .legs = legs
	};
	struct map *map = NULL;
	struct blk *volume = NULL;
	uint8_t got[4] = { 0 };
	memcpy(disks[0]->bytes + 65536, "here", 4);
	int rc = map_new(&map, &err);
	if (rc == 0)
		rc = map_add(map, &segment, &err);
	if (rc == 0)
		rc = map_blk(map, 512, &volume, &err);
	if (rc == 0)
		rc = blk_read(volume, got, sizeof(got), 2 * 65536, &err);
	holds(rc == 0 && memcmp(got, "here", 4) == 0, "a striped volume is read", &err);
	rc = blk_read(volume, got, sizeof(got), 2 << 20, &err);
	holds(rc == -ERANGE, "reading ends with the volume", &err);
	blk_unref(volume);
	blk_unref(&disks[0]->blk);
	blk_unref(&disks[1]->blk);
}

static void try_layout(void)
{
	static const uint8_t entry[16] = { 0, 0, 0, 0, 7, 0, 0, 0, 0, 8, 0, 0, 0, 8, 0, 0 };
	struct error err = { 0 };
	struct blk_mem *disk = blk_mem_new(4 << 20, 512);
	struct layout_input input = { .source = "disk.img", .blk = &disk->blk };
	struct layout *layout = NULL;
	memcpy(disk->bytes + 446, entry, sizeof(entry));
	memcpy(disk->bytes + 510, "\x55\xaa", 2);
	int rc = layout_new(&input, 1, NULL, &layout, &err);
	holds(rc == 0 && layout->n_volumes == 1 && layout->volumes[0].size == 1 << 20,
	      "a partition of 1 MiB is found", &err);
	layout_free(layout);
	blk_unref(&disk->blk);
}

static void try_words(void)
{
	struct error err = { 0 };
	bool retry = true;
	holds(strcmp(code_of(-EISCONN, &retry), "IS_MAPPED") == 0 && !retry, "a code goes out",
	      &err);
	holds(code_errno("CONFLICT") == -ESTALE, "a code comes in", &err);
	error_set(&err, -ENOENT, "100%% of %zu '%s': %m", (size_t)3, "x");
	holds(strcmp(err.msg, "100% of 3 'x': No such file or directory") == 0, "%m is its text",
	      &err);
}

int main(void)
{
	try_map();
	try_layout();
	try_words();
	puts(bad ? "not ok" : "ok");
	return bad;
}
