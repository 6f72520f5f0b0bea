/* SPDX-License-Identifier: GPL-3.0-or-later */
/* image - see include/lunette/image.h. Reads go through the chunk map, one chunk at a time. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lunette/bad-ranges.h"
#include "lunette/image.h"

/**
 * struct image - a disk of a restore point
 * @bad: what could not be read when it was backed up, and cannot be read now
 * @name: of the disk, for messages
 */
struct image {
	struct blk blk;
	struct image_cache *cache;
	struct chunkmap *map;
	uint32_t chunk_size;
	struct bad_ranges bad;
	char name[];
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

/* A chunk that no index knows is damage, and not a file that is not there; and where the repository
 * cannot be read, that is no bad sector of this disk. */
static int wrap(const struct image *image, uint64_t off, int rc, struct error *err)
{
	rc = error_wrap(err, rc, "%s at offset %" PRIu64, image->name, off);
	if (rc == -ENOENT)
		rc = -EUCLEAN;
	if (rc == -EIO)
		rc = -EREMOTEIO;
	if (err)
		err->code = rc;
	return rc;
}

static int refuse_bad(const struct image *image, size_t len, uint64_t off, struct error *err)
{
	const struct bad_range *bad = bad_ranges_in(&image->bad, len, off);
	return bad ? error_set(err, -EIO,
			       "%s: %" PRIu64 " bytes at offset %" PRIu64
			       " could not be read when the backup was made",
			       image->name, bad->length, bad->start)
		   : 0;
}

static int image_read(struct blk *blk, void *buf, size_t len, uint64_t off, struct error *err)
{
	struct image *image = (struct image *)blk;
	uint8_t *to = buf;
	int rc = refuse_bad(image, len, off, err);
	while (rc == 0 && len > 0) {
		size_t n = MIN(len, image->chunk_size - (size_t)(off % image->chunk_size));
		rc = read_part(image, to, n, off, err);
		if (rc < 0)
			return wrap(image, off, rc, err);
		to += n;
		off += n;
		len -= n;
	}
	return rc;
}

static int image_extent(struct blk *blk, uint64_t off, struct blk_extent *ret, struct error *err)
{
	struct image *image = (struct image *)blk;
	const struct bad_range *bad = bad_ranges_next(&image->bad, off);
	if (bad && bad->start <= off) {
		*ret = (struct blk_extent){ .length = bad->start + bad->length - off };
		return 0;
	}
	uint64_t n;
	int rc = chunkmap_run(image->map, off / image->chunk_size, &ret->zero, &n, err);
	if (rc < 0)
		return wrap(image, off, rc, err);
	ret->length = n * image->chunk_size - off % image->chunk_size;
	if (bad)
		ret->length = MIN(ret->length, bad->start - off);
	return 0;
}

static void image_destroy(struct blk *blk)
{
	struct image *image = (struct image *)blk;
	chunkmap_close(image->map);
	image_cache_unref(image->cache);
	bad_ranges_clear(&image->bad);
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
	int rc = bad_ranges_parse(disk->unreadable, disk->size, &image->bad, err);
	if (rc == 0)
		rc = chunkmap_open(repo, &disk->root, disk->n_chunks, &image->map, err);
	if (rc < 0)
		return error_wrap(err, rc, "open %s", disk->name);
	*ret = steal(&blk);
	return 0;
}
