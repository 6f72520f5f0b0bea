/* SPDX-License-Identifier: GPL-3.0-or-later */
/* repack - see repack.h. */
#include <errno.h>
#include <string.h>

#include "lunette/recent.h"
#include "lunette/repack.h"

#define SEALED_MAX REPO_SEAL_BOUND((size_t)REPO_CHUNK_MAX)

/**
 * struct repack
 * @pack: that is being filled, or NULL
 * @sealed: room for a chunk as it lies in its pack, twice: opening it changes it
 * @opened: room for a chunk
 */
struct repack {
	struct repo *repo;
	struct id_set *taken;
	struct pack *pack;
	struct recent *recent;
	uint8_t *sealed;
	uint8_t *opened;
};

int repack_new(struct repo *repo, struct id_set *taken, struct repack **ret, struct error *err)
{
	CLEANUP(repack_free_cleanup) struct repack *repack = calloc(1, sizeof(*repack));
	if (!repack)
		return error_set(err, -ENOMEM, "copy chunks: %m");
	repack->repo = repo;
	repack->taken = taken;
	repack->recent = calloc(1, sizeof(*repack->recent));
	repack->sealed = malloc(2 * SEALED_MAX);
	repack->opened = malloc(REPO_CHUNK_MAX);
	if (!repack->recent || !repack->sealed || !repack->opened)
		return error_set(err, -ENOMEM, "copy chunks: %m");
	*ret = steal(&repack);
	return 0;
}

void repack_free(struct repack *repack)
{
	if (!repack)
		return;
	pack_abort(repack->pack);
	free(repack->recent);
	free(repack->sealed);
	free(repack->opened);
	free(repack);
}

bool repack_knows(const struct repack *repack, const struct chunk_id *id)
{
	return recent_knows(repack->recent, id);
}

static int write_index(struct repack *repack, struct error *err)
{
	struct recent *recent = repack->recent;
	char name[65];
	if (recent->n == 0)
		return 0;
	int rc = index_build(repack->repo->store, repack->repo->keys, recent->entries, recent->n,
			     recent->packs, recent->n_packs, name, err);
	if (rc == 0)
		rc = catalog_refresh(repack->repo->catalog, err);
	if (rc == 0)
		recent_clear(recent);
	return rc;
}

static int finish_pack(struct repack *repack, struct error *err)
{
	CLEANUP(store_draft_free_cleanup) struct store_draft *draft = NULL;
	struct index_pack done;
	char key[STORE_KEY_MAX];
	if (!repack->pack)
		return 0;
	int rc = pack_finish(steal(&repack->pack), repack->taken, &draft, &done, err);
	if (rc < 0)
		return rc;
	pack_key(done.id, key);
	rc = store_put(repack->repo->store, key, &draft->source, STORE_TWIN, err);
	if (rc < 0)
		return rc;
	recent_add_pack(repack->recent, &done);
	return recent_full(repack->recent) ? write_index(repack, err) : 0;
}

int repack_settle(struct repack *repack, struct error *err)
{
	int rc = finish_pack(repack, err);
	return rc < 0 ? rc : write_index(repack, err);
}

static int save(struct repack *repack, const struct pack_entry *entry, struct error *err)
{
	struct repo *repo = repack->repo;
	int rc = repack->pack ? 0 : pack_begin(repo->store, repo->keys, &repack->pack, err);
	if (rc < 0)
		return rc;
	struct sealed sealed = { .buf = repack->sealed,
				 .len = entry->stored,
				 .codec = entry->codec };
	struct index_entry known = { .id = entry->id,
				     .stored = entry->stored,
				     .length = entry->length,
				     .codec = entry->codec };
	rc = pack_add(repack->pack, &entry->id, &sealed, entry->length, entry->kind, &known.offset,
		      err);
	if (rc < 0)
		return rc;
	recent_add(repack->recent, &known);
	return pack_full(repack->pack) ? finish_pack(repack, err) : 0;
}

/* What chunks are copied from goes: a new pack of its name would go with it. */
static int give_up_name(struct repack *repack, const char *key, struct error *err)
{
	struct chunk_id id;
	bool is_new;
	if (!chunk_id_parse(key + strlen("packs/xx/"), &id))
		return error_set(err, -EINVAL, "'%s' is no pack", key);
	return id_set_add(repack->taken, &id, &is_new, err);
}

int repack_add(struct repack *repack, const char *key, const struct pack_entry *entry,
	       struct error *ret_why, struct error *err)
{
	struct repo *repo = repack->repo;
	uint8_t *copy = repack->sealed + SEALED_MAX;
	*ret_why = (struct error){ 0 };
	int rc = give_up_name(repack, key, err);
	if (rc < 0)
		return rc;
	rc = store_read(repo->store, key, repack->sealed, entry->stored, entry->offset, ret_why);
	if (rc < 0)
		return 0;
	memcpy(copy, repack->sealed, entry->stored);
	rc = repo_open_chunk(repo, &entry->id, copy, entry->stored, entry->codec, repack->opened,
			     entry->length, ret_why);
	return rc < 0 ? 0 : save(repack, entry, err);
}
