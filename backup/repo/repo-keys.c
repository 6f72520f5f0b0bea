/* SPDX-License-Identifier: GPL-3.0-or-later */
/* repo-keys - see lunette/repo-keys.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#include "lunette/key-document.h"
#include "lunette/repo-keys.h"
#include "lunette/repo-parts.h"

static int check_encrypted(const struct repo *repo, struct error *err)
{
	if (repo->keys)
		return 0;
	return error_set(err, -ENOTSUP,
			 "repository '%s' is not encrypted, and has no keys; a repository is "
			 "encrypted when it is made: lunette init --encrypt",
			 repo->path);
}

static const char *text_in(const json_t *document, const char *key)
{
	const char *text = json_string_value(json_object_get(document, key));
	return text ? text : "";
}

/* ---- listing ---- */

struct key_listing {
	const struct repo *repo;
	repo_key_fn *fn;
	void *ctx;
	void (*damaged)(void *ctx, const struct error *why);
};

static int list_one(void *ctx, const char *id, const json_t *document, struct error *err)
{
	const struct key_listing *listing = ctx;
	const struct repo_key key = {
		.id = id,
		.label = text_in(document, "label"),
		.created = text_in(document, "created"),
		.in_use = strcmp(id, listing->repo->key_id) == 0,
	};
	return listing->fn(listing->ctx, &key, err);
}

static void list_damaged(void *ctx, const struct error *why)
{
	const struct key_listing *listing = ctx;
	if (listing->damaged)
		listing->damaged(listing->ctx, why);
}

int repo_keys(struct repo *repo, repo_key_fn *fn, void *ctx,
	      void (*damaged)(void *ctx, const struct error *why), struct error *err)
{
	struct key_listing listing = { repo, fn, ctx, damaged };
	int rc = check_encrypted(repo, err);
	if (rc < 0)
		return rc;
	rc = key_document_list(repo->store, repo->config.id, list_one, &listing, list_damaged, err);
	return rc < 0 ? error_wrap(err, rc, "repository '%s'", repo->path) : 0;
}

/* ---- adding, removing, changing ---- */

int repo_key_add(struct repo *repo, const char *password, const char *label, char ret_id[65],
		 struct error *err)
{
	int rc = check_encrypted(repo, err);
	if (rc < 0)
		return rc;
	rc = key_document_put(repo->store, repo->config.id, repo->keys, password, label, ret_id,
			      err);
	return rc < 0 ? error_wrap(err, rc, "repository '%s'", repo->path) : 0;
}

struct key_wanted {
	const char *prefix;
	size_t n; /* keys there are */
	size_t matches;
	char id[65];
	char label[KEY_LABEL_MAX + 1];
};

static int match(void *ctx, const struct repo_key *key, struct error *err)
{
	(void)err;
	struct key_wanted *wanted = ctx;
	wanted->n++;
	if (strncmp(key->id, wanted->prefix, strlen(wanted->prefix)) != 0)
		return 0;
	wanted->matches++;
	memcpy(wanted->id, key->id, sizeof(wanted->id));
	snprintf(wanted->label, sizeof(wanted->label), "%s", key->label);
	return 0;
}

static int remove_document(struct repo *repo, const char *id, struct error *err)
{
	char key[STORE_KEY_MAX];
	snprintf(key, sizeof(key), KEY_FOLDER "/%s", id);
	return store_remove(repo->store, key, err);
}

int repo_key_remove(struct repo *repo, const char *spec, bool last, char ret_id[65],
		    struct error *err)
{
	struct key_wanted wanted = { .prefix = spec };
	int rc = repo_keys(repo, match, &wanted, NULL, err);
	if (rc < 0)
		return rc;
	if (!*spec || wanted.matches == 0)
		return error_set(err, -ENOENT,
				 "repository '%s' has no key '%s'; 'lunette key list' shows them",
				 repo->path, spec);
	if (wanted.matches > 1)
		return error_set(
			err, -ENOTUNIQ,
			"'%s' may be any of %zu keys: give as much of the id as tells them "
			"apart",
			spec, wanted.matches);
	if (wanted.n == 1 && !last)
		return error_set(err, -EPERM,
				 "this is the last key of repository '%s': without it no password "
				 "opens the backups, and only an exported key does; nothing is "
				 "removed",
				 repo->path);
	rc = remove_document(repo, wanted.id, err);
	if (rc < 0)
		return error_wrap(err, rc, "repository '%s'", repo->path);
	memcpy(ret_id, wanted.id, sizeof(wanted.id));
	return 0;
}

int repo_key_change(struct repo *repo, const char *password, char ret_id[65], struct error *err)
{
	struct key_wanted wanted = { .prefix = repo->key_id };
	int rc = check_encrypted(repo, err);
	if (rc == 0 && !repo->key_id[0])
		return error_set(err, -EINVAL,
				 "repository '%s' was opened with its exported key and not with a "
				 "password: add one with 'lunette key add'",
				 repo->path);
	if (rc == 0)
		rc = repo_keys(repo, match, &wanted, NULL, err);
	if (rc == 0)
		rc = repo_key_add(repo, password, wanted.label, ret_id, err);
	if (rc < 0)
		return rc;
	/* The new one is on stable storage: the old one may go. */
	rc = remove_document(repo, repo->key_id, err);
	return rc < 0 ? error_wrap(err, rc, "the new password is there, and so is the old one") : 0;
}

/* ---- on paper ---- */

int repo_key_export(const struct repo *repo, char **ret, struct error *err)
{
	int rc = check_encrypted(repo, err);
	return rc < 0 ? rc : keys_export(repo->keys, repo->config.id, ret, err);
}

void repo_key_text_free(char *text)
{
	if (text)
		OPENSSL_cleanse(text, strlen(text));
	free(text);
}
