/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz-repo - a repository in memory, for targets that read its objects back. */
#ifndef FUZZ_REPO_H
#define FUZZ_REPO_H

#include "lunette/digest.h"
#include "fuzz.h"
#include "lunette/repo-parts.h"
#include "seal.h"
#include "store-mem.h"

/* Puts one pack that holds @n chunks, and the index that finds them. */
static inline void fuzz_repo_put(struct store_mem *mem, const struct index_entry *chunks,
				 const struct sealed *sealed, size_t n)
{
	struct index_entry entries[16];
	struct pack *pack;
	struct store_draft *draft;
	struct index_pack done;
	char key[STORE_KEY_MAX], name[65];
	fuzz_check(n <= ARRAY_SIZE(entries));
	fuzz_check(pack_begin(&mem->store, NULL, &pack, NULL) == 0);
	for (size_t i = 0; i < n; i++) {
		entries[i] = chunks[i];
		fuzz_check(pack_add(pack, &chunks[i].id, &sealed[i], chunks[i].length,
				    PACK_KIND_DATA, &entries[i].offset, NULL) == 0);
	}
	fuzz_check(pack_finish(pack, NULL, &draft, &done, NULL) == 0);
	pack_key(done.id, key);
	fuzz_check(store_put(&mem->store, key, &draft->source, STORE_TWIN, NULL) == 0);
	store_draft_free(draft);
	fuzz_check(index_build(&mem->store, NULL, entries, n, &done, 1, name, NULL) == 0);
}

static inline struct store_mem *fuzz_repo_new(void)
{
	struct store_mem *mem = store_mem_new();
	fuzz_check(config_create(&mem->store,
				 &(struct repo_settings){ .chunk_size = REPO_CHUNK_MIN },
				 NULL) == 0);
	return mem;
}

/* @mem is taken over. */
static inline struct repo *fuzz_repo_open(struct store_mem *mem)
{
	struct repo *repo;
	fuzz_check(repo_open_store(&mem->store, "mem", NULL, &repo, NULL) == 0);
	return repo;
}

#endif
