/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz-nbd - what a client of the NBD server says; the first three bytes make the disk, see fuzz.h.
 */
#include <fcntl.h>
#include <sys/mman.h>

#include "fuzz.h"
#include "nbd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int null = -1;
	if (null < 0)
		null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct fuzz_disk disk;
	fuzz_disk_init(&disk, data, MIN(size, (size_t)3));
	CLEANUP(close_cleanup) int in = memfd_create("client", MFD_CLOEXEC);
	if (size <= 3 || disk.blk.size == 0 || write(in, data + 3, size - 3) < 0)
		return 0;
	lseek(in, 0, SEEK_SET);
	nbd_serve(in, null, &disk.blk, NULL);
	return 0;
}
