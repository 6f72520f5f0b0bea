/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * document - small JSON objects that are named by the digest of their stored bytes.
 *
 * Restore points are documents, and so is whatever else a few hundred bytes say: they can be proved
 * by their names, written twice without harm, and need no lock. What a document says, and its
 * format, version and features, are the business of whoever asks for it.
 */
#ifndef LUNETTE_DOCUMENT_H
#define LUNETTE_DOCUMENT_H

#include <jansson.h>

#include "lunette/error.h"

struct repo;
struct store;

/**
 * document_put() - write a document; in a box if the repository is encrypted
 * @folder: that it belongs to, as "points"
 * @ret_id: its name, 64 hexadecimal digits
 *
 * Return: 0 when it is on stable storage; what the store said.
 */
int document_put(struct repo *repo, const char *folder, const json_t *document, char ret_id[65],
		 struct error *err);

/**
 * document_put_removing() - document_put() for whoever is about to free room
 *
 * Where there is none, the reserve of the store is given back for it.
 */
int document_put_removing(struct repo *repo, const char *folder, const json_t *document,
			  char ret_id[65], struct error *err);

/**
 * document_get() - read a document, and prove it
 * @id: its name, as listed
 * @max: more bytes than this are taken for damage
 * @ret: an object or an array, a new reference; its shape still has to be checked
 *
 * Return: 0; -ENOENT; -EUCLEAN when it is damaged; ...
 */
int document_get(struct repo *repo, const char *folder, const char *id, size_t max, json_t **ret,
		 struct error *err);

/**
 * document_get_moved() - document_get() of one that lies elsewhere than where it was written
 * @written_to: that folder, which it says if the repository is encrypted
 */
int document_get_moved(struct repo *repo, const char *folder, const char *written_to,
		       const char *id, size_t max, json_t **ret, struct error *err);

/* ---- the bytes of it, for what stays readable without a key ---- */

/**
 * document_put_bytes() - put an object that is named by the digest of its bytes
 *
 * Return: as document_put().
 */
int document_put_bytes(struct store *store, const char *folder, const void *buf, size_t len,
		       char ret_id[65], struct error *err);

/**
 * document_get_bytes() - get an object, and make sure that its name is its digest
 * @ret: to be freed with free(); has one NUL more than @ret_len
 *
 * Return: as document_get().
 */
int document_get_bytes(struct store *store, const char *folder, const char *id, size_t max,
		       char **ret, size_t *ret_len, struct error *err);

#endif
