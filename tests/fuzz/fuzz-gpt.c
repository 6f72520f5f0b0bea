/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fuzz-gpt - a disk with a GPT of the input's making. A fuzzer cannot guess a CRC: those of both
 * copies are put right first, unless the first byte of the input says not to.
 */
#include <stdlib.h>

#include "fuzz.h"
#include "make-table.h"
#include "table.h"

#define SIZE_MAX_DISK (256u << 10)

static void seal(struct blk_mem *disk, uint32_t sector, uint64_t lba)
{
	uint64_t sectors = disk->blk.size / sector;
	if (lba < sectors && get_le(disk->bytes + lba * sector + 72, 8) < sectors)
		make_gpt_seal(disk, sector, lba);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2 || size > SIZE_MAX_DISK)
		return 0;
	uint32_t sector = data[0] & 1 ? 4096 : 512;
	uint64_t length = (size - 2 + sector - 1) / sector * sector;
	struct blk_mem *disk = blk_mem_new(length, data[0] & 2 ? sector : 512);
	memcpy(disk->bytes, data + 2, size - 2);
	disk->fail_at = data[1];
	if (!(data[0] & 4)) {
		seal(disk, sector, 1);
		seal(disk, sector, MAX(length / sector, UINT64_C(1)) - 1);
	}
	struct table *table;
	if (table_read(&disk->blk, &table, NULL) == 0) {
		fuzz_check(table->n_entries <= 8192 && table->n_warnings <= 16);
		for (size_t i = 0; i < table->n_entries; i++)
			fuzz_check(table->entries[i].length > 0 &&
				   table->entries[i].start + table->entries[i].length <
					   UINT64_C(1) << 63);
		for (size_t i = 0; i < table->n_metadata; i++)
			fuzz_check(table->metadata[i].length > 0 &&
				   range_inside(table->metadata[i].length, table->metadata[i].start,
						disk->blk.size));
		table_free(table);
	}
	blk_unref(&disk->blk);
	return 0;
}
