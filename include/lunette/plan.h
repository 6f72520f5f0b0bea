/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * plan - which bytes of each disk a backup reads.
 *
 * All of them, but those of which somebody who understands them says that they do not matter: a
 * file system that they are free, the user that they are of a file, or of a volume, that is not
 * wanted. So what nobody understands is stored, and each byte that is not has a reason that can be
 * counted.
 *
 * It is worked out one window of a disk at a time, forwards, so that memory does not grow with the
 * disks: which ranges of the chosen volumes lie in this window, which of those do their file
 * systems use, and where on the disk are they? What is asked of a file system is always a question
 * about one place, and a volume of any shape, over any number of disks, is only a map.
 */
#ifndef LUNETTE_PLAN_H
#define LUNETTE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lunette/bits.h"
#include "lunette/exclude.h"
#include "lunette/filesystem.h"
#include "lunette/layout.h"

#define PLAN_WINDOW   ((uint64_t)64 << 20)
#define PLAN_GRANULE  512u /* what one bit stands for; file systems do not count in less */
#define PLAN_GRANULES (PLAN_WINDOW / PLAN_GRANULE)

/**
 * struct plan_volume - a volume that is stored
 * @fs: which says what is used; NULL when every byte counts
 * @exclude: what is left out; NULL when nothing is
 * @guessed: bad sectors keep @fs from saying what is used; since then every byte counts
 */
struct plan_volume {
	const struct layout_volume *volume;
	struct fs *fs;
	struct exclude *exclude;
	bool guessed;
};

/**
 * struct plan - what a backup stores of a layout
 * @layout: borrowed
 * @all_blocks: every byte of every disk, and @volumes do not matter: so it was chosen, or the bytes
 *              of a volume cannot be followed to the disks
 * @every_volume: none was named: volumes that hold others are stored by what is in them, and around
 * @only_known: of what lies in no volume only what describes the disks
 * @skip_bad: see struct plan_choice
 * @patterns: of files that are left out, as the user gave them: a list of texts
 * @defaults: page files are left out as well
 */
struct plan {
	const struct layout *layout;
	bool all_blocks;
	bool every_volume;
	bool only_known;
	bool skip_bad;
	size_t n_volumes;
	struct plan_volume *volumes;
	json_t *patterns;
	bool defaults;
};

/**
 * struct plan_window - what is read of one window of a disk
 * @off: byte offset on the disk, a multiple of PLAN_WINDOW
 * @length: PLAN_WINDOW bytes, or what there is before the disk's end
 * @used: bytes in use, those that are known to be zero included
 * @read: bytes in use that must be read
 * @excluded: bytes in use that are left out; not in @used
 * @free: bytes that file systems call free; in none of the above, and what is left of @length is
 *        what was not chosen
 * @in_use: the granules in use, counted from @off: what a backup holds
 * @left_out: granules that are in use only by files that are left out
 * @is_free: granules that are free, and nothing else
 * @bits: those in use that must be read
 */
struct plan_window {
	uint64_t off;
	uint64_t length;
	uint64_t used;
	uint64_t read;
	uint64_t excluded;
	uint64_t free;
	uint64_t in_use[BITS_WORDS(PLAN_GRANULES)];
	uint64_t left_out[BITS_WORDS(PLAN_GRANULES)];
	uint64_t is_free[BITS_WORDS(PLAN_GRANULES)];
	uint64_t bits[BITS_WORDS(PLAN_GRANULES)];
};

/**
 * struct plan_choice - what is to be stored
 * @volumes: names of volumes; with none, all of the disks, but what is free in a volume
 * @all_blocks: every block of the disks instead, whatever is on them
 * @only_known: with no @volumes: all that there are, but nothing of what lies in none of them
 * @degraded: also volumes that lack a member, as long as they can be read without it
 * @skip_bad: where bad sectors keep a file system from saying what is used, all is; without it that
 *            is an error
 * @exclude: files whose contents are left out; not with @all_blocks
 */
struct plan_choice {
	const char *const *volumes;
	size_t n_volumes;
	bool all_blocks;
	bool only_known;
	bool degraded;
	bool skip_bad;
	struct exclude_choice exclude;
};

/**
 * plan_new() - choose volumes and open their file systems
 * @layout: must outlive the plan; what cannot be looked into becomes one of its warnings, and so
 *          does a volume whose bytes cannot be followed to the disks: then all blocks are stored
 * @choice: not needed afterwards
 * @ret: to be freed with plan_free()
 *
 * Return: 0; -ENOENT when there is no such volume; -ENODATA when nothing would be stored, or a
 * chosen volume lacks a member that it cannot be read without, or any and that was not asked for;
 * -ENXIO when one lies on a disk that is none of the layout's; ...
 */
int plan_new(struct layout *layout, const struct plan_choice *choice, struct plan **ret,
	     struct error *err);

/**
 * plan_warn() - warn of what is stored whole, or not at all, because nobody understands it, and
 * of disks without a byte
 * @layout: the plan's, which takes the warnings
 *
 * It reads of what may be blank. Return: 0; -ENOMEM; the source's error.
 */
int plan_warn(const struct plan *plan, struct layout *layout, struct error *err);

/**
 * plan_excluded() - what is left out, as a manifest says it
 *
 * Return: a new reference; NULL without memory, and where all blocks are stored.
 */
json_t *plan_excluded(const struct plan *plan);

/* Is more stored than must be, since bad sectors kept a file system from saying what is in use? */
bool plan_is_guessed(const struct plan *plan);

/* Will all of a volume be there, be it by what it holds or by what holds it? */
bool plan_stores(const struct plan *plan, const struct layout_volume *volume);

/**
 * plan_free() - close file systems and free
 * @plan: may be NULL
 */
void plan_free(struct plan *plan);
DEFINE_CLEANUP(struct plan *, plan_free)

/*
 * The rules by which it is decided what is in use. A restore point bears their number, and only one
 * of the same number can say, worked out anew, what it holds: see parent.h. It is to be raised
 * whenever the same disk would be read differently.
 */
#define PLAN_RULES 4

/**
 * plan_used() - what is in use in one window of a disk: fills in all but @read and @bits
 * @disk: one of the layout's
 * @off: a multiple of PLAN_WINDOW, less than the disk's size
 * @ret: large: not for a stack
 */
int plan_used(const struct plan *plan, const struct layout_disk *disk, uint64_t off,
	      struct plan_window *ret, struct error *err);

/**
 * plan_window() - work out one window of a disk
 * @disk: one of the layout's
 * @off: a multiple of PLAN_WINDOW, less than the disk's size
 * @ret: large: not for a stack
 */
int plan_window(const struct plan *plan, const struct layout_disk *disk, uint64_t off,
		struct plan_window *ret, struct error *err);

#endif
