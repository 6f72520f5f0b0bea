/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fuzz-index - an index, as it is, and with a name and checksums that are made right, so that what
 * lies behind them is reached: an index may be written by anybody.
 */
#include "fuzz-repo.h"
#include "index-format.h"
#include "lunette/hex.h"

static void look_up(struct index *index, const uint8_t *bytes)
{
	struct chunk_id id;
	struct index_entry entry;
	struct index_pack pack;
	bool found;
	memcpy(&id, bytes, sizeof(id));
	if (index_find(index, &id, &entry, &pack, &found, NULL) < 0 || !found)
		return;
	fuzz_check(memcmp(&entry.id, &id, sizeof(id)) == 0);
	fuzz_check(entry.length >= 1 && entry.length <= REPO_CHUNK_MAX);
	fuzz_check(entry.stored <= entry.length);
	fuzz_check(range_inside(entry.stored, entry.offset, pack.size));
}

static void read_index(const uint8_t *data, size_t size)
{
	static struct pages *pages;
	static uint64_t serial;
	if (!pages)
		fuzz_check(pages_new(&pages, NULL) == 0);

	uint8_t sum[DIGEST_SIZE];
	char name[2 * DIGEST_SIZE + 1], key[STORE_KEY_MAX];
	fuzz_check(digest(data, MIN(size, (size_t)INDEX_PAGE), sum, NULL) == 0);
	hex_text(sum, sizeof(sum), name);
	snprintf(key, sizeof(key), INDEX_FOLDER "/%s", name);
	struct store_mem *mem = store_mem_new();
	store_mem_set(mem, key, data, size);
	struct index *index;
	if (index_open(&mem->store, NULL, pages, ++serial, name, &index, NULL) == 0) {
		for (size_t at = INDEX_PAGE; at + 32 <= size; at += at % INDEX_PAGE ? 48 : 16)
			look_up(index, data + at);
		look_up(index, sum);
		index_close(index);
	}
	store_free(&mem->store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_index(data, size);
	size_t whole = size - size % INDEX_PAGE;
	if (whole == 0)
		return 0;
	uint8_t *copy = malloc(whole);
	memcpy(copy, data, whole);
	uint8_t seed[INDEX_SEED] = { 0 };
	memcpy(seed, copy + 32, INDEX_SEED_PLAIN);
	for (size_t page = 1; page < whole / INDEX_PAGE; page++) {
		uint8_t *p = copy + page * INDEX_PAGE;
		fuzz_check(index_page_seal(NULL, p, seed, page, NULL) == 0);
	}
	read_index(copy, whole);
	free(copy);
	return 0;
}
