/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fuzz-chunkmap - a tree that somebody made up: nodes that lead to nodes, to nothing, to themselves
 * on another level, or are zero where they must not be; for a disk of any size.
 *
 * The input: 8 bytes of the number of chunks, then 4 bytes a step: node, what it leads to, slot.
 */
#include "lunette/bytes.h"
#include "lunette/chunkmap.h"
#include "fuzz-repo.h"

#define NODES 8

static void walk(struct chunkmap *map, uint64_t n_chunks)
{
	uint64_t at = 0;
	for (int steps = 0; at < n_chunks && steps < 64; steps++) {
		struct chunk_id id;
		bool zero;
		uint64_t run;
		int got = chunkmap_get(map, at, &id, NULL);
		int ran = chunkmap_run(map, at, &zero, &run, NULL);
		fuzz_check(got == ran);
		if (got < 0) {
			at += 1 + n_chunks / 64;
			continue;
		}
		fuzz_check(zero == chunk_id_is_zero(&id));
		fuzz_check(run >= 1 && run <= n_chunks - at);
		at += run;
	}
	struct chunk_id id;
	fuzz_check(chunkmap_get(map, n_chunks, &id, NULL) == -ERANGE);
	if (n_chunks > 0)
		chunkmap_get(map, n_chunks - 1, &id, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct chunk_id nodes[NODES][CHUNKMAP_FANOUT];
	struct index_entry chunks[NODES];
	struct sealed sealed[NODES];
	if (size < 8)
		return 0;
	uint64_t n_chunks = get_le64(data);
	memset(nodes, 0, sizeof(nodes));
	/* The last node first: what it leads to has a name before it has. */
	size_t n = 0;
	for (size_t node = NODES; node-- > 0;) {
		for (size_t at = 8; at + 4 <= size; at += 4) {
			if (data[at] % NODES != node)
				continue;
			size_t to = data[at + 1];
			size_t slot = (data[at + 2] | (size_t)data[at + 3] << 8) % CHUNKMAP_FANOUT;
			if (to < n)
				nodes[node][slot] = chunks[to].id;
			else
				nodes[node][slot] = (struct chunk_id){ { (uint8_t)to } };
		}
		struct index_entry *chunk = &chunks[n];
		*chunk = (struct index_entry){ .stored = CHUNKMAP_NODE, .length = CHUNKMAP_NODE };
		fuzz_check(digest(nodes[node], CHUNKMAP_NODE, chunk->id.bytes, NULL) == 0);
		bool twin = false; /* an index has each id once */
		for (size_t i = 0; i < n; i++)
			twin |= memcmp(&chunks[i].id, &chunk->id, sizeof(chunk->id)) == 0;
		sealed[n] = (struct sealed){ (uint8_t *)nodes[node], CHUNKMAP_NODE, CODEC_STORED };
		n += !twin;
	}
	struct store_mem *mem = fuzz_repo_new();
	fuzz_repo_put(mem, chunks, sealed, n);
	struct repo *repo = fuzz_repo_open(mem);
	struct chunkmap *map;
	for (size_t i = 0; i < n; i++)
		if (chunkmap_open(repo, &chunks[i].id, n_chunks, &map, NULL) == 0) {
			walk(map, n_chunks);
			chunkmap_close(map);
		}
	repo_close(repo);
	return 0;
}
