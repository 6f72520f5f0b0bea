/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fuzz-key - what is read before there is a key: a key document, and the exported key as people
 * type it. What is accepted is within bounds, and what was exported comes back.
 */
#include "fuzz.h"
#include "lunette/key-document.h"

#define REPO "00112233445566778899aabbccddeeff"

static void read_document(const uint8_t *data, size_t size)
{
	json_t *json = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
	struct key_scrypt scrypt;
	if (json && key_document_check(json, REPO, &scrypt, NULL) == 0) {
		fuzz_check(is_power_of_2(scrypt.n) && scrypt.r > 0 && scrypt.p > 0);
		fuzz_check(128 * scrypt.n * scrypt.r <= UINT64_C(1) << 30);
		fuzz_check(scrypt.n * scrypt.r * scrypt.p <= UINT64_C(1) << 24);
	}
	json_decref(json);
}

static void read_text(const uint8_t *data, size_t size)
{
	uint8_t master[KEYS_MASTER];
	char *text = calloc(1, size + 1);
	struct error why = { 0 };
	memcpy(text, data, size);
	if (keys_import(text, master, &why) < 0)
		fuzz_check(why.msg[0]);
	free(text);
}

static void round_trip(const uint8_t *data, size_t size)
{
	struct keys keys = { 0 };
	uint8_t master[KEYS_MASTER];
	char *text;
	memcpy(keys.master, data, MIN(size, sizeof(keys.master)));
	fuzz_check(keys_export(&keys, REPO, &text, NULL) == 0);
	fuzz_check(keys_import(text, master, NULL) == 0);
	fuzz_check(memcmp(master, keys.master, sizeof(master)) == 0);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_document(data, size);
	read_text(data, size);
	round_trip(data, size);
	return 0;
}
