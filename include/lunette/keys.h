/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * keys - what an encrypted repository is read and written with.
 *
 * One master key, 32 random bytes, from which the others are derived, each for one purpose. How the
 * master key itself is kept, under passwords, is the business of key-document.h.
 */
#ifndef LUNETTE_KEYS_H
#define LUNETTE_KEYS_H

#include <openssl/evp.h>

#include "lunette/box.h"
#include "lunette/digest.h"
#include "lunette/repo.h"

#define KEYS_MASTER 32

/**
 * struct keys - in memory that is locked and left out of core files
 * @data: opens chunks
 * @metadata: opens tables of packs, indexes and documents
 * @config: proves the config
 * @chunk_id: HMAC-SHA256, to be duplicated for each use
 */
struct keys {
	uint8_t master[KEYS_MASTER];
	struct box_key data;
	struct box_key metadata;
	uint8_t config[DIGEST_SIZE];
	EVP_MAC_CTX *chunk_id;
};

/**
 * keys_new() - derive the keys of a repository
 * @repo_id: 32 hexadecimal digits; the same master key gives other keys elsewhere
 */
int keys_new(const uint8_t master[KEYS_MASTER], const char *repo_id, struct keys **ret,
	     struct error *err);
void keys_free(struct keys *keys); /* may be NULL */
DEFINE_CLEANUP(struct keys *, keys_free)

/* What a chunk is known by: nobody without the key can tell what it stands for. Any thread. */
int keys_chunk_id(const struct keys *keys, const void *buf, size_t len, struct chunk_id *ret,
		  struct error *err);

/* Proves a config, of which @sum is the digest. */
int keys_config_mac(const struct keys *keys, const uint8_t sum[DIGEST_SIZE],
		    uint8_t ret[DIGEST_SIZE], struct error *err);

/* ---- key-text.c: the master key on paper ---- */

/**
 * keys_export() - write the master key so that it can be printed and typed in
 * @ret: to be freed with free(), after it was wiped
 */
int keys_export(const struct keys *keys, const char *repo_id, char **ret, struct error *err);

/**
 * keys_import() - read it again, as people type
 * @text: foreign
 *
 * Return: 0; -EINVAL, which says the line that is wrong.
 */
int keys_import(const char *text, uint8_t ret[KEYS_MASTER], struct error *err);

#endif
