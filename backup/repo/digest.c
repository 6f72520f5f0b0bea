/* SPDX-License-Identifier: GPL-3.0-or-later */
/* digest - see digest.h. libcrypto, which uses the processor's SHA instructions where it has them.
 */
#include <errno.h>
#include <pthread.h>

#include <openssl/evp.h>

#include "lunette/digest.h"

static EVP_MD *sha256;
static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;

/* Fetching takes libcrypto's locks and walks its tables: once is enough. */
static void fetch(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

int digest(const void *buf, size_t len, uint8_t ret[DIGEST_SIZE], struct error *err)
{
	pthread_once(&sha256_once, fetch);
	if (!sha256 || EVP_Digest(buf, len, ret, NULL, sha256, NULL) != 1)
		return error_set(err, -ENOMEM, "SHA-256 of %zu bytes: libcrypto has no memory",
				 len);
	return 0;
}
