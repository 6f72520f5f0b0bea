/* SPDX-License-Identifier: GPL-3.0-or-later */
/* digest - SHA-256: names objects, identifies chunks, and proves both when they are read. */
#ifndef LUNETTE_DIGEST_H
#define LUNETTE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "lunette/error.h"

#define DIGEST_SIZE 32

/**
 * digest() - the SHA-256 of some bytes. Any thread.
 *
 * Return: 0 or -ENOMEM.
 */
int digest(const void *buf, size_t len, uint8_t ret[DIGEST_SIZE], struct error *err);

#endif
