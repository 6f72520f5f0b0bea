/* SPDX-License-Identifier: GPL-3.0-or-later */
/* signature - see signature.h. */
#include <errno.h>
#include <string.h>

#include <openssl/evp.h>

#include "signature.h"
#include "superblock.h"
#include "lunette/hex.h"

/* A GPT: the protective MBR, the head and 32 sectors of entries; as much without the MBR at the
 * end. */
#define GPT_SECTORS 34

/* ---- digest ---- */

static void md_free(EVP_MD_CTX *md)
{
	EVP_MD_CTX_free(md);
}
DEFINE_CLEANUP(EVP_MD_CTX *, md_free)

int signature_digest(struct blk *blk, const struct layout_range *ranges, size_t n,
		     char ret[SIGNATURE_HEX_MAX], struct error *err)
{
	CLEANUP(md_free_cleanup) EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool ok = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1;
	for (size_t i = 0; ok && i < n; i++) {
		uint8_t piece[4096];
		uint64_t off = ranges[i].start, left = ranges[i].length;
		while (ok && left) {
			size_t take = (size_t)MIN(left, (uint64_t)sizeof(piece));
			int rc = blk_read(blk, piece, take, off, err);
			if (rc < 0)
				return rc;
			ok = EVP_DigestUpdate(md, piece, take) == 1;
			off += take;
			left -= take;
		}
	}
	uint8_t sum[32];
	if (!ok || EVP_DigestFinal_ex(md, sum, NULL) != 1)
		return error_set(err, -ENOMEM, "a signature: libcrypto has no memory");
	hex_text(sum, sizeof(sum), ret);
	return 0;
}

/* ---- ranges ---- */

/* In ascending order, each once. What is too much is left out: the others tell enough. */
static void add_range(struct signature *s, uint64_t start, uint64_t length)
{
	size_t i = 0;
	while (i < s->n && s->ranges[i].start < start)
		i++;
	if (s->n == SIGNATURE_RANGES_MAX || (i < s->n && s->ranges[i].start == start) ||
	    (i > 0 && s->ranges[i - 1].start + s->ranges[i - 1].length > start))
		return;
	memmove(&s->ranges[i + 1], &s->ranges[i], (s->n - i) * sizeof(s->ranges[0]));
	s->ranges[i] = (struct layout_range){ .start = start, .length = length };
	s->n++;
}

struct collect {
	const struct layout *layout;
	struct signature *signatures;
};

static int add_behind(void *ctx, struct layout_disk *disk, uint64_t length, uint64_t off,
		      struct error *err)
{
	(void)err;
	struct collect *c = ctx;
	add_range(&c->signatures[disk - c->layout->disks], off, length);
	return 0;
}

static void add_table(const struct layout_disk *disk, struct signature *s)
{
	uint64_t size = disk->blk->size, sector = disk->sector;
	if (disk->table == LAYOUT_TABLE_MBR)
		add_range(s, 0, 512);
	if (disk->table != LAYOUT_TABLE_GPT || size < 2 * GPT_SECTORS * sector)
		return;
	add_range(s, 0, GPT_SECTORS * sector);
	add_range(s, size - (GPT_SECTORS - 1) * sector, (GPT_SECTORS - 1) * sector);
}

/* Parity changes with whatever else lies in the stripe: only identifiers that lie as they are. */
static bool is_plain(const struct layout_volume *v)
{
	return v->blk && !layout_type_has_parity(v->type);
}

int signature_of_disks(const struct layout_input *disks, size_t n, struct signature *ret,
		       struct error *err)
{
	CLEANUP(layout_free_cleanup) struct layout *layout = NULL;
	int rc = layout_new(disks, n, NULL, &layout, err);
	if (rc < 0)
		return rc;
	memset(ret, 0, n * sizeof(*ret));
	struct collect c = { .layout = layout, .signatures = ret };
	uint8_t id[SUPERBLOCK_ID_MAX];
	const struct superblock *kind;
	for (size_t i = 0; i < n; i++) {
		add_table(&layout->disks[i], &ret[i]);
		rc = superblock_find(layout->disks[i].blk, id, &kind, err);
		if (rc < 0)
			return error_wrap(err, rc, "disk '%s'", disks[i].source);
		if (kind)
			add_range(&ret[i], kind->id_at, kind->id_len);
	}
	for (size_t i = 0; i < layout->n_volumes; i++) {
		struct layout_volume *v = &layout->volumes[i];
		/* A volume that cannot be read tells nothing, and is no reason to stop. */
		if (!is_plain(v) || superblock_find(v->blk, id, &kind, NULL) < 0 || !kind)
			continue;
		rc = layout_walk(layout, v->blk, kind->id_len, kind->id_at, add_behind, &c, err);
		if (rc < 0)
			return rc;
	}
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = signature_digest(layout->disks[i].blk, ret[i].ranges, ret[i].n, ret[i].sha256,
				      err);
	return rc;
}

int signature_of_moment(struct blk *fs, struct signature *ret, struct error *err)
{
	uint8_t id[SUPERBLOCK_ID_MAX];
	const struct superblock *kind;
	int rc = superblock_find(fs, id, &kind, err);
	if (rc < 0)
		return rc;
	if (!kind || !kind->len)
		return error_set(err, -ENOTSUP, "what a freeze writes is not known for it");
	*ret = (struct signature){ 0 };
	add_range(ret, kind->at, kind->len);
	return signature_digest(fs, ret->ranges, ret->n, ret->sha256, err);
}

int signature_json(const struct signature *s, json_t *into, struct error *err)
{
	json_t *ranges = json_array();
	int rc = 0;
	for (size_t i = 0; i < s->n; i++)
		rc |= json_array_append_new(ranges,
					    json_pack("[I, I]", (json_int_t)s->ranges[i].start,
						      (json_int_t)s->ranges[i].length));
	rc |= json_object_set_new(into, "ranges", ranges);
	rc |= json_object_set_new(into, "sha256", json_string(s->sha256));
	return rc ? error_set(err, -ENOMEM, "a signature: %m") : 0;
}
