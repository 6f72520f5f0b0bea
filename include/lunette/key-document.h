/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * key-document - the master key under a password: objects keys/<id>, one a password.
 *
 * They are readable without a key, since they are what one is got from: scrypt makes a key of the
 * password, and that opens the box with the master key.
 */
#ifndef LUNETTE_KEY_DOCUMENT_H
#define LUNETTE_KEY_DOCUMENT_H

#include <jansson.h>

#include "lunette/keys.h"
#include "lunette/store.h"

#define KEY_FOLDER "keys"

/* A password for each admin, and then some. What is beyond that is not looked at. */
#define KEY_DOCUMENTS_MAX 64

/* Longest password and label. */
#define KEY_PASSWORD_MAX 1024
#define KEY_LABEL_MAX    200

/**
 * key_document_put() - keep the master key under one more password
 * @label: tells people what it is for; may be ""
 *
 * Return: 0 when it is on stable storage; -EINVAL for a password or a label that cannot be; ...
 */
int key_document_put(struct store *store, const char *repo_id, const struct keys *keys,
		     const char *password, const char *label, char ret_id[65], struct error *err);

/* The ids of documents. */
struct key_ids {
	size_t n;
	char ids[KEY_DOCUMENTS_MAX][65];
};

/* Those that are there, whatever repository they are of. */
int key_document_ids(struct store *store, struct key_ids *ret, struct error *err);

/* Removes one of them; it may be gone already. */
int key_document_remove(struct store *store, const char *id, struct error *err);

/**
 * key_document_unlock() - get the master key with a password
 * @ret_id: the document that it opened
 *
 * Every document is tried, which takes the time of scrypt for each.
 *
 * Return: 0; -EKEYREJECTED when it opens none of them; -EUCLEAN when there is none, or when it
 * opens none and some are damaged; ...
 */
int key_document_unlock(struct store *store, const char *repo_id, const char *password,
			uint8_t ret[KEYS_MASTER], char ret_id[65], struct error *err);

/* Return: 0 to go on; a negative errno, recorded in @err, ends the listing with it. */
typedef int key_document_fn(void *ctx, const char *id, const json_t *document, struct error *err);

/**
 * key_document_list() - every key document, in no order
 * @damaged: told of each that cannot be read, which is then left out; may be NULL
 */
int key_document_list(struct store *store, const char *repo_id, key_document_fn *fn, void *ctx,
		      void (*damaged)(void *ctx, const struct error *why), struct error *err);

/**
 * struct key_scrypt - what scrypt is told; see RFC 7914
 * @box: of the master key
 */
struct key_scrypt {
	uint64_t n;
	uint32_t r;
	uint32_t p;
	uint8_t salt[32];
	uint8_t box[KEYS_MASTER + BOX_MORE];
};

/**
 * key_document_check() - is this a key document as FORMAT.md describes it? It is foreign until
 * then.
 *
 * What it makes scrypt do is bounded: 1 GiB of memory, a few seconds.
 *
 * Return: 0; -EUCLEAN when it is damaged; -EPROTONOSUPPORT when it is of a newer version.
 */
int key_document_check(const json_t *document, const char *repo_id, struct key_scrypt *ret,
		       struct error *err);

#endif
