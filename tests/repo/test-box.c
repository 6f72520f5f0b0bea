/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <openssl/evp.h>

#include "lunette/box.h"
#include "lunette/hex.h"
#include "repo-fixture.h"

#define NONCE "ABCDEFGHIJKLMNOPQRSTUVWX"

static void make_key(struct box_key *key, int byte)
{
	uint8_t bytes[BOX_KEY];
	memset(bytes, byte, sizeof(bytes));
	ok(box_key_init(key, bytes, err));
}

/* Source: C2SP, XAES-256-GCM, "Test Vectors". */
static void it_is_xaes_256_gcm_as_published(void **state)
{
	static const struct {
		int key;
		const char *note, *hex;
	} cases[] = {
		/* Two keys of which one has the top bit of AES(0) set, and the other has not. */
		{ 1, "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271" },
		{ 3, "c2sp.org/XAES-256-GCM",
		  "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t text[12 + BOX_TAG] = "XAES-256-GCM";
		char hex[2 * sizeof(text) + 1];
		struct box_note note = { cases[i].note, strlen(cases[i].note) };
		struct box_key key;
		make_key(&key, cases[i].key);
		ok(box_encrypt(&key, (const uint8_t *)NONCE, &note, text, 12, text + 12, err));
		hex_text(text, sizeof(text), hex);
		assert_string_equal(hex, cases[i].hex);
		ok(box_decrypt(&key, (const uint8_t *)NONCE, &note, text, 12, text + 12, err));
		assert_memory_equal(text, "XAES-256-GCM", 12);
	}
}

/*
 * Source: the same, "Accumulated randomized tests": keys, nonces, texts and notes from one
 * SHAKE-128, and the digest of all ciphertexts by another.
 */
static void ten_thousand_random_boxes_are_as_published(void **state)
{
	enum { ROUNDS = 10000, MOST = BOX_KEY + BOX_NONCE + 2 * 256 };
	(void)state;
	uint8_t *random = malloc(ROUNDS * MOST), *at = random, sum[32];
	char hex[65];
	EVP_MD_CTX *shake = EVP_MD_CTX_new(), *all = EVP_MD_CTX_new();
	assert_int_equal(EVP_DigestInit_ex(shake, EVP_shake128(), NULL), 1);
	assert_int_equal(EVP_DigestFinalXOF(shake, random, ROUNDS * MOST), 1);
	assert_int_equal(EVP_DigestInit_ex(all, EVP_shake128(), NULL), 1);
	for (size_t i = 0; i < ROUNDS; i++) {
		struct box_key key;
		ok(box_key_init(&key, at, err));
		const uint8_t *nonce = at += BOX_KEY;
		size_t len = *(at += BOX_NONCE);
		const uint8_t *text = ++at;
		at += len;
		struct box_note note = { at + 1, *at };
		at += 1 + note.len;
		uint8_t buf[255 + BOX_TAG];
		memcpy(buf, text, len);
		ok(box_encrypt(&key, nonce, &note, buf, len, buf + len, err));
		assert_int_equal(EVP_DigestUpdate(all, buf, len + BOX_TAG), 1);
	}
	assert_int_equal(EVP_DigestFinalXOF(all, sum, sizeof(sum)), 1);
	hex_text(sum, sizeof(sum), hex);
	assert_string_equal(hex,
			    "e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939");
	EVP_MD_CTX_free(shake);
	EVP_MD_CTX_free(all);
	free(random);
}

static void a_box_opens_with_its_key_and_its_note_only(void **state)
{
	(void)state;
	uint8_t box[5 + BOX_MORE], copy[sizeof(box)], *text;
	struct box_key key, other;
	struct box_note note = { "where", 5 }, elsewhere = { "Where", 5 }, shorter = { "wher", 4 };
	make_key(&key, 1);
	make_key(&other, 2);
	ok(box_seal(&key, &note, "bytes", 5, box, err));
	memcpy(copy, box, sizeof(box));
	ok(box_open(&key, &note, copy, sizeof(copy), &text, err));
	assert_memory_equal(text, "bytes", 5);
	const struct {
		const struct box_key *key;
		const struct box_note *note;
		size_t len;
	} wrong[] = {
		{ &other, &note, sizeof(box) },  { &key, &elsewhere, sizeof(box) },
		{ &key, &shorter, sizeof(box) }, { &key, &note, sizeof(box) - 1 },
		{ &key, &note, BOX_MORE - 1 },   { &key, &note, 0 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		memcpy(copy, box, sizeof(box));
		assert_int_equal(
			box_open(wrong[i].key, wrong[i].note, copy, wrong[i].len, &text, NULL),
			-EBADMSG);
	}
}

static void no_bit_of_a_box_can_change(void **state)
{
	(void)state;
	uint8_t box[40 + BOX_MORE], copy[sizeof(box)], *text;
	const uint8_t zeros[40] = { 0 };
	struct box_key key;
	struct box_note note = { "x", 1 };
	make_key(&key, 7);
	ok(box_seal(&key, &note, "forty bytes that nobody is allowed to see", 40, box, err));
	for (size_t i = 0; i < 8 * sizeof(box); i++) {
		memcpy(copy, box, sizeof(box));
		copy[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(box_open(&key, &note, copy, sizeof(copy), &text, NULL), -EBADMSG);
		assert_memory_equal(copy + BOX_NONCE, zeros, 40);
	}
}

static void the_same_bytes_never_look_the_same(void **state)
{
	(void)state;
	uint8_t a[3 + BOX_MORE], b[sizeof(a)], *text;
	struct box_key key;
	struct box_note note = { "", 0 };
	make_key(&key, 7);
	ok(box_seal(&key, &note, "abc", 3, a, err));
	ok(box_seal(&key, &note, "abc", 3, b, err));
	assert_memory_not_equal(a, b, BOX_NONCE);
	assert_memory_not_equal(a + BOX_NONCE, b + BOX_NONCE, 3);
	ok(box_seal(&key, &note, "", 0, a, err));
	ok(box_open(&key, &note, a, BOX_MORE, &text, err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_xaes_256_gcm_as_published),
		cmocka_unit_test(ten_thousand_random_boxes_are_as_published),
		cmocka_unit_test(a_box_opens_with_its_key_and_its_note_only),
		cmocka_unit_test(no_bit_of_a_box_can_change),
		cmocka_unit_test(the_same_bytes_never_look_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
