/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * layout-lock - the recogniser of encrypted volumes: asks for keys, and puts what is behind them in
 * the place of what is in front.
 *
 * What opens a volume is a row that the caller brings (struct layout_opener). The rows here only
 * know that there is a lock, so that nobody looks for a file system.
 *
 * Source: LUKS: cryptsetup, docs/on-disk-format-luks2.pdf, section 2.1, which LUKS1 has in the same
 * place; BitLocker: libbde's format description, section 3.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "recognise.h"

#define ATTEMPTS_MAX 16

static int luks_recognise(struct blk *blk, char id[static 40], struct error *err)
{
	char head[512];
	if (blk->size < sizeof(head))
		return 0;
	int rc = blk_read(blk, head, sizeof(head), 0, err);
	if (rc < 0)
		return rc;
	snprintf(id, 40, "%.36s", head + 168);
	return memcmp(head, "LUKS\xba\xbe\0", 7) == 0;
}

static int bitlocker_recognise(struct blk *blk, char id[static 40], struct error *err)
{
	char head[16];
	id[0] = '\0';
	if (blk->size < sizeof(head))
		return 0;
	int rc = blk_read(blk, head, sizeof(head), 0, err);
	return rc < 0 ? rc : memcmp(head + 3, "-FVE-FS-", 8) == 0;
}

static const struct layout_opener luks = { .kind = "LUKS", .recognise = luks_recognise };
static const struct layout_opener bitlocker = { .kind = "BitLocker",
						.recognise = bitlocker_recognise };
static const struct layout_opener *const own[] = { &luks, &bitlocker, NULL };

/* Return: 1 and @ret set, 0 when it is not encrypted as far as anybody can tell. */
static int find_opener(const struct layout_opener *const *openers, const struct candidate *c,
		       char id[static 40], const struct layout_opener **ret)
{
	for (; openers && *openers; openers++)
		if ((*openers)->recognise(c->look, id, NULL) > 0) {
			*ret = *openers;
			return 1;
		}
	return 0;
}

static void wipe(struct layout_key *key)
{
	volatile uint8_t *p = (volatile uint8_t *)key;
	for (size_t i = 0; i < sizeof(*key); i++)
		p[i] = 0;
}

static int keep_locked(struct search *search, const struct candidate *c, const char *kind,
		       const char *why)
{
	struct layout_volume *volume = search_volume(search, c);
	if (volume && volume->state == LAYOUT_OK) {
		volume->state = LAYOUT_LOCKED;
		snprintf(volume->reason, sizeof(volume->reason), "it is encrypted (%s): %.200s",
			 kind, why);
	}
	return 1;
}

static int take_opened(struct search *search, struct candidate *c,
		       const struct layout_opened *opened, struct error *err)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < opened->n_metadata; i++)
		rc = layout_add_metadata(search->layout, c->blk, opened->metadata[i].length,
					 opened->metadata[i].start, err);
	if (rc < 0) {
		blk_unref(opened->blk);
		return rc;
	}
	rc = search_unlocked(search, c, opened->blk, err);
	return rc < 0 ? rc : 1;
}

static int try_keys(struct search *search, struct candidate *c, const struct layout_opener *opener,
		    const char *id, struct error *err)
{
	const struct layout_options *options = search->options;
	struct layout_lock lock = { .volume = c->name, .kind = opener->kind, .id = id };
	struct layout_opened opened = { .blk = NULL };
	struct error why = { 0 };
	const char *reason = "there is no key for it";
	for (unsigned int i = 0; i < ATTEMPTS_MAX; i++) {
		struct layout_key key;
		int rc = options->key(options->key_ctx, &lock, i, &key, err);
		if (rc == 0)
			break;
		if (rc > 0)
			rc = opener->open(c->blk, &key, &opened, &why);
		else
			return rc;
		wipe(&key);
		if (rc == 0)
			return take_opened(search, c, &opened, err);
		reason = rc == -EACCES ? "no key that was given for it is the right one" : why.msg;
		if (rc != -EACCES)
			break;
	}
	return keep_locked(search, c, opener->kind, reason);
}

static int look(void *state, struct search *search, struct candidate *c, struct error *err)
{
	(void)state;
	char id[40] = "";
	const struct layout_opener *opener;
	if (c->table || (!find_opener(search->options->openers, c, id, &opener) &&
			 !find_opener(own, c, id, &opener)))
		return 0;
	if (!opener->open)
		return keep_locked(search, c, opener->kind, "lunette cannot open such volumes");
	if (!search->options->key)
		return keep_locked(search, c, opener->kind, "there is no key for it");
	return try_keys(search, c, opener, id, err);
}

const struct recogniser layout_locks = { .look = look };
