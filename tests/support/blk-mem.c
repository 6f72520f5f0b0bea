/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blk-mem.h"

static int mem_read(struct blk *blk, void *buf, size_t len, uint64_t off, struct error *err)
{
	struct blk_mem *mem = (struct blk_mem *)blk;
	int n = atomic_fetch_add(&mem->reads, 1) + 1;
	if (n == mem->fail_at || (mem->fail_from && n >= mem->fail_from))
		return error_set(err, -EIO, "read number %d was told to fail", n);
	if (off < mem->bad_to && off + len > mem->bad_from)
		return error_set(err, -EIO, "bytes at %ju cannot be read", (uintmax_t)off);
	memcpy(buf, mem->bytes + off, len);
	return 0;
}

static void mem_destroy(struct blk *blk)
{
	struct blk_mem *mem = (struct blk_mem *)blk;
	free(mem->bytes);
	free(mem);
}

static const struct blk_ops mem_ops = {
	.name = "mem", .leaf = true, .read = mem_read, .destroy = mem_destroy
};

struct blk_mem *blk_mem_new(uint64_t size, uint32_t sector)
{
	struct blk_mem *mem = calloc(1, sizeof(*mem));
	if (mem)
		mem->bytes = calloc(1, size ? size : 1);
	if (!mem || !mem->bytes) {
		perror("blk_mem_new");
		abort();
	}
	blk_init(&mem->blk, &mem_ops, size, sector);
	return mem;
}
