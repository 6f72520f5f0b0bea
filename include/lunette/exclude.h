/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * exclude - the files of a volume whose contents are left out of a backup.
 *
 * The tree is walked once, as far as a pattern can match, and the runs of the files that do become
 * ones in an array of bits, one a granule of the volume, in a temporary file: so that memory does
 * not grow with the number of files, nor with their fragments, and a window of the disk asks for
 * the bits of its own place. The files themselves stay, with names, sizes and all else; what lay in
 * their clusters reads as zeros.
 *
 * A file stays that has another name by which it is not excluded. So does what has no clusters of
 * its own: data small enough to lie in the file system's table of files.
 */
#ifndef LUNETTE_EXCLUDE_H
#define LUNETTE_EXCLUDE_H

#include <stdatomic.h>
#include <stdint.h>

#include <jansson.h>

#include "lunette/bits-file.h"
#include "lunette/filesystem.h"
#include "lunette/layout.h"

#define EXCLUDE_GRANULE  512u /* what one bit stands for */
#define EXCLUDE_LIST_MAX ((size_t)1000)

/**
 * struct exclude - what is left out of one volume
 * @bits: a granule each; NULL when nothing is
 * @files: of which something is left out
 * @bytes: left out
 * @list: of {"volume", "path", "bytes"}: files, and directories with all below; not more than
 *        EXCLUDE_LIST_MAX
 * @more: how many are not on it
 */
struct exclude {
	struct bits_file *bits;
	uint64_t files;
	uint64_t bytes;
	json_t *list;
	uint64_t more;
};

/**
 * struct exclude_choice - what is to be left out
 * @patterns: see pattern.h; "VOLUME:" in front means the volume of that name only
 * @no_defaults: not what is left out by itself: page files and the like
 * @stop: looked at now and then; gives -EINTR; may be NULL
 */
struct exclude_choice {
	const char *const *patterns;
	size_t n_patterns;
	bool no_defaults;
	const atomic_bool *stop;
};

/**
 * exclude_check() - are these patterns, and of volumes that there are?
 *
 * Return: 0; -EINVAL; -ENOENT.
 */
int exclude_check(const struct exclude_choice *choice, const struct layout *layout,
		  struct error *err);

/**
 * exclude_find() - find the files of a volume that are left out
 * @layout: takes a warning when a pattern cannot be applied, or parts of the tree cannot be read
 * @fs: of the volume; NULL when it is not known
 * @ret: to be freed with exclude_free(); NULL when nothing is left out
 */
int exclude_find(const struct exclude_choice *choice, struct layout *layout,
		 const struct layout_volume *volume, struct fs *fs, struct exclude **ret,
		 struct error *err);
void exclude_free(struct exclude *exclude); /* may be NULL */
DEFINE_CLEANUP(struct exclude *, exclude_free)

/**
 * exclude_run() - the run of bytes at an offset of the volume that are left out, or are not
 * @exclude: may be NULL
 * @length: what is asked for, from @off on
 * @ret_length: at least 1, at most @length
 */
int exclude_run(const struct exclude *exclude, uint64_t length, uint64_t off, uint64_t *ret_length,
		bool *ret_out, struct error *err);

#endif
