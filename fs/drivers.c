/* SPDX-License-Identifier: GPL-3.0-or-later */
/* drivers - see drivers.h. */
#include "drivers.h"

const struct fs_driver *const fs_drivers[] = {
	&fs_ntfs_driver,
	NULL,
};
