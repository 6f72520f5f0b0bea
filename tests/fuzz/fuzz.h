/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fuzz - what the fuzz targets share: a disk made of the input.
 *
 * The first byte of the input is the disk's sector size (odd: 4096), the second says which read is
 * to fail (0: none), the third how many KiB of zeros follow what the input has, the rest is what is
 * on the disk. Small inputs thus make disks that are large enough for every format.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "lunette/blk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define fuzz_check(condition)             \
	do {                              \
		if (!(condition))         \
			__builtin_trap(); \
	} while (0)

struct fuzz_disk {
	struct blk blk;
	const uint8_t *data;
	size_t size;
	int fail_at;
};

static inline int fuzz_disk_read(struct blk *blk, void *buf, size_t len, uint64_t off,
				 struct error *err)
{
	struct fuzz_disk *disk = (struct fuzz_disk *)blk;
	if (disk->fail_at && --disk->fail_at == 0)
		return error_set(err, -EIO, "told to fail");
	memset(buf, 0, len);
	if (off < disk->size)
		memcpy(buf, disk->data + off, MIN((uint64_t)len, disk->size - off));
	return 0;
}

static inline void fuzz_disk_destroy(struct blk *blk)
{
	(void)blk; /* it lies on the caller's stack, and refers to the input */
}

static inline void fuzz_disk_init(struct fuzz_disk *disk, const uint8_t *data, size_t size)
{
	static const struct blk_ops ops = {
		.name = "fuzz", .leaf = true, .read = fuzz_disk_read, .destroy = fuzz_disk_destroy
	};
	size_t head = MIN(size, (size_t)3);
	*disk = (struct fuzz_disk){
		.data = data + head,
		.size = size - head,
		.fail_at = head > 1 ? data[1] : 0,
	};
	uint64_t zeros = head > 2 ? data[2] * UINT64_C(1024) : 0;
	blk_init(&disk->blk, &ops, size - head + zeros, head && data[0] & 1 ? 4096 : 512);
}

#endif
