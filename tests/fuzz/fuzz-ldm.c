/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fuzz-ldm - two dynamic disks of one group, whose headers and database are the input's.
 *
 * The input is 512 bytes each of the first disk's private header, the second's, and the table of
 * contents of both, and behind them the database of both. Checksums are made right, or no input
 * would come past them; a zero in their place keeps them wrong.
 */
#include <stdlib.h>

#include "fuzz.h"
#include "lunette/layout.h"
#include "make-ldm.h"

#define SECTORS (UINT64_C(3) << 11)
#define PRIVATE (SECTORS - 2048)
#define CONFIG  17 /* where the seeds have it */

struct dynamic {
	struct blk blk;
	uint8_t mbr[512], head[512], toc[512];
	const uint8_t *config;
	size_t size;
};

/* The part of [off, off + len) that lies at @at on the disk. */
static void overlay(uint8_t *buf, size_t len, uint64_t off, const uint8_t *from, size_t size,
		    uint64_t at)
{
	uint64_t start = MAX(off, at), end = MIN(off + len, at + size);
	if (start < end)
		memcpy(buf + (start - off), from + (start - at), (size_t)(end - start));
}

static int dynamic_read(struct blk *blk, void *buf, size_t len, uint64_t off, struct error *err)
{
	(void)err;
	const struct dynamic *d = (struct dynamic *)blk;
	memset(buf, 0, len);
	overlay(buf, len, off, d->config, d->size, (PRIVATE + CONFIG) * 512);
	overlay(buf, len, off, d->toc, 512, (PRIVATE + 1) * 512);
	overlay(buf, len, off, d->head, 512, (SECTORS - 1) * 512);
	overlay(buf, len, off, d->head, 512, 6 * 512);
	overlay(buf, len, off, d->mbr, 512, 0);
	return 0;
}

static void dynamic_destroy(struct blk *blk)
{
	(void)blk; /* it lies on the caller's stack, and refers to the input */
}

static void seal(uint8_t *to, const uint8_t *from)
{
	memcpy(to, from, 512);
	if (to[8] | to[9] | to[10] | to[11])
		make_ldm_seal(to);
}

static void dynamic_init(struct dynamic *d, const uint8_t *head, const uint8_t *data, size_t size)
{
	static const struct blk_ops ops = {
		.name = "dynamic", .leaf = true, .read = dynamic_read, .destroy = dynamic_destroy
	};
	blk_init(&d->blk, &ops, SECTORS * 512, 512);
	memset(d->mbr, 0, 512);
	d->mbr[450] = 0x42;
	d->mbr[454] = 63;
	d->mbr[459] = 1;
	d->mbr[510] = 0x55;
	d->mbr[511] = 0xaa;
	seal(d->head, head);
	seal(d->toc, data + 1024);
	d->config = data + 1536;
	d->size = size - 1536;
}

static int inside(void *ctx, struct layout_disk *disk, uint64_t length, uint64_t off,
		  struct error *err)
{
	(void)err;
	struct dynamic *disks = ctx;
	fuzz_check(disk->blk == &disks[0].blk || disk->blk == &disks[1].blk);
	fuzz_check(range_inside(length, off, disk->blk->size));
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dynamic disks[2];
	if (size < 1536)
		return 0;
	dynamic_init(&disks[0], data, data, size);
	dynamic_init(&disks[1], data + 512, data, size);
	struct layout_input inputs[] = { { &disks[0].blk, "one" }, { &disks[1].blk, "two" } };
	struct layout *layout;
	fuzz_check(layout_new(inputs, 2, NULL, &layout, NULL) == 0);
	for (size_t i = 0; i < layout->n_volumes; i++) {
		struct layout_volume *volume = &layout->volumes[i];
		fuzz_check(!volume->blk == (volume->state == LAYOUT_INCOMPLETE));
		fuzz_check((volume->state == LAYOUT_OK) == (*volume->reason == '\0'));
		fuzz_check(layout_find(layout, volume->name) == volume);
		if (!volume->blk)
			continue;
		fuzz_check(volume->blk->size == volume->size && volume->size > 0);
		uint8_t buf[4096];
		size_t n = (size_t)MIN((uint64_t)sizeof(buf), volume->size);
		fuzz_check(blk_read(volume->blk, buf, n, 0, NULL) == 0);
		fuzz_check(blk_read(volume->blk, buf, n, volume->size - n, NULL) == 0);
		fuzz_check(layout_walk(layout, volume->blk, volume->size, 0, inside, disks, NULL) ==
			   0);
	}
	char *json;
	fuzz_check(layout_json(layout, &json, NULL) == 0);
	free(json);
	layout_free(layout);
	return 0;
}
