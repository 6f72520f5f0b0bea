/* SPDX-License-Identifier: GPL-3.0-or-later */
/* drivers - the table of file-system drivers, in the order in which they are asked. */
#ifndef FS_DRIVERS_H
#define FS_DRIVERS_H

#include "driver.h"

extern const struct fs_driver fs_ntfs_driver;

/* Ends with NULL. */
extern const struct fs_driver *const fs_drivers[];

#endif
