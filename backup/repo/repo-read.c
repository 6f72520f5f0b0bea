/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * repo-read - reading chunks: find, read, open, and prove that what came out is what was asked for.
 *
 * Every place where a chunk lies is tried before it is given up, since two writers at once may have
 * stored it twice.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "lunette/repo-parts.h"
#include "seal.h"

/* As many openers are kept as threads may read at once; more threads than that make their own. */
#define OPENERS_MAX 16

struct openers {
	pthread_mutex_t lock;
	size_t n;
	struct opener *idle[OPENERS_MAX];
};

int openers_new(struct openers **ret, struct error *err)
{
	struct openers *openers = calloc(1, sizeof(*openers));
	if (!openers)
		return error_set(err, -ENOMEM, "open the repository: %m");
	pthread_mutex_init(&openers->lock, NULL);
	*ret = openers;
	return 0;
}

void openers_free(struct openers *openers)
{
	if (!openers)
		return;
	for (size_t i = 0; i < openers->n; i++)
		opener_free(openers->idle[i]);
	pthread_mutex_destroy(&openers->lock);
	free(openers);
}

static int take(struct openers *openers, struct opener **ret, struct error *err)
{
	struct opener *opener = NULL;
	pthread_mutex_lock(&openers->lock);
	if (openers->n > 0)
		opener = openers->idle[--openers->n];
	pthread_mutex_unlock(&openers->lock);
	if (!opener)
		return opener_new(ret, err);
	*ret = opener;
	return 0;
}

static void give_back(struct openers *openers, struct opener *opener)
{
	pthread_mutex_lock(&openers->lock);
	bool room = openers->n < OPENERS_MAX;
	if (room)
		openers->idle[openers->n++] = opener;
	pthread_mutex_unlock(&openers->lock);
	if (!room)
		opener_free(opener);
}

/* What is encrypted is proved first: nothing else reaches the decompressor. */
static int open_sealed(const struct repo *repo, struct opener *opener, const struct chunk_id *id,
		       uint8_t *sealed, size_t sealed_len, uint8_t codec, void *buf, size_t len,
		       struct error *err)
{
	int rc = 0;
	if (repo->keys) {
		rc = box_open(&repo->keys->data, &(struct box_note){ id->bytes, sizeof(id->bytes) },
			      sealed, sealed_len, &sealed, err);
		sealed_len -= rc < 0 ? 0 : BOX_MORE;
	}
	if (rc == -EBADMSG)
		return error_set(err, -EUCLEAN,
				 "it is damaged: the chunk does not open with the key");
	if (rc == 0)
		rc = opener_open(opener, sealed, sealed_len, codec, buf, len, err);
	struct chunk_id opened;
	if (rc == 0)
		rc = repo_identify(repo, buf, len, &opened, err);
	if (rc == 0 && memcmp(&opened, id, sizeof(opened)) != 0)
		rc = error_set(err, -EUCLEAN, "it is damaged: the chunk is not what its id says");
	return rc;
}

int repo_open_chunk(struct repo *repo, const struct chunk_id *id, void *sealed, size_t sealed_len,
		    uint8_t codec, void *buf, size_t len, struct error *err)
{
	struct opener *opener;
	int rc = take(repo->openers, &opener, err);
	if (rc < 0)
		return rc;
	rc = open_sealed(repo, opener, id, sealed, sealed_len, codec, buf, len, err);
	give_back(repo->openers, opener);
	return rc;
}

static int read_sealed(struct repo *repo, const struct catalog_place *place, const char *key,
		       void *buf, size_t len, struct error *err)
{
	const struct index_entry *entry = &place->entry;
	struct opener *opener;
	int rc = take(repo->openers, &opener, err);
	if (rc < 0)
		return rc;
	void *sealed = opener_buf(opener, entry->stored);
	rc = sealed ? store_read(repo->store, key, sealed, entry->stored, entry->offset, err)
		    : error_set(err, -ENOMEM, "%m");
	if (rc == 0)
		rc = open_sealed(repo, opener, &entry->id, sealed, entry->stored, entry->codec, buf,
				 len, err);
	give_back(repo->openers, opener);
	return rc;
}

int repo_read_place(struct repo *repo, const struct catalog_place *place, void *buf, size_t len,
		    struct error *err)
{
	char key[STORE_KEY_MAX];
	pack_key(place->pack.id, key);
	if (place->entry.length != len)
		return error_set(err, -EUCLEAN, "'%s': it has %u bytes, and %zu belong here", key,
				 place->entry.length, len);
	int rc = read_sealed(repo, place, key, buf, len, err);
	if (rc == -ENOENT)
		return error_set(err, -EUCLEAN, "'%s' is missing", key);
	if (rc == -EUCLEAN)
		store_forget(repo->store, key);
	return rc < 0 ? error_wrap(err, rc, "'%s' at offset %u", key, place->entry.offset) : 0;
}

/*
 * @why: the first error of a place that was tried; what it holds stays when there is one already
 *
 * Return: whether it was read.
 */
static bool read_anywhere(struct repo *repo, const struct chunk_id *id, void *buf, size_t len,
			  struct catalog_search *search, struct error *why)
{
	struct catalog_place place;
	while (catalog_next(repo->catalog, search, id, &place)) {
		struct error err = { 0 };
		if (repo_read_place(repo, &place, buf, len, &err) == 0)
			return true;
		if (why->code == 0)
			*why = err;
	}
	return false;
}

int repo_read(struct repo *repo, const struct chunk_id *id, void *buf, size_t len,
	      struct error *err)
{
	struct catalog_search search = { 0 };
	struct error why = { 0 };
	if (read_anywhere(repo, id, buf, len, &search, &why))
		return 0;
	/* Another writer may have added it since the indexes were listed: ask the new ones too. */
	search = (struct catalog_search){ 0 };
	if (catalog_refresh(repo->catalog, &search.damage) == 0 &&
	    read_anywhere(repo, id, buf, len, &search, &why))
		return 0;

	char hex[65];
	chunk_id_hex(id, hex);
	if (why.code == -EUCLEAN)
		return error_set(
			err, why.code,
			"chunk %.16s: %s; put that file back from a copy of the repository", hex,
			why.msg);
	if (why.code < 0)
		return error_set(err, why.code, "chunk %.16s: %s", hex, why.msg);
	if (search.damage.code < 0)
		return error_set(
			err, search.damage.code,
			"chunk %.16s: %s; no other index knows it; put that file back from a "
			"copy of the repository, or back up the same disks again, which "
			"stores it again",
			hex, search.damage.msg);
	return error_set(err, -ENOENT, "chunk %.16s is in none of the indexes", hex);
}
