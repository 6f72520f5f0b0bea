/* SPDX-License-Identifier: GPL-3.0-or-later */
/* random - bytes that nobody can guess: keys, secrets, ids, names that are not taken. */
#ifndef LUNETTE_RANDOM_H
#define LUNETTE_RANDOM_H

#include <stddef.h>

#include "lunette/error.h"

/**
 * random_bytes() - the system's own random numbers
 * @ret: filled with @len bytes; any number of them
 */
int random_bytes(void *ret, size_t len, struct error *err);

#endif
