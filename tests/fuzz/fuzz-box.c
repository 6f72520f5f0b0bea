/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fuzz-box - objects of an encrypted repository whose bytes are the input, under the names that fit
 * them: without the key nobody makes one that is taken. What is sealed, on the other hand, opens.
 */
#include "lunette/document.h"
#include "fuzz-repo.h"
#include "index-format.h"
#include "lunette/hex.h"
#include "lunette/pack-read.h"

static void nothing_is_taken(struct repo *repo, const uint8_t *data, size_t size)
{
	struct pack_table *table;
	struct index *index;
	struct pages *pages;
	struct chunk_id pack;
	char id[65], name[65], key[STORE_KEY_MAX];
	json_t *json;
	fuzz_check(document_put_bytes(repo->store, "points", data, size, id, NULL) == 0);
	fuzz_check(document_get(repo, "points", id, size, &json, NULL) == -EUCLEAN);

	/* A pack's name is the digest of its end, which begins where the trailer says. */
	uint32_t table_at = size >= 32 ? get_le32(data + size - 12) : 0;
	size_t at = table_at <= size ? table_at : 0;
	fuzz_check(digest(data + at, size - at, pack.bytes, NULL) == 0);
	pack_key(pack.bytes, key);
	fuzz_check(store_put_same(repo->store, key, data, size, NULL) == 0);
	fuzz_check(pack_table_read(repo, pack.bytes, 0, &table, NULL) < 0);
	fuzz_check(store_remove(repo->store, key, NULL) == 0);

	uint8_t sum[DIGEST_SIZE];
	fuzz_check(digest(data, MIN(size, (size_t)INDEX_PAGE), sum, NULL) == 0);
	hex_text(sum, sizeof(sum), name);
	snprintf(key, sizeof(key), INDEX_FOLDER "/%s", name);
	fuzz_check(store_put_same(repo->store, key, data, size, NULL) == 0);
	fuzz_check(pages_new(&pages, NULL) == 0);
	fuzz_check(index_open(repo->store, repo->keys, pages, 1, name, &index, NULL) < 0);
	pages_free(pages);
	store_forget(repo->store, key);
	fuzz_check(store_remove(repo->store, key, NULL) == 0);
	snprintf(key, sizeof(key), "points/%s", id);
	fuzz_check(store_remove(repo->store, key, NULL) == 0);
}

static void what_is_sealed_opens(const struct keys *keys, const uint8_t *data, size_t size)
{
	const struct box_note note = { data, MIN(size, (size_t)8) };
	uint8_t *box = malloc(size + BOX_MORE), *text;
	fuzz_check(box_seal(&keys->data, &note, data, size, box, NULL) == 0);
	fuzz_check(box_open(&keys->data, &note, box, size + BOX_MORE, &text, NULL) == 0);
	fuzz_check(memcmp(text, data, size) == 0);
	free(box);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t master[KEYS_MASTER] = { 7 };
	struct repo *repo = fuzz_repo_open(fuzz_repo_new());
	fuzz_check(keys_new(master, repo->config.id, &repo->keys, NULL) == 0);
	nothing_is_taken(repo, data, size);
	what_is_sealed_opens(repo->keys, data, size);
	repo_close(repo);
	return 0;
}
