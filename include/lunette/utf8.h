/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * utf8 - names from disks, made into valid UTF-8.
 *
 * What does not form a character becomes U+FFFD; a name that does not fit is cut between two
 * characters. Neither function can fail, because a strange name must never hide what bears it.
 */
#ifndef LUNETTE_UTF8_H
#define LUNETTE_UTF8_H

#include <stddef.h>

/**
 * utf8_from_utf16le() - convert little-endian UTF-16, up to a NUL or @units
 * @src: @units pairs of bytes, need not be aligned
 * @buf: NUL-terminated on return; 3 bytes a unit and 1 more are always enough
 * @size: of @buf, at least 1
 */
void utf8_from_utf16le(const void *src, size_t units, char *buf, size_t size);

/**
 * utf8_clean() - copy bytes that should be UTF-8, up to a NUL or @len
 * @buf: NUL-terminated on return; 3 times @len and 1 more are always enough
 * @size: of @buf, at least 1
 */
void utf8_clean(const void *src, size_t len, char *buf, size_t size);

#endif
