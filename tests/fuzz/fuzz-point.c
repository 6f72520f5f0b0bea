/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz-point - a restore point's manifest: what is accepted has the shape that everybody relies on.
 */
#include "lunette/chunkmap.h"
#include "fuzz-repo.h"
#include "lunette/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(json_decref_cleanup)
	json_t *point = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
	if (!point || point_check(point, NULL) < 0)
		return 0;
	fuzz_check(repo_point_name(point)[0]);
	fuzz_check(strlen(repo_point_time(point)) < POINT_TIME_MAX);
	fuzz_check(strlen(point_finished(point)) < POINT_TIME_MAX);
	fuzz_check(repo_point_disks(point) > 0);
	for (size_t i = 0; i < repo_point_disks(point); i++) {
		struct repo_disk disk;
		repo_point_disk(point, i, &disk);
		fuzz_check(strlen(disk.name) < 16 && !strchr(disk.name, '/'));
		fuzz_check(disk.size < UINT64_C(1) << 63);
		fuzz_check(disk.sector_size >= 512 && is_power_of_2(disk.sector_size));
		fuzz_check(config_chunk_size_ok(disk.chunk_size));
		fuzz_check(disk.n_chunks ==
			   disk.size / disk.chunk_size + (disk.size % disk.chunk_size != 0));
		fuzz_check(chunkmap_levels(disk.n_chunks) <= CHUNKMAP_LEVELS);
	}
	return 0;
}
