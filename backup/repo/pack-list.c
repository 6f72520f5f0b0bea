/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pack-list - what packs are called, and which there are. See pack.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lunette/hex.h"
#include "lunette/pack.h"

void pack_key(const uint8_t id[32], char *ret)
{
	char hex[65];
	hex_text(id, 32, hex);
	snprintf(ret, STORE_KEY_MAX, PACK_FOLDER "/%.2s/%s", hex, hex);
}

struct each {
	const char *folder; /* that is listed */
	pack_list_fn *fn;
	void *ctx;
};

/* Names of another shape are not ours, and a pack in another's folder is found by nobody. */
static int found(void *ctx, const char *name, const struct store_stat *st, struct error *err)
{
	const struct each *each = ctx;
	struct chunk_id id;
	char is[STORE_KEY_MAX], should[STORE_KEY_MAX];
	const char *slash = strrchr(name, '/');
	if (!chunk_id_parse(slash ? slash + 1 : name, &id))
		return 0;
	pack_key(id.bytes, should);
	int n = snprintf(is, sizeof(is), "%s/%s", each->folder, name);
	return n < (int)sizeof(is) && strcmp(is, should) == 0 ? each->fn(each->ctx, &id, st, err)
							      : 0;
}

int pack_list(struct store *store, pack_list_fn *fn, void *ctx, struct error *err)
{
	struct each each = { .folder = PACK_FOLDER, .fn = fn, .ctx = ctx };
	return store_list(store, each.folder, found, &each, err);
}

int pack_list_folder(struct store *store, uint8_t first, pack_list_fn *fn, void *ctx,
		     struct error *err)
{
	char folder[16];
	snprintf(folder, sizeof(folder), PACK_FOLDER "/%02x", first);
	struct each each = { .folder = folder, .fn = fn, .ctx = ctx };
	return store_list(store, folder, found, &each, err);
}
