/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * cheap-scrypt - scrypt at a 128th of the price, for tests that open many locks. To be included
 * once in a program: what calls scrypt in it finds this one before libcrypto's.
 *
 * What scrypt takes for a key that lunette makes is meant to be dear, a third of a second and more
 * each time. That the whole price is paid, and that others come to the same key with it, is seen by
 * tests/e2e/test-encrypt.sh.
 */
#ifndef CHEAP_SCRYPT_H
#define CHEAP_SCRYPT_H

#include <openssl/evp.h>

int EVP_PBE_scrypt(const char *pass, size_t passlen, const unsigned char *salt, size_t saltlen,
		   uint64_t n, uint64_t r, uint64_t p, uint64_t maxmem, unsigned char *key,
		   size_t keylen)
{
	return EVP_PBE_scrypt_ex(pass, passlen, salt, saltlen, n / 128, r, p, maxmem, key, keylen,
				 NULL, NULL);
}

#endif
