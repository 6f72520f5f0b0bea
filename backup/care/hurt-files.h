/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hurt-files - which files of a volume have bytes in its lost ranges? A part of hurt. */
#ifndef HURT_FILES_H
#define HURT_FILES_H

#include "hurt.h"
#include "lunette/filesystem.h"

/**
 * hurt_files() - go through all files of a file system
 * @lost: ranges of the volume that cannot be read
 * @volume: {"files": [{"path", "bytes"}], "more_files", "structures", "unused"} are set in it:
 *          bytes that the file system uses for itself, and bytes that it does not use
 *
 * Return: 0; -EINTR; -ENOMEM.
 */
int hurt_files(struct fs *fs, const struct hurt_ranges *lost, const atomic_bool *stop,
	       json_t *volume, struct error *err);

#endif
