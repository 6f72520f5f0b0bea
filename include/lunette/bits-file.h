/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * bits-file - an array of bits of any size in a temporary file, of which one page is in memory.
 *
 * The file is sparse: pages without ones take no room. It has no name, and goes with its owner.
 */
#ifndef LUNETTE_BITS_FILE_H
#define LUNETTE_BITS_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "lunette/error.h"
#include "lunette/util.h"

struct bits_file;

/**
 * bits_file_new() - all zeros
 * @ret: to be freed with bits_file_free(); one thread at a time
 *
 * Return: 0; what making a file in $TMPDIR, or /tmp, said.
 */
int bits_file_new(struct bits_file **ret, struct error *err);
void bits_file_free(struct bits_file *file); /* may be NULL */
DEFINE_CLEANUP(struct bits_file *, bits_file_free)

/**
 * bits_file_set() - set bits from @from to before @to
 * @ret_new: how many of them were not set
 */
int bits_file_set(struct bits_file *file, uint64_t from, uint64_t to, uint64_t *ret_new,
		  struct error *err);

/**
 * bits_file_run() - the run of equal bits from @from on, up to @to
 * @ret_n: at least 1; the next run may have the same value
 */
int bits_file_run(struct bits_file *file, uint64_t from, uint64_t to, uint64_t *ret_n,
		  bool *ret_set, struct error *err);

#endif
