/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * name - names that somebody else chose, made into names that a path can have.
 *
 * A title, as of a backup, is made safe once and kept (name_safe()). The names of files are too
 * many for that, so each is spelled in a way of its own that can be read back (name_shown()).
 */
#ifndef FS_NAME_H
#define FS_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/**
 * name_shown() - a file's name as a path can have it
 * @in: @len bytes, any
 * @twin: 0; or the number of a file whose name another one in its directory has, too, which only
 *        damage does: "%#NUMBER" is put behind it
 * @out: NUL-terminated on return
 *
 * Most names are shown as they are. What no path can have gets a '%': '/' is shown as '%' and
 * U+2215, NUL as '%' and U+2400, "." and ".." as "%." and "%..". A '%' that could be taken for one
 * of these is doubled, and so no two names are shown as one. What has 255 characters never needs
 * more than 1020 bytes.
 *
 * Return: its length; 0 if @size is too small, or the name is empty.
 */
size_t name_shown(const char *in, size_t len, uint64_t twin, char *out, size_t size);

/**
 * name_meant() - the name that is shown like this
 * @shown: not "." or ".."
 * @out: has room for as many bytes as @shown has; gets no NUL
 * @ret_twin: as above
 *
 * Return: its length.
 */
size_t name_meant(const char *shown, char *out, uint64_t *ret_twin);

#endif
