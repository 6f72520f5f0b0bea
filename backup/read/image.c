/* SPDX-License-Identifier: GPL-3.0-or-later */
/* image - see include/lunette/image.h. Reads go through the chunk map, one chunk at a time. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lunette/image.h"

struct image {
	struct blk blk;
	struct image_cache *cache;
	struct chunkmap *map;
	uint32_t chunk_size;
	char name[]; /* of the disk, for messages */
};

static int read_part(struct image *image, void *buf, size_t len, uint64_t off, struct error *err)
{
	uint64_t n = off / image->chunk_size;
	struct chunk_id id;
	int rc = chunkmap_get(image->map, n, &id, err);
	if (rc < 0)
		return rc;
	if (chunk_id_is_zero(&id)) {
		memset(buf, 0, len);
		return 0;
	}
	uint64_t rest = image->blk.size - n * image->chunk_size;
	size_t whole = (size_t)MIN((uint64_t)image->chunk_size, rest);
	return image_cache_read(image->cache, &id, whole, buf, len, off % image->chunk_size, err);
}

/* A chunk that no index knows is damage, and not a file that is not there. */
static int wrap(const struct image *image, uint64_t off, int rc, struct error *err)
{
	rc = error_wrap(err, rc, "%s at offset %" PRIu64, image->name, off);
	if (rc != -ENOENT)
		return rc;
	if (err)
		err->code = -EUCLEAN;
	return -EUCLEAN;
}

static int image_read(struct blk *blk, void *buf, size_t len, uint64_t off, struct error *err)
{
	struct image *image = (struct image *)blk;
	uint8_t *to = buf;
	while (len > 0) {
		size_t n = MIN(len, image->chunk_size - (size_t)(off % image->chunk_size));
		int rc = read_part(image, to, n, off, err);
		if (rc < 0)
			return wrap(image, off, rc, err);
		to += n;
		off += n;
		len -= n;
	}
	return 0;
}

static int image_extent(struct blk *blk, uint64_t off, struct blk_extent *ret, struct error *err)
{
	struct image *image = (struct image *)blk;
	uint64_t n;
	int rc = chunkmap_run(image->map, off / image->chunk_size, &ret->zero, &n, err);
	if (rc < 0)
		return wrap(image, off, rc, err);
	ret->length = n * image->chunk_size - off % image->chunk_size;
	return 0;
}

static void image_destroy(struct blk *blk)
{
	struct image *image = (struct image *)blk;
	chunkmap_close(image->map);
	image_cache_unref(image->cache);
	free(image);
}

static const struct blk_ops image_ops = {
	.name = "image",
	.leaf = true,
	.read = image_read,
	.extent = image_extent,
	.destroy = image_destroy,
};

int image_open(struct repo *repo, struct image_cache *cache, const struct repo_disk *disk,
	       struct blk **ret, struct error *err)
{
	if (disk->chunk_size != repo_chunk_size(repo))
		return error_set(err, -EUCLEAN,
				 "%s: its chunks have %" PRIu32
				 " bytes, those of the repository %" PRIu32,
				 disk->name, disk->chunk_size, repo_chunk_size(repo));
	size_t room = strlen(disk->name) + 1;
	struct image *image = calloc(1, sizeof(*image) + room);
	if (!image)
		return error_set(err, -ENOMEM, "open %s: %m", disk->name);
	blk_init(&image->blk, &image_ops, disk->size, disk->sector_size);
	CLEANUP(blk_unref_cleanup) struct blk *blk = &image->blk;
	/* Whole chunks do not pass through the cache; few at once keep the repository busy. */
	blk->preferred = MAX(BLK_PREFERRED, disk->chunk_size);
	blk->depth = 4;
	memcpy(image->name, disk->name, room);
	image->chunk_size = disk->chunk_size;
	image->cache = image_cache_ref(cache);
	int rc = chunkmap_open(repo, &disk->root, disk->n_chunks, &image->map, err);
	if (rc < 0)
		return error_wrap(err, rc, "open %s", disk->name);
	*ret = steal(&blk);
	return 0;
}
