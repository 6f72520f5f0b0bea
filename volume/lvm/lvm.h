/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lvm - LVM2: from labels on physical volumes to the maps of logical volumes.
 *
 * Five steps, and each hands plain structs to the next: a physical volume's label and metadata
 * areas (lvm-label.c, lvm-area.c), the text in them (lvm-text.c), the volume group that it
 * describes (lvm-vg.c), and the bytes of its logical volumes (lvm-build.c and what it calls). lvm.c
 * decides which physical volumes belong together and tells a layout. LVM.md describes the formats.
 *
 * Texts and numbers come from disks: nothing in here has been checked unless a comment says so.
 */
#ifndef LVM_H
#define LVM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lunette/blk.h"
#include "lunette/error.h"
#include "lunette/map.h"

#define LVM_SECTOR   UINT64_C(512)
#define LVM_ID_TEXT  39 /* 32 characters, six dashes and the NUL */
#define LVM_ID_BYTES 32

/* The checksum of labels and metadata: CRC-32 that begins elsewhere and is not inverted. */
uint32_t lvm_crc(uint32_t crc, const void *buf, size_t len);
#define LVM_CRC_INITIAL 0xf597a6cfu

/* ---- lvm-label.c: what marks a physical volume ------------------------------------------------
 */

#define LVM_MAX_AREAS 4 /* LVM makes two at most */

struct lvm_area {
	uint64_t start;
	uint64_t length;
};

/**
 * struct lvm_label - a physical volume's label
 * @id: as LVM prints it, with dashes
 * @size: bytes that it had when it was made
 * @areas: metadata areas, each inside the blk
 */
struct lvm_label {
	char id[LVM_ID_TEXT];
	uint64_t size;
	size_t n_areas;
	struct lvm_area areas[LVM_MAX_AREAS];
};

/**
 * lvm_label_read() - look for a label in the first four sectors
 *
 * Return: 1 and @ret set when there is one; 0 when there is none; -EUCLEAN when there is one that
 * cannot be used; the blk's error.
 */
int lvm_label_read(struct blk *blk, struct lvm_label *ret, struct error *err);

/* ---- lvm-area.c: the ring in which a metadata area keeps its text -----------------------------
 */

/* A thousand RAID volumes of ten members take 6 MiB. */
#define LVM_MAX_TEXT (8u << 20)

/**
 * lvm_area_read() - read the committed text of a metadata area
 * @area: inside @blk
 * @text: NUL-terminated (it may end earlier, too), to be freed; set when there is one
 * @len: bytes of it
 * @crc: its checksum, as the area says and as it is
 *
 * Return: 1 when there is one; 0 when the area holds none or is to be ignored; -EUCLEAN; -EFBIG
 * when it is longer than LVM_MAX_TEXT; -ENOMEM; the blk's error.
 */
int lvm_area_read(struct blk *blk, const struct lvm_area *area, char **text, size_t *len,
		  uint32_t *crc, struct error *err);

/* ---- lvm-text.c: the text as a tree -----------------------------------------------------------
 *
 * The tree is libdevmapper's. Only lvm-text.c looks into it, so that all else compiles without.
 */

struct dm_config_tree;
struct dm_config_node;
struct dm_config_value;

/**
 * lvm_text_parse() - parse the text with libdevmapper
 * @text: NUL-terminated
 * @ret: to be given to lvm_text_free()
 *
 * Return: 0; -EUCLEAN when it is not well formed; -ENOMEM.
 */
int lvm_text_parse(const char *text, struct dm_config_tree **ret, struct error *err);

void lvm_text_free(struct dm_config_tree *tree);

/* The first section of the text; NULL when there is none. */
const struct dm_config_node *lvm_text_top(const struct dm_config_tree *tree);

/* The section in @node behind @last, the first for NULL; NULL when there is none, or no @node. */
const struct dm_config_node *lvm_text_next(const struct dm_config_node *node,
					   const struct dm_config_node *last);

const char *lvm_text_name(const struct dm_config_node *node);

/* Below @node. Each returns false when there is no such key or it is not of that kind. */
bool lvm_text_number(const struct dm_config_node *node, const char *key, uint64_t *ret);
bool lvm_text_string(const struct dm_config_node *node, const char *key, const char **ret);
const struct dm_config_node *lvm_text_section(const struct dm_config_node *node, const char *key);

/* The first value of a list that is not empty; NULL when there is none. */
const struct dm_config_value *lvm_text_list(const struct dm_config_node *node, const char *key);

/* Takes a value of a list and goes on to the next; false when there is none or it is not of that
 * kind. */
bool lvm_text_take_number(const struct dm_config_value **at, uint64_t *ret);
bool lvm_text_take_string(const struct dm_config_value **at, const char **ret);

/* Is @word one of a list of strings? */
bool lvm_text_flag(const struct dm_config_node *node, const char *key, const char *word);

/* ---- lvm-vg.c: a volume group as its text describes it ----------------------------------------
 */

struct lvm_pv {
	const char *name;
	const char *id;
	uint64_t start; /* bytes: of the first extent */
	uint64_t extents;
	struct blk *blk; /* not referenced; set by lvm.c; NULL when missing */
};

/**
 * struct lvm_segment - a run of a logical volume
 * @start: bytes; @length: bytes, at least 1; segments follow each other without gaps
 * @type: without flags: "striped", "raid5_ls", ...
 * @node: the rest depends on the type
 */
struct lvm_segment {
	uint64_t start;
	uint64_t length;
	char type[32];
	const struct dm_config_node *node;
};

enum lvm_progress { LVM_UNTOUCHED, LVM_IN_WORK, LVM_DONE };

/**
 * struct lvm_lv - a logical volume
 * @size: bytes, the sum of its segments
 * @progress: of lvm_build(), which sets all that follows
 * @map: NULL when it could not be described, @why then says why not
 * @blk: its bytes; NULL when they cannot be had
 */
struct lvm_lv {
	const char *name;
	const char *id;
	bool visible;
	uint64_t size;
	size_t n_segments;
	struct lvm_segment *segments;

	enum lvm_progress progress;
	struct map *map;
	struct blk *blk;
	struct error why;
};

/**
 * struct lvm_vg - a volume group; owns its tree, into which all strings point
 * @extent: bytes, a multiple of 512
 * @pvs: ordered by name, like @lvs: use the functions below
 */
struct lvm_vg {
	struct dm_config_tree *tree;
	const char *name;
	const char *id;
	uint64_t seqno;
	uint64_t extent;
	size_t n_pvs;
	struct lvm_pv *pvs;
	size_t n_lvs;
	struct lvm_lv *lvs;
};

/**
 * lvm_vg_new() - read a volume group from its text
 * @text: NUL-terminated
 *
 * Return: 0; -EUCLEAN for what makes no volume group; -ENOMEM. A logical volume that makes no sense
 * has no segments and says why.
 */
int lvm_vg_new(const char *text, struct lvm_vg **ret, struct error *err);

void lvm_vg_free(struct lvm_vg *vg);
DEFINE_CLEANUP(struct lvm_vg *, lvm_vg_free)

struct lvm_pv *lvm_vg_pv(const struct lvm_vg *vg, const char *name);
struct lvm_lv *lvm_vg_lv(const struct lvm_vg *vg, const char *name);

/* ---- lvm-build.c: from segments to maps -------------------------------------------------------
 */

/**
 * struct lvm_build - what building needs and finds
 * @sector: logical sector size in bytes
 * @depth: of volumes in volumes, now
 * @make: what a segment stands on, when that is a volume: lvm_build(), which sets this
 * @warn: called with a sentence about a volume; 0 or -ENOMEM
 * @metadata: called for a range of a hidden volume that must be stored in full; 0 or -ENOMEM
 */
struct lvm_build {
	struct lvm_vg *vg;
	uint32_t sector;
	unsigned int depth;
	int (*make)(struct lvm_build *build, struct lvm_lv *lv, struct error *err);
	int (*warn)(void *ctx, const char *text, struct error *err);
	int (*metadata)(void *ctx, struct blk *blk, uint64_t length, uint64_t off,
			struct error *err);
	void *ctx;
};

/**
 * lvm_build() - make the bytes of a logical volume readable, and of those that it is made of
 *
 * Return: 0, also when it cannot be read, @lv then says why; -ENOMEM.
 */
int lvm_build(struct lvm_build *build, struct lvm_lv *lv, struct error *err);

/* ---- for lvm-build.c: one kind of segment each; 0 or why it cannot be described ---------------
 */

int lvm_add_striped(struct lvm_build *build, const struct lvm_segment *seg, struct map *map,
		    struct error *err);
int lvm_add_mirror(struct lvm_build *build, const struct lvm_segment *seg, struct map *map,
		   struct error *err);
int lvm_add_raid(struct lvm_build *build, const struct lvm_segment *seg, struct map *map,
		 struct error *err);
int lvm_add_thin(struct lvm_build *build, const struct lvm_segment *seg, struct map *map,
		 struct error *err);
int lvm_add_snapshot(struct lvm_build *build, const struct lvm_segment *seg, struct map *map,
		     struct error *err);
int lvm_add_cache(struct lvm_build *build, const struct lvm_segment *seg, struct map *map,
		  struct error *err);

/**
 * lvm_area_leg() - the physical extents or the logical volume that a segment names
 * @name: of a physical or a logical volume
 * @extent: from which on
 * @length: bytes that must be there
 * @ret: its blk is NULL when it is missing; not referenced
 */
int lvm_area_leg(struct lvm_build *build, const char *name, uint64_t extent, uint64_t length,
		 struct map_leg *ret, struct error *err);

/* The volume that @key names, built. @ret is NULL when the segment does not name one. */
int lvm_named(struct lvm_build *build, const struct lvm_segment *seg, const char *key,
	      struct lvm_lv **ret, struct error *err);

#endif
