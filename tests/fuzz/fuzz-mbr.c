/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz-mbr - a disk that begins as the input says: the MBR and its chain of boot records. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_disk disk;
	fuzz_disk_init(&disk, data, size);
	struct table table = { .kind = LAYOUT_TABLE_NONE, .sector = disk.blk.sector };
	uint64_t protective;
	if (mbr_read(&disk.blk, &table, &protective, NULL) == 0)
		for (size_t i = 0; i < table.n_entries; i++)
			fuzz_check(table.entries[i].length > 0 &&
				   table.entries[i].start < UINT64_C(1) << 63);
	fuzz_check(table.n_entries <= 4 + 2 * 255);
	for (size_t i = 0; i < table.n_warnings; i++)
		free(table.warnings[i]);
	free(table.warnings);
	free(table.metadata);
	free(table.entries);
	return 0;
}
