/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fuzz-pack - chunks of a pack whose bytes are the input: none of them is what its id says, and so
 * none may be given out. And what is sealed opens again, whatever it is.
 */
#include "fuzz-repo.h"

#define LENGTH 5000
#define STORED 2000

static void round_trip(const uint8_t *data, size_t size)
{
	struct sealer *sealer;
	struct opener *opener;
	uint8_t *buf = malloc(REPO_SEAL_BOUND(size) + size), *out = buf + REPO_SEAL_BOUND(size);
	struct sealed sealed = { .buf = buf };
	fuzz_check(sealer_new(NULL, 1, &sealer, NULL) == 0);
	fuzz_check(opener_new(&opener, NULL) == 0);
	fuzz_check(sealer_seal(sealer, &(struct chunk_id){ { 1 } }, data, size, &sealed, NULL) ==
		   0);
	fuzz_check(sealed.len <= REPO_SEAL_BOUND(size));
	fuzz_check(opener_open(opener, buf, sealed.len, sealed.codec, out, size, NULL) == 0);
	fuzz_check(memcmp(out, data, size) == 0);
	opener_free(opener);
	sealer_free(sealer);
	free(buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct store_mem *mem;
	static struct repo *repo;
	/* Every codec there is and one there is not, each as long as it is and shorter. */
	struct index_entry chunks[6];
	uint8_t room[LENGTH] = { 0 };
	if (!repo) {
		struct sealed sealed[ARRAY_SIZE(chunks)];
		for (uint8_t i = 0; i < ARRAY_SIZE(chunks); i++) {
			uint32_t stored = i % 2 ? STORED : LENGTH;
			chunks[i] = (struct index_entry){ .id = { { 1, i } },
							  .stored = stored,
							  .length = LENGTH,
							  .codec = i / 2 };
			sealed[i] = (struct sealed){ room, stored, i / 2 };
		}
		mem = fuzz_repo_new();
		fuzz_repo_put(mem, chunks, sealed, ARRAY_SIZE(chunks));
		repo = fuzz_repo_open(mem);
	}
	struct mem_entry *pack = &mem->entries[1];
	fuzz_check(strncmp(pack->key, "packs/", 6) == 0);
	size_t at = 16;
	for (uint8_t i = 0; i < ARRAY_SIZE(chunks); i++) {
		size_t stored = i % 2 ? STORED : LENGTH;
		memset(pack->bytes + at, 0, stored);
		if (size > 0)
			memcpy(pack->bytes + at, data, MIN(size, stored));
		at += stored;
	}
	for (uint8_t i = 0; i < ARRAY_SIZE(chunks); i++) {
		struct chunk_id id = { { 1, i } };
		struct error why = { 0 };
		fuzz_check(repo_read(repo, &id, room, LENGTH, &why) == -EUCLEAN);
		fuzz_check(why.msg[0]);
	}
	if (size > 0)
		round_trip(data, size);
	return 0;
}
