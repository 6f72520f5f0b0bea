/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-mem - a blk over memory that can be told to fail, for tests and fuzz targets. */
#ifndef BLK_MEM_H
#define BLK_MEM_H

#include "lunette/blk.h"

struct blk_mem {
	struct blk blk;
	uint8_t *bytes;
	int fail_at;       /* the n-th read from now fails with -EIO, once; 0: never */
	int fail_from;     /* each read from the n-th on fails so; 0: none */
	uint64_t bad_from; /* each read of bytes from here to there fails with -EIO */
	uint64_t bad_to;
	atomic_int reads; /* how many there were */
};

/* A blk of @size zero bytes. Never fails: a test without memory is over. */
struct blk_mem *blk_mem_new(uint64_t size, uint32_t sector);

#endif
