/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lun - a LUN over iSCSI as a blk. The head of lun.h says how its parts fit together. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lun.h"

static int lun_read(struct blk *blk, void *buf, size_t len, uint64_t off, struct error *err)
{
	struct lun *lun = (struct lun *)blk;
	uint64_t mask = lun->blk.sector - 1;
	struct lun_request request = {
		.buf = buf,
		.len = len,
		.off = off,
		.next_off = off & ~mask,
		.end = (off + len + mask) & ~mask,
	};
	return lun_queue_submit(lun, &request, err);
}

/* ---- extents ---- */

/*
 * Takes an answer over as far as it is one run behind the other from @off on.
 *
 * Source: SBC-3, 5.4.2, GET LBA STATUS parameter data.
 *   0   length of what follows the first 4 bytes, 4 bytes
 *   8   descriptors of 16 bytes:
 *       0   first logical block, 8 bytes
 *       8   number of logical blocks, 4 bytes
 *       12  provisioning status (3:0): 0 mapped, 1 deallocated, 2 anchored
 */
void lun_parse_extents(const uint8_t *buf, size_t len, uint64_t off, uint32_t sector, uint64_t size,
		       struct lun_extents *ext)
{
	uint64_t end = len < 4 ? 0 : MIN((uint64_t)len, get_be(buf, 4) + 4);
	uint64_t next = off;
	ext->n = 0;
	for (uint64_t at = 8; at + 16 <= end && ext->n < LUN_EXTENTS && next < size; at += 16) {
		const uint8_t *d = buf + at;
		uint64_t first = get_be(d, 8);
		uint64_t last = first + get_be(d + 8, 4);
		/* The first one may begin before the block that was asked for. */
		if (first > next / sector || last <= next / sector || last > UINT64_MAX / sector)
			break;
		ext->start[ext->n] = next;
		ext->zero[ext->n++] = (d[12] & 0x0f) == 1;
		next = MIN(last * sector, size);
	}
	ext->start[ext->n] = next;
}

bool lun_extents_earn(struct lun_extents *ext)
{
	const uint64_t most = (uint64_t)LUN_EXTENT_QUESTIONS * LUN_EXTENT_COST;
	const uint64_t saved = LUN_EXTENT_COST / LUN_TRANSFER;
	for (size_t i = 0; i < ext->n; i++) {
		uint64_t length = MIN(ext->start[i + 1] - ext->start[i], most);
		ext->credit += ext->zero[i] ? length * saved : length;
	}
	ext->credit = MIN(ext->credit, most);
	if (ext->credit < LUN_EXTENT_COST)
		return false;
	ext->credit -= LUN_EXTENT_COST;
	return true;
}

/* Return: 0, also when the target does not know. */
static int ask(struct lun *lun, uint64_t off, struct error *err)
{
	struct lun_extents *ext = &lun->extents;
	unsigned char buf[8 + 16 * LUN_EXTENTS] = { 0 };
	uint64_t start = off - off % lun->blk.sector;
	struct lun_request request = {
		.ask = LUN_LBA_STATUS,
		.buf = buf,
		.len = sizeof(buf),
		.off = start,
		.next_off = start,
		.end = start + lun->blk.sector,
	};
	int rc = lun_queue_submit(lun, &request, err);
	if (rc < 0 && request.key == 0)
		return rc;
	if (rc == 0)
		lun_parse_extents(buf, request.got, start, lun->blk.sector, lun->blk.size, ext);
	/* It cannot, or what it says makes no sense: it is not asked again. */
	ext->unknown = rc < 0 || ext->n == 0 || !lun_extents_earn(ext);
	return 0;
}

/* The run that holds @off, from the last answer. */
static bool look_up(const struct lun_extents *ext, uint64_t off, struct blk_extent *ret)
{
	size_t i = 0;
	while (i < ext->n && off >= ext->start[i + 1])
		i++;
	if (i == ext->n || off < ext->start[0])
		return false;
	size_t last = i;
	while (last + 1 < ext->n && ext->zero[last + 1] == ext->zero[i])
		last++;
	*ret = (struct blk_extent){ .length = ext->start[last + 1] - off, .zero = ext->zero[i] };
	return true;
}

static int lun_extent(struct blk *blk, uint64_t off, struct blk_extent *ret, struct error *err)
{
	struct lun *lun = (struct lun *)blk;
	struct lun_extents *ext = &lun->extents;
	/* Deallocated blocks may read as anything, unless the LUN promises zeros. */
	if (!lun->identity.unmapped_is_zero)
		return 0;
	pthread_mutex_lock(&ext->lock);
	int rc = 0;
	if (!ext->unknown && !look_up(ext, off, ret)) {
		rc = ask(lun, off, err);
		if (rc == 0)
			look_up(ext, off, ret);
	}
	pthread_mutex_unlock(&ext->lock);
	return rc;
}

static int lun_confirm(struct blk *blk, struct error *err)
{
	struct lun *lun = (struct lun *)blk;
	uint8_t page[LUN_VPD_MAX] = { 0 };
	struct lun_request request = {
		.ask = LUN_WHO,
		.buf = page,
		.len = sizeof(page),
		.end = lun->blk.sector,
	};
	return lun_identity_page(&lun->identity) ? lun_queue_submit(lun, &request, err) : 0;
}

/* ---- opening and closing ---- */

static void lun_destroy(struct blk *blk)
{
	struct lun *lun = (struct lun *)blk;
	lun_queue_stop(lun);
	pthread_mutex_destroy(&lun->lock);
	pthread_mutex_destroy(&lun->extents.lock);
	pthread_cond_destroy(&lun->opened_cond);
	explicit_bzero(&lun->login, sizeof(lun->login));
	free(lun);
}

static const struct blk_ops lun_ops = {
	.name = "iscsi",
	.leaf = true,
	.read = lun_read,
	.extent = lun_extent,
	.confirm = lun_confirm,
	.destroy = lun_destroy,
};

static struct lun *lun_new(const struct lun_url *url)
{
	struct lun *lun = calloc(1, sizeof(*lun));
	if (!lun)
		return NULL;
	/* Size and sector are known when the LUN has been identified. */
	blk_init(&lun->blk, &lun_ops, 0, 512);
	pthread_mutex_init(&lun->lock, NULL);
	pthread_mutex_init(&lun->extents.lock, NULL);
	pthread_cond_init(&lun->opened_cond, NULL);
	lun->session.wake_fd = -1;
	lun->extents.credit = (uint64_t)LUN_EXTENT_QUESTIONS * LUN_EXTENT_COST;
	snprintf(lun->name, sizeof(lun->name), "LUN %d of '%s' on %s:%s", url->lun, url->target,
		 url->host, url->port);
	return lun;
}

int lun_open(const char *spec, const struct source_options *opts, struct source *source,
	     struct error *err)
{
	struct lun_url url;
	int rc = lun_url_parse(spec, &url, err);
	if (rc < 0)
		return rc;
	struct lun *lun = lun_new(&url);
	if (!lun)
		return error_set(err, -ENOMEM, "open a LUN: %m");
	CLEANUP(blk_unref_cleanup) struct blk *blk = &lun->blk;
	rc = lun_login_init(&lun->login, &url, opts, err);
	if (rc == 0)
		rc = lun_queue_start(lun, err);
	if (rc < 0)
		return error_wrap(err, rc, "%s", lun->name);
	const struct lun_identity *id = &lun->identity;
	blk->size = id->size;
	blk->sector = id->sector;
	blk->depth = (uint32_t)MAX((uint64_t)LUN_COMMANDS * id->transfer / blk->preferred, 2ul);
	memcpy(source->vendor, id->vendor, sizeof(source->vendor));
	memcpy(source->product, id->product, sizeof(source->product));
	memcpy(source->serial, id->serial, sizeof(source->serial));
	memcpy(source->id, id->id, sizeof(source->id));
	source->blk = steal(&blk);
	return 0;
}
