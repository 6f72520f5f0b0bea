/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz-changed - a list of changes, of which every line is foreign. */
#include "changed.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t disk_size = (UINT64_C(5) << 30) + 512;
	static const uint32_t chunk_size = 65536;
	struct fuzz_disk disk;
	fuzz_disk_init(&disk, (const uint8_t *)"", 0); /* all zeros */
	disk.blk.size = disk_size;
	const struct layout_disk disks[] = {
		{ .name = "disk0", .blk = &disk.blk },
		{ .name = "disk1", .blk = &disk.blk },
	};
	FILE *in = size ? fmemopen((void *)data, size, "r") : NULL;
	if (!in)
		return 0;
	struct changed *changed;
	if (changed_read(in, disks, 2, chunk_size, "00", &changed, NULL) == 0) {
		for (size_t i = 0; i < 2; i++)
			if (changed_lists(changed, i))
				(void)changed_has(changed, i, disk_size / chunk_size);
		changed_free(changed);
	}
	fclose(in);
	return 0;
}
