/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * container - see container.h.
 *
 * A fixed VHD is a disk with 512 bytes behind it, and can be read as one: only those that begin
 * with a head are meant here.
 *
 * Source: QEMU, docs/interop/qcow2.rst, qed_spec.rst and block/{vdi,vmdk,vpc,vhdx,parallels}.c;
 * libewf, documentation/Expert Witness Compression Format (EWF), section 2; file(1), magic/Magdir/
 * compress.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "container.h"

#define QEMU                                                               \
	"open it with 'qemu-nbd --read-only --connect=/dev/nbd0 FILE' or " \
	"convert it with 'qemu-img convert -O raw FILE DISK'"
#define EWF      "open it with 'ewfmount FILE DIR'"
#define UNPACK   "unpack it"
#define HEAD_MAX 512

static const struct container {
	const char *name, *how;
	const char *magic;
	size_t len, at;
} containers[] = {
	{ "a qcow2 image", QEMU, "QFI\xfb", 4, 0 },
	{ "a QED image", QEMU, "QED\0", 4, 0 },
	{ "a VHDX image", QEMU, "vhdxfile", 8, 0 },
	{ "a VHD image", QEMU, "conectix", 8, 0 },
	{ "a VMDK image", QEMU, "KDMV", 4, 0 },
	{ "a VMDK image", QEMU, "COWD", 4, 0 },
	{ "the description of a VMDK image", QEMU, "# Disk DescriptorFile", 21, 0 },
	{ "a VDI image", QEMU, "\x7f\x10\xda\xbe", 4, 64 },
	{ "a Parallels image", QEMU, "WithoutFreeSpace", 16, 0 },
	{ "a Parallels image", QEMU, "WithouFreSpacExt", 16, 0 },
	{ "an E01 image (EWF)", EWF, "EVF\x09\x0d\x0a\xff\x00", 8, 0 },
	{ "an Ex01 image (EWF)", EWF, "EVF2\x0d\x0a\x81\x00", 8, 0 },
	{ "compressed with xz", UNPACK,
	  "\xfd"
	  "7zXZ\0",
	  6, 0 },
	{ "compressed with zstd", UNPACK, "\x28\xb5\x2f\xfd", 4, 0 },
	{ "compressed with gzip", UNPACK, "\x1f\x8b\x08", 3, 0 },
};

int container_refuse(struct blk *blk, const char *path, struct error *err)
{
	char head[HEAD_MAX] = { 0 };
	struct stat st;
	/* A device may hold anything. */
	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	if (blk_read(blk, head, (size_t)MIN(blk->size, (uint64_t)sizeof(head)), 0, NULL) < 0)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(containers); i++) {
		const struct container *c = &containers[i];
		if (memcmp(head + c->at, c->magic, c->len) == 0)
			return error_set(err, -EINVAL,
					 "'%s' is %s, which is not a disk by itself: %s", path,
					 c->name, c->how);
	}
	return 0;
}
