/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * temp - files for what does not fit in memory: without a name, gone with the process.
 *
 * They lie in $TMPDIR, else in /var/tmp: /tmp is often memory.
 */
#ifndef REPO_TEMP_H
#define REPO_TEMP_H

#include <stddef.h>
#include <stdint.h>

#include "lunette/error.h"

/**
 * temp_open() - make an empty file
 * @ret: its descriptor, to be closed
 */
int temp_open(int *ret, struct error *err);

/* All of a range, or an error. */
int temp_write(int fd, const void *buf, size_t len, uint64_t off, struct error *err);
int temp_read(int fd, void *buf, size_t len, uint64_t off, struct error *err);

#endif
