/* SPDX-License-Identifier: GPL-3.0-or-later */
/* box - see box.h. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "lunette/box.h"
#include "lunette/random.h"
#include "lunette/util.h"

static EVP_CIPHER *gcm, *ecb;
static pthread_once_t ciphers_once = PTHREAD_ONCE_INIT;

/* Fetching takes libcrypto's locks and walks its tables: once is enough. */
static void fetch(void)
{
	gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	ecb = EVP_CIPHER_fetch(NULL, "AES-256-ECB", NULL);
}

DEFINE_CLEANUP(EVP_CIPHER_CTX *, EVP_CIPHER_CTX_free)

static int no_memory(struct error *err)
{
	return error_set(err, -ENOMEM, "AES-256-GCM: libcrypto has no memory");
}

/* AES-256 of whole blocks, each for itself. */
static bool encrypt_blocks(const uint8_t key[BOX_KEY], uint8_t *blocks, int len)
{
	CLEANUP(EVP_CIPHER_CTX_free_cleanup) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int done;
	return ctx && ecb && EVP_EncryptInit_ex2(ctx, ecb, key, NULL, NULL) == 1 &&
	       EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 &&
	       EVP_EncryptUpdate(ctx, blocks, &done, blocks, len) == 1 && done == len;
}

int box_key_init(struct box_key *ret, const uint8_t key[BOX_KEY], struct error *err)
{
	pthread_once(&ciphers_once, fetch);
	uint8_t block[16] = { 0 };
	if (!encrypt_blocks(key, block, sizeof(block)))
		return no_memory(err);
	/* Doubled in GF(2^128), without a branch that depends on it. */
	uint8_t carry = (uint8_t)(block[0] >> 7);
	for (size_t i = 0; i < sizeof(block); i++)
		ret->subkey[i] =
			(uint8_t)(block[i] << 1 | (i + 1 < sizeof(block) ? block[i + 1] >> 7 : 0));
	ret->subkey[15] ^= (uint8_t)(0x87 & -carry);
	memcpy(ret->key, key, BOX_KEY);
	OPENSSL_cleanse(block, sizeof(block));
	return 0;
}

/* The key of one nonce's box: two blocks of CMAC in counter mode over the nonce's first half. */
static bool derive(const struct box_key *key, const uint8_t nonce[BOX_NONCE], uint8_t ret[BOX_KEY])
{
	for (uint8_t half = 0; half < 2; half++) {
		uint8_t *block = ret + 16 * half;
		memcpy(block, (const uint8_t[4]){ 0, (uint8_t)(half + 1), 'X', 0 }, 4);
		memcpy(block + 4, nonce, 12);
		for (size_t i = 0; i < 16; i++)
			block[i] ^= key->subkey[i];
	}
	return encrypt_blocks(key->key, ret, BOX_KEY);
}

/* A cipher under the derived key that has taken the note; @encrypts: 1 or 0. */
static EVP_CIPHER_CTX *begin(const struct box_key *key, const uint8_t nonce[BOX_NONCE],
			     const struct box_note *note, int encrypts)
{
	uint8_t derived[BOX_KEY];
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int done;
	bool fine = ctx && gcm && derive(key, nonce, derived) && note->len <= INT_MAX &&
		    EVP_CipherInit_ex2(ctx, gcm, derived, nonce + 12, encrypts, NULL) == 1 &&
		    EVP_CipherUpdate(ctx, NULL, &done, note->buf, (int)note->len) == 1;
	OPENSSL_cleanse(derived, sizeof(derived));
	if (fine)
		return ctx;
	EVP_CIPHER_CTX_free(ctx);
	return NULL;
}

int box_encrypt(const struct box_key *key, const uint8_t nonce[BOX_NONCE],
		const struct box_note *note, uint8_t *buf, size_t len, uint8_t ret_tag[BOX_TAG],
		struct error *err)
{
	CLEANUP(EVP_CIPHER_CTX_free_cleanup) EVP_CIPHER_CTX *ctx = begin(key, nonce, note, 1);
	int done;
	if (!ctx || len > INT_MAX || EVP_EncryptUpdate(ctx, buf, &done, buf, (int)len) != 1 ||
	    EVP_EncryptFinal_ex(ctx, buf + len, &done) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, BOX_TAG, ret_tag) != 1)
		return no_memory(err);
	return 0;
}

int box_decrypt(const struct box_key *key, const uint8_t nonce[BOX_NONCE],
		const struct box_note *note, uint8_t *buf, size_t len, const uint8_t tag[BOX_TAG],
		struct error *err)
{
	CLEANUP(EVP_CIPHER_CTX_free_cleanup) EVP_CIPHER_CTX *ctx = begin(key, nonce, note, 0);
	uint8_t expected[BOX_TAG];
	int done;
	memcpy(expected, tag, BOX_TAG);
	if (!ctx || len > INT_MAX ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, BOX_TAG, expected) != 1)
		return no_memory(err);
	if (EVP_DecryptUpdate(ctx, buf, &done, buf, (int)len) == 1 &&
	    EVP_DecryptFinal_ex(ctx, buf + len, &done) == 1)
		return 0;
	memset(buf, 0, len); /* nobody may look at what was not proved */
	return error_set(err, -EBADMSG, "it is not what was encrypted with this repository's key");
}

int box_seal(const struct box_key *key, const struct box_note *note, const void *buf, size_t len,
	     uint8_t *box, struct error *err)
{
	int rc = random_bytes(box, BOX_NONCE, err);
	if (rc < 0)
		return rc;
	uint8_t *text = box + BOX_NONCE;
	memcpy(text, buf, len);
	return box_encrypt(key, box, note, text, len, text + len, err);
}

int box_open(const struct box_key *key, const struct box_note *note, uint8_t *box, size_t box_len,
	     uint8_t **ret, struct error *err)
{
	if (box_len < BOX_MORE)
		return error_set(err, -EBADMSG, "%zu bytes are too short to be encrypted", box_len);
	uint8_t *text = box + BOX_NONCE;
	size_t len = box_len - BOX_MORE;
	int rc = box_decrypt(key, box, note, text, len, text + len, err);
	if (rc == 0)
		*ret = text;
	return rc;
}
