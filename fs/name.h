/* SPDX-License-Identifier: GPL-3.0-or-later */
/* name - names that somebody else chose, made into names of directories. */
#ifndef FS_NAME_H
#define FS_NAME_H

#include <stdbool.h>
#include <stddef.h>

/* With its NUL. Leaves room in the 255 bytes that programs expect of a name. */
#define NAME_SAFE_MAX 224

/**
 * name_safe() - make a name that is safe in a path
 * @taken: is this name in use already?
 *
 * '/', control characters and what is not UTF-8 become '_', "." and ".." and "" are replaced, what
 * is too long is cut. A name that is taken gets a number, "name~2", until one is free.
 */
void name_safe(const char *in, char out[NAME_SAFE_MAX], bool (*taken)(void *ctx, const char *name),
	       void *ctx);

#endif
