/* SPDX-License-Identifier: GPL-3.0-or-later */
/* repo - makes and opens repositories. See lunette/repo.h. */
#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>

#include "lunette/digest.h"
#include "lunette/key-document.h"
#include "lunette/recall.h"
#include "lunette/repo-parts.h"

int repo_init(const char *path, const struct repo_settings *settings, struct error *err)
{
	if (!config_chunk_size_ok(settings->chunk_size))
		return error_set(err, -EINVAL,
				 "chunk size %u: a power of two from %u to %u bytes is needed",
				 settings->chunk_size, REPO_CHUNK_MIN, REPO_CHUNK_MAX);
	if (settings->level && !repo_level_ok(settings->level))
		return error_set(err, -EINVAL, "there is no compression level %d", settings->level);
	CLEANUP(store_free_cleanup) struct store *store = NULL;
	int rc = store_create(path, &store, err);
	if (rc < 0)
		return rc;
	rc = config_create(store, settings, err);
	if (rc == 0) /* without it, it is a repository all the same */
		(void)store_keep_reserve(store, NULL);
	return rc;
}

static int read_config(struct store *store, struct config *ret, struct error *err)
{
	CLEANUP(free_cleanup) char *buf = NULL;
	size_t len;
	int rc = store_get(store, CONFIG_KEY, CONFIG_MAX, &buf, &len, err);
	if (rc == -ENOENT)
		return error_mark(
			err,
			error_set(err, rc, "it is not a repository: there is no 'config' in it"),
			ERROR_KIND_NOT_FOUND);
	return rc < 0 ? rc : config_parse(buf, len, ret, err);
}

static int find_master(struct repo *repo, const struct repo_open_options *options,
		       uint8_t ret[KEYS_MASTER], struct error *err)
{
	if (options->exported)
		return keys_import(options->exported, ret, err);
	return key_document_unlock(repo->store, repo->config.id, options->password, ret,
				   repo->key_id, err);
}

/* Gets the keys, and has them prove the config before anything that it says is used. */
static int unlock(struct repo *repo, const struct repo_open_options *options, struct error *err)
{
	bool given = options && (options->password || options->exported);
	if (!repo->config.encrypted && given)
		return error_set(err, -EKEYREJECTED,
				 "it is not encrypted, but a password or a key was given: is it "
				 "the repository that is meant, or did somebody replace it?");
	if (!repo->config.encrypted)
		return 0;
	if (!given)
		return error_mark(err,
				  error_set(err, -ENOKEY, "it is encrypted, and needs a password"),
				  ERROR_KIND_PASSWORD);
	uint8_t master[KEYS_MASTER];
	int rc = find_master(repo, options, master, err);
	if (rc == 0)
		rc = keys_new(master, repo->config.id, &repo->keys, err);
	OPENSSL_cleanse(master, sizeof(master));
	return rc < 0 ? rc : config_prove(&repo->config, repo->keys, err);
}

int repo_open_store(struct store *store, const char *path, const struct repo_open_options *options,
		    struct repo **ret, struct error *err)
{
	CLEANUP(store_free_cleanup) struct store *owned = store;
	CLEANUP(repo_close_cleanup) struct repo *repo = calloc(1, sizeof(*repo));
	if (!repo || !(repo->path = strdup(path)))
		return error_set(err, -ENOMEM, "repository '%s': %m", path);
	repo->store = steal(&owned);
	int rc = read_config(store, &repo->config, err);
	if (rc == 0)
		rc = unlock(repo, options, err);
	if (rc == 0)
		rc = catalog_new(store, repo->keys, &repo->catalog, err);
	if (rc == 0)
		rc = openers_new(&repo->openers, err);
	if (rc == 0)
		rc = recall_new(options ? options->cache : NULL, false, &repo->recall, err);
	if (rc == 0)
		rc = recall_new(options ? options->cache : NULL, true, &repo->recall_forgotten,
				err);
	if (rc < 0)
		return error_wrap(err, rc, "repository '%s'", path);
	*ret = steal(&repo);
	return 0;
}

int repo_open(const char *path, const struct repo_open_options *options, struct repo **ret,
	      struct error *err)
{
	struct store *store;
	int rc = store_open(path, &store, err);
	if (rc == -ENOENT || rc == -ENOTDIR)
		return error_mark(err, rc, ERROR_KIND_NOT_FOUND);
	return rc < 0 ? rc : repo_open_store(store, path, options, ret, err);
}

void repo_close(struct repo *repo)
{
	if (!repo)
		return;
	recall_free(repo->recall_forgotten);
	recall_free(repo->recall);
	openers_free(repo->openers);
	catalog_free(repo->catalog);
	store_free(repo->store);
	keys_free(repo->keys);
	free(repo->path);
	free(repo);
}
