/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * doubt - what speaks against a file system that says what is in use.
 *
 * Nothing is left out of a backup but what a file system calls free. One that is a remainder of
 * what was there before, or whose volume is not put together as it should be, opens like any other:
 * then what it calls free may be in use by somebody else.
 */
#ifndef DOUBT_H
#define DOUBT_H

#include "lunette/filesystem.h"

/**
 * doubt_file_system() - may @fs be asked what of its volume is in use?
 *
 * Return: 0; -EUCLEAN, with what speaks against it; another negative errno when that cannot be
 * said.
 */
int doubt_file_system(const struct layout *layout, const struct layout_volume *volume,
		      struct fs *fs, struct error *err);

#endif
