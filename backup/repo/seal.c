/* SPDX-License-Identifier: GPL-3.0-or-later */
/* seal - see seal.h. The one file that uses libzstd. */
#include <errno.h>
#include <string.h>

#include <zstd.h>
#include <zstd_errors.h>

#include "lunette/random.h"
#include "lunette/repo-parts.h"
#include "seal.h"

_Static_assert(REPO_SEAL_BOUND(0) == BOX_MORE, "a sealed chunk has room for its box");

/*
 * Level 1 with a smaller table: 16 KiB, which stay in the processor's first cache beside the data.
 * Measured on 300 MB of programs with a sixth of random data, in chunks of 256 KiB, on one core
 * (default hashLog is 14 here): 14: x2.120 at 490 MB/s, 13: x2.100 at 500, 12: x2.073 at 555,
 * 11: x2.041 at 565; minMatch 5 gains 1.5 % of size and costs 8 % of speed; targetLength 1 (what
 * zstd --fast=1 is) x1.998 at 560; `zstd -1` of it all as one stream x2.102 at 485.
 */
#define LEVEL_1_HASH_LOG 12

/*
 * From this level on a chunk is tried with level 1 before: what that does not make smaller is
 * stored as it is. Measured in MB/s, on random data without and with a try, and what the try costs
 * programs: level 6: 315, 3400, 20 %; level 9: 285, 3400, 11 %; level 15: 14, 3400, 2 %. Below, it
 * does not pay: level 3 gives up as fast itself.
 */
#define TRY_FROM 7

struct sealer {
	ZSTD_CCtx *cctx;
	ZSTD_CCtx *try;          /* NULL where that does not pay */
	const struct keys *keys; /* NULL: not encrypted */
};

struct opener {
	ZSTD_DCtx *dctx;
	void *buf;
	size_t buf_len;
};

static int new_cctx(int level, ZSTD_CCtx **ret, struct error *err)
{
	ZSTD_CCtx *cctx = *ret = ZSTD_createCCtx();
	if (!cctx)
		return error_set(err, -ENOMEM, "compression: %m");
	size_t rc = ZSTD_CCtx_setParameter(cctx, ZSTD_c_compressionLevel, level);
	if (!ZSTD_isError(rc) && level == 1)
		rc = ZSTD_CCtx_setParameter(cctx, ZSTD_c_hashLog, LEVEL_1_HASH_LOG);
	if (ZSTD_isError(rc))
		return error_set(err, -EINVAL, "compression level %d: %s", level,
				 ZSTD_getErrorName(rc));
	return 0;
}

int sealer_new(const struct repo *repo, int level, struct sealer **ret, struct error *err)
{
	if (!repo_level_ok(level))
		return error_set(err, -EINVAL, "there is no compression level %d", level);
	CLEANUP(sealer_free_cleanup) struct sealer *sealer = calloc(1, sizeof(*sealer));
	if (!sealer)
		return error_set(err, -ENOMEM, "compression: %m");
	int rc = new_cctx(level, &sealer->cctx, err);
	if (rc == 0 && level >= TRY_FROM)
		rc = new_cctx(1, &sealer->try, err);
	if (rc < 0)
		return rc;
	sealer->keys = repo ? repo->keys : NULL;
	*ret = steal(&sealer);
	return 0;
}

void sealer_free(struct sealer *sealer)
{
	if (!sealer)
		return;
	ZSTD_freeCCtx(sealer->cctx);
	ZSTD_freeCCtx(sealer->try);
	free(sealer);
}

/* @to: room for @len bytes */
static int compress(struct sealer *sealer, const void *buf, size_t len, uint8_t *to,
		    struct sealed *ret, struct error *err)
{
	/* One byte less than it is: what does not fit there is not worth opening. */
	size_t n = ZSTD_compress2(sealer->try ? sealer->try : sealer->cctx, to, len - 1, buf, len);
	if (sealer->try && !ZSTD_isError(n))
		n = ZSTD_compress2(sealer->cctx, to, len - 1, buf, len);
	if (!ZSTD_isError(n)) {
		ret->len = (uint32_t)n;
		ret->codec = CODEC_ZSTD;
		return 0;
	}
	if (ZSTD_getErrorCode(n) != ZSTD_error_dstSize_tooSmall)
		return error_set(err, -ENOMEM, "compression: %s", ZSTD_getErrorName(n));
	memcpy(to, buf, len);
	ret->len = (uint32_t)len;
	ret->codec = CODEC_STORED;
	return 0;
}

int sealer_seal(struct sealer *sealer, const struct chunk_id *id, const void *buf, size_t len,
		struct sealed *ret, struct error *err)
{
	if (!sealer->keys)
		return compress(sealer, buf, len, ret->buf, ret, err);
	uint8_t *text = ret->buf + BOX_NONCE;
	int rc = compress(sealer, buf, len, text, ret, err);
	if (rc == 0)
		rc = random_bytes(ret->buf, BOX_NONCE, err);
	if (rc == 0)
		rc = box_encrypt(&sealer->keys->data, ret->buf,
				 &(struct box_note){ id->bytes, sizeof(id->bytes) }, text, ret->len,
				 text + ret->len, err);
	ret->len += BOX_MORE;
	return rc;
}

int opener_new(struct opener **ret, struct error *err)
{
	CLEANUP(opener_free_cleanup) struct opener *opener = calloc(1, sizeof(*opener));
	if (!opener || !(opener->dctx = ZSTD_createDCtx()))
		return error_set(err, -ENOMEM, "decompression: %m");
	*ret = steal(&opener);
	return 0;
}

void opener_free(struct opener *opener)
{
	if (!opener)
		return;
	ZSTD_freeDCtx(opener->dctx);
	free(opener->buf);
	free(opener);
}

void *opener_buf(struct opener *opener, size_t len)
{
	if (opener->buf_len < len) {
		free(opener->buf);
		opener->buf = malloc(len);
		opener->buf_len = opener->buf ? len : 0;
	}
	return opener->buf;
}

int opener_open(struct opener *opener, const void *sealed, size_t sealed_len, uint8_t codec,
		void *buf, size_t len, struct error *err)
{
	if (codec == CODEC_STORED) {
		if (sealed_len != len)
			return error_set(err, -EUCLEAN, "%zu bytes stored where %zu belong",
					 sealed_len, len);
		memcpy(buf, sealed, len);
		return 0;
	}
	if (codec != CODEC_ZSTD)
		return error_set(err, -EUCLEAN, "codec %u is unknown", codec);
	size_t n = ZSTD_decompressDCtx(opener->dctx, buf, len, sealed, sealed_len);
	if (ZSTD_isError(n))
		return error_set(err, -EUCLEAN, "decompression: %s", ZSTD_getErrorName(n));
	if (n != len)
		return error_set(err, -EUCLEAN, "%zu bytes came out where %zu belong", n, len);
	return 0;
}
