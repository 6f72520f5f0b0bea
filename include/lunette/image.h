/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * image - a disk of a restore point, as a blk: with it, all that works on a live snapshot works on
 * a finished backup.
 */
#ifndef LUNETTE_IMAGE_H
#define LUNETTE_IMAGE_H

#include <stddef.h>

#include "lunette/blk.h"
#include "lunette/error.h"
#include "lunette/repo.h"

#define IMAGE_CACHE_DEFAULT ((size_t)64 << 20)

/**
 * struct image_cache - opened chunks, for the images of one restore point to share
 *
 * Any thread. Different chunks are opened at the same time, the same one only once.
 */
struct image_cache;

/**
 * image_cache_new() - an empty cache
 * @repo: must outlive the cache
 * @bytes: how much it keeps; a few chunks at least. Memory is taken as it fills
 * @ret: one reference, to be given back with image_cache_unref()
 */
int image_cache_new(struct repo *repo, size_t bytes, struct image_cache **ret, struct error *err);
struct image_cache *image_cache_ref(struct image_cache *cache);
void image_cache_unref(struct image_cache *cache); /* may be NULL */
DEFINE_CLEANUP(struct image_cache *, image_cache_unref)

/**
 * image_cache_read() - a part of a chunk
 * @whole: bytes of the chunk, at most the repository's chunk size
 * @len: bytes wanted
 * @off: of the first one in the chunk; the part lies inside it
 *
 * A whole chunk that is not kept goes straight to the caller, and is not kept then either: whoever
 * reads in that way does not come back.
 */
int image_cache_read(struct image_cache *cache, const struct chunk_id *id, size_t whole, void *buf,
		     size_t len, size_t off, struct error *err);

/**
 * image_open() - a disk of a restore point
 * @repo: must outlive the blk
 * @cache: over the same repository; the blk takes a reference
 * @disk: as repo_point_disk() gave it
 * @ret: a blk whose extents are the chunks that are not stored. What could not be read when the
 *       backup was made gives -EIO, and is no such extent; nothing else does
 */
int image_open(struct repo *repo, struct image_cache *cache, const struct repo_disk *disk,
	       struct blk **ret, struct error *err);

#endif
