/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fuzz-layout - all of `lunette probe` on a disk of the input's making: tables, names, document,
 * and whatever lies in whatever. Some of what looks encrypted is opened, with the first byte as the
 * key.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "lunette/filesystem.h"

static int inside(void *ctx, struct layout_disk *disk, uint64_t length, uint64_t off,
		  struct error *err)
{
	(void)err;
	fuzz_check(disk->blk == ctx && range_inside(length, off, disk->blk->size));
	return 0;
}

/* What begins with "KEY" is opened, by whatever key: behind it are the same bytes from 512 on. */
static int recognise(struct blk *blk, char id[static 40], struct error *err)
{
	char head[3];
	id[0] = '\0';
	if (blk->size <= 1024)
		return 0;
	int rc = blk_read(blk, head, sizeof(head), 0, err);
	return rc < 0 ? rc : memcmp(head, "KEY", 3) == 0;
}

static int open_it(struct blk *blk, const struct layout_key *key, struct layout_opened *ret,
		   struct error *err)
{
	struct map *map;
	if (key->bytes[0] & 1)
		return error_set(err, -EACCES, "wrong key");
	fuzz_check(map_new(&map, err) == 0);
	fuzz_check(map_add_linear(map, blk->size - 512, blk, 512, err) == 0);
	*ret = (struct layout_opened){ .n_metadata = 1, .metadata = { { .length = 512 } } };
	return map_blk(map, blk->sector, &ret->blk, err);
}

static int find_key(void *ctx, const struct layout_lock *lock, unsigned int attempt,
		    struct layout_key *ret, struct error *err)
{
	(void)lock;
	(void)err;
	ret->length = 1;
	ret->bytes[0] = (uint8_t)(*(uint8_t *)ctx + attempt);
	return attempt < 2;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_disk disk;
	fuzz_disk_init(&disk, data, size);
	struct layout_input input = { .blk = &disk.blk, .source = "fuzz" };
	uint8_t key = size ? data[0] : 0;
	static const struct layout_opener opener = { "key", recognise, open_it };
	static const struct layout_opener *const openers[] = { &opener, NULL };
	struct layout_options options = { find_key, &key, openers };
	struct layout *layout;
	if (layout_new(&input, 1, &options, &layout, NULL) < 0)
		return 0;
	fuzz_check(fs_identify(layout, NULL) == 0);
	for (size_t i = 0; i < layout->n_volumes; i++) {
		struct layout_volume *volume = &layout->volumes[i];
		fuzz_check(!volume->blk == (volume->state == LAYOUT_INCOMPLETE));
		fuzz_check((volume->state == LAYOUT_OK) == (*volume->reason == '\0'));
		fuzz_check(!volume->holds || volume->state == LAYOUT_OK);
		if (volume->blk)
			fuzz_check(layout_walk(layout, volume->blk, volume->size, 0, inside,
					       &disk.blk, NULL) == 0);
		fuzz_check(layout_find(layout, volume->name) == volume); /* names are unique */
	}
	char *json;
	fuzz_check(layout_json(layout, &json, NULL) == 0);
	free(json);
	layout_free(layout);
	return 0;
}
