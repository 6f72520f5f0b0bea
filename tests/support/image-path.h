/* SPDX-License-Identifier: GPL-3.0-or-later */
/* image-path - a path for an image, in a folder that is the test program's own. */
#ifndef IMAGE_PATH_H
#define IMAGE_PATH_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char image_dir[] = "/tmp/test-image.XXXXXX";
static char image_path[sizeof(image_dir) + 8];

/* For a whole group. */
static inline int image_dir_make(void **state)
{
	(void)state;
	if (!mkdtemp(image_dir))
		return -1;
	snprintf(image_path, sizeof(image_path), "%s/img", image_dir);
	return 0;
}

static inline int image_dir_remove(void **state)
{
	(void)state;
	return rmdir(image_dir);
}

/* For each test. */
static inline int image_remove(void **state)
{
	(void)state;
	remove(image_path);
	return 0;
}

#endif
