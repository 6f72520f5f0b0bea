/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tool-nbd - what a program serves as NBD on its standard streams, to standard output; holes are
 * not read, but written as zeros.
 *
 *   tool-nbd PROGRAM [ARGUMENT...]
 */
#include <stdio.h>
#include <stdlib.h>

#include "lunette/source.h"

#define PIECE (1u << 20)

static int copy(struct blk *blk, struct error *err)
{
	CLEANUP(free_cleanup) char *piece = malloc(PIECE);
	struct blk_extent extent;
	for (uint64_t off = 0; off < blk->size; off += extent.length) {
		int rc = blk_extent(blk, off, &extent, err);
		if (rc < 0)
			return rc;
		extent.length = MIN(extent.length, (uint64_t)PIECE);
		memset(piece, 0, PIECE);
		if (!extent.zero)
			rc = blk_read(blk, piece, (size_t)extent.length, off, err);
		if (rc < 0)
			return rc;
		fwrite(piece, 1, (size_t)extent.length, stdout);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct error err = { 0 };
	CLEANUP(blk_unref_cleanup) struct blk *blk = NULL;
	if (argc < 2)
		return 2;
	int rc = blk_nbd_open(argv + 1, argv[1], &blk, &err);
	if (rc == 0)
		rc = copy(blk, &err);
	if (rc < 0)
		fprintf(stderr, "%s\n", err.msg);
	return rc < 0 || fflush(stdout) != 0;
}
