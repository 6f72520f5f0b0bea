/* SPDX-License-Identifier: GPL-3.0-or-later */
/* keys - see keys.h. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "lunette/keys.h"

static int failed(struct error *err)
{
	return error_set(err, -ENOMEM, "the repository's keys: libcrypto has no memory");
}

/* HKDF-SHA256 (RFC 5869): salt is the repository's id, info the purpose. */
static bool derive(const uint8_t master[KEYS_MASTER], const char *repo_id, const char *purpose,
		   uint8_t ret[32])
{
	EVP_KDF *hkdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(hkdf);
	/* The parameters are only read, whatever their type says. */
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)master, KEYS_MASTER),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)repo_id,
						  strlen(repo_id)),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)purpose,
						  strlen(purpose)),
		OSSL_PARAM_construct_end(),
	};
	bool fine = ctx && EVP_KDF_derive(ctx, ret, 32, params) == 1;
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(hkdf);
	return fine;
}

static EVP_MAC_CTX *hmac_new(const uint8_t key[32])
{
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(hmac);
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC_free(hmac);
	if (ctx && EVP_MAC_init(ctx, key, 32, params) == 1)
		return ctx;
	EVP_MAC_CTX_free(ctx);
	return NULL;
}

static int derive_all(struct keys *keys, const char *repo_id, struct error *err)
{
	uint8_t key[BOX_KEY];
	bool fine = derive(keys->master, repo_id, "lunette chunk id", key) &&
		    (keys->chunk_id = hmac_new(key)) &&
		    derive(keys->master, repo_id, "lunette config", keys->config) &&
		    derive(keys->master, repo_id, "lunette data", key);
	int rc = fine ? box_key_init(&keys->data, key, err) : failed(err);
	if (rc == 0)
		rc = derive(keys->master, repo_id, "lunette metadata", key) ? 0 : failed(err);
	if (rc == 0)
		rc = box_key_init(&keys->metadata, key, err);
	OPENSSL_cleanse(key, sizeof(key));
	return rc;
}

int keys_new(const uint8_t master[KEYS_MASTER], const char *repo_id, struct keys **ret,
	     struct error *err)
{
	struct keys *mapped = mmap(NULL, sizeof(*mapped), PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mapped == MAP_FAILED)
		return error_set(err, -ENOMEM, "the repository's keys: %m");
	CLEANUP(keys_free_cleanup) struct keys *keys = mapped;
	/* Where limits forbid locking, it works without. */
	(void)mlock(keys, sizeof(*keys));
	(void)madvise(keys, sizeof(*keys), MADV_DONTDUMP);
	memcpy(keys->master, master, KEYS_MASTER);
	int rc = derive_all(keys, repo_id, err);
	if (rc < 0)
		return rc;
	*ret = steal(&keys);
	return 0;
}

void keys_free(struct keys *keys)
{
	if (!keys)
		return;
	EVP_MAC_CTX_free(keys->chunk_id);
	OPENSSL_cleanse(keys, sizeof(*keys));
	munmap(keys, sizeof(*keys));
}

int keys_chunk_id(const struct keys *keys, const void *buf, size_t len, struct chunk_id *ret,
		  struct error *err)
{
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(keys->chunk_id);
	size_t n;
	bool fine = ctx && EVP_MAC_update(ctx, buf, len) == 1 &&
		    EVP_MAC_final(ctx, ret->bytes, &n, sizeof(ret->bytes)) == 1;
	EVP_MAC_CTX_free(ctx);
	return fine ? 0 : error_set(err, -ENOMEM, "HMAC-SHA256: libcrypto has no memory");
}

int keys_config_mac(const struct keys *keys, const uint8_t sum[DIGEST_SIZE],
		    uint8_t ret[DIGEST_SIZE], struct error *err)
{
	size_t n;
	return EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, keys->config, sizeof(keys->config),
			 sum, DIGEST_SIZE, ret, DIGEST_SIZE, &n)
		       ? 0
		       : failed(err);
}
