/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * strange - what nobody knows on the disks, and what its owner should hear of it.
 *
 * It is stored whole, or, if that was chosen, not at all; either way he may have expected something
 * else to be there: a volume group whose other disk was forgotten, or a file system that was
 * damaged.
 */
#ifndef STRANGE_H
#define STRANGE_H

#include <stdbool.h>

#include "lunette/layout.h"

/**
 * strange_warn() - warn of disks and volumes on which nothing is known
 * @stored: they are stored whole
 *
 * There is nothing to say of what is blank, as far as it is looked at: 64 MiB from the beginning,
 * what is known to be zero apart, and the end.
 *
 * Return: 0; -ENOMEM; the source's error.
 */
int strange_warn(struct layout *layout, bool stored, struct error *err);

#endif
