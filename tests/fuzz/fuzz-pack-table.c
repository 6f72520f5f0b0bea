/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fuzz-pack-table - a pack's table whose bytes are the input, under the name that fits them: what
 * is made of it lies inside the pack, and its chunks can be asked for.
 *
 * The input is the table and the trailer; the first two bytes say how many bytes of chunks (one
 * after the other, any) lie before it.
 */
#include "lunette/bytes.h"
#include "fuzz-repo.h"
#include "lunette/pack-read.h"

static void check_table(struct repo *repo, const uint8_t id[32], const struct pack_table *table)
{
	static uint8_t buf[REPO_CHUNK_MAX];
	fuzz_check(table->n > 0);
	for (uint32_t i = 0; i < table->n; i++) {
		const struct pack_entry *entry = &table->entries[i];
		struct error why = { 0 };
		fuzz_check(range_inside(entry->stored, entry->offset, table->size));
		fuzz_check(entry->length > 0 && entry->length <= sizeof(buf));
		if (i < 16 && pack_chunk_read(repo, id, entry, buf, &why) < 0)
			fuzz_check(why.msg[0]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct store_mem *mem;
	static struct repo *repo;
	static uint8_t pack[16 + 65535 + 65536] = "LUNEPACK\1";
	if (!repo) {
		mem = fuzz_repo_new();
		repo = fuzz_repo_open(mem);
	}
	if (size < 2 || size - 2 > 65536)
		return 0;
	size_t offset = 16 + (size_t)(data[0] | data[1] << 8);
	memcpy(pack + offset, data + 2, size - 2);

	uint8_t id[32];
	char key[STORE_KEY_MAX];
	fuzz_check(digest(data + 2, size - 2, id, NULL) == 0);
	pack_key(id, key);
	mem->n = MIN(mem->n, (size_t)2);
	if (mem->n == 2)
		snprintf(mem->entries[1].key, STORE_KEY_MAX, "%s", key);
	store_mem_set(mem, key, pack, offset + size - 2);

	struct pack_table *table;
	struct error why = { 0 };
	if (pack_table_read(repo, id, 0, &table, &why) == 0) {
		check_table(repo, id, table);
		free(table);
	} else {
		fuzz_check(why.msg[0]);
	}
	return 0;
}
