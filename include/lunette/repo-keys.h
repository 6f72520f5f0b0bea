/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * repo-keys - the passwords of an encrypted repository, and its key on paper.
 *
 * All of them open the same master key, which never changes: a password that is removed opens
 * nothing any more, but whoever has read the key with it keeps the key.
 */
#ifndef LUNETTE_REPO_KEYS_H
#define LUNETTE_REPO_KEYS_H

#include "lunette/repo.h"

/**
 * struct repo_key - one password, without telling it
 * @id: 64 hexadecimal digits
 * @label: what people called it; foreign text
 * @created: "2026-11-22T17:00:00Z", or foreign text
 * @in_use: the repository was opened with it
 */
struct repo_key {
	const char *id;
	const char *label;
	const char *created;
	bool in_use;
};

/* Return: 0 to go on; a negative errno, recorded in @err, ends the listing with it. */
typedef int repo_key_fn(void *ctx, const struct repo_key *key, struct error *err);

/**
 * repo_keys() - every key of the repository, in no order
 * @damaged: told of each that cannot be read, which is then left out; may be NULL
 *
 * Return: 0; -ENOTSUP when the repository is not encrypted (so do all that follow); ...
 */
int repo_keys(struct repo *repo, repo_key_fn *fn, void *ctx,
	      void (*damaged)(void *ctx, const struct error *why), struct error *err);

/**
 * repo_key_add() - let one more password open the repository
 * @label: what it is for; may be ""
 *
 * Return: 0; -EINVAL when the password is empty or too long; ...
 */
int repo_key_add(struct repo *repo, const char *password, const char *label, char ret_id[65],
		 struct error *err);

/**
 * repo_key_remove() - let a password open the repository no longer
 * @spec: the beginning of the key's id
 * @last: also when no other is left, so that only the exported key opens it
 *
 * Return: 0; -ENOENT; -ENOTUNIQ when several are meant; -EPERM when it is the last one; ...
 */
int repo_key_remove(struct repo *repo, const char *spec, bool last, char ret_id[65],
		    struct error *err);

/**
 * repo_key_change() - another password in place of the one that the repository was opened with
 * @ret_id: the new key; it has the old one's label
 *
 * Return: 0; -EINVAL when it was not opened with a password; ...
 */
int repo_key_change(struct repo *repo, const char *password, char ret_id[65], struct error *err);

/**
 * repo_key_export() - the key itself, as a text to print and to type in
 * @ret: to be freed with repo_key_text_free()
 */
int repo_key_export(const struct repo *repo, char **ret, struct error *err);
void repo_key_text_free(char *text); /* may be NULL */
DEFINE_CLEANUP(char *, repo_key_text_free)

#endif
