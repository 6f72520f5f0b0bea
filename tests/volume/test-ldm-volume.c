/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From dynamic disks to volumes: every kind, whole and with each disk missing in turn. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lunette/layout.h"
#include "make-ldm.h"
#include "make-table.h"

#define MIB (1u << 20)

/* The layout of the disks whose bits are set, in order. */
static struct layout *look(struct make_ldm *group, unsigned int disks)
{
	struct layout_input inputs[20];
	size_t n = 0;
	for (unsigned int i = 0; i < group->n_disks; i++)
		if (disks & 1u << i)
			inputs[n++] = (struct layout_input){ &group->disks[i].mem->blk, "made" };
	struct layout *layout;
	struct error err;
	if (layout_new(inputs, n, NULL, &layout, &err) < 0)
		fail_msg("%s", err.msg);
	return layout;
}

static struct layout_volume *find(struct layout *layout, const char *name)
{
	struct layout_volume *volume = layout_find(layout, name);
	for (size_t i = 0; !volume && i < layout->n_warnings; i++)
		print_message("# %s\n", layout->warnings[i]);
	assert_non_null(volume);
	return volume;
}

/* Reads in pieces that fit nothing, so that every border is crossed. */
static void assert_content(const struct layout_volume *volume, const char *name)
{
	uint8_t buf[7777];
	assert_non_null(volume->blk);
	for (uint64_t off = 0; off < volume->size; off += sizeof(buf)) {
		size_t n = (size_t)MIN((uint64_t)sizeof(buf), volume->size - off);
		struct error err;
		if (blk_read(volume->blk, buf, n, off, &err) < 0)
			fail_msg("%s at %" PRIu64 ": %s", name, off, err.msg);
		for (size_t i = 0; i < n; i++)
			if (buf[i] != make_ldm_byte(name, off + i))
				fail_msg("%s at %" PRIu64 ": %02x", name, off + i, buf[i]);
	}
}

/**
 * struct kind - a volume over the disks 0, 1, ...
 * @redundant: how it is with any one of its disks missing
 */
struct kind {
	const char *name, *type;
	unsigned int n_disks, kind;
	uint64_t chunk;
	bool redundant;
	size_t n;
	struct make_ldm_extent extents[12];
};

static const struct kind kinds[] = {
	{ "Simple", "simple", 1, MAKE_LDM_CONCAT, 0, false, 1, { { 0, 0, 0, 65, 1000 } } },
	{ "Span",
	  "spanned",
	  3,
	  MAKE_LDM_CONCAT,
	  0,
	  false,
	  4,
	  { { 0, 0, 0, 0, 300 }, { 0, 0, 2, 7, 200 }, { 0, 0, 1, 9, 1 }, { 0, 0, 0, 700, 99 } } },
	{ "Stripe",
	  "striped",
	  3,
	  MAKE_LDM_STRIPED,
	  128,
	  false,
	  3,
	  { { 0, 0, 1, 0, 512 }, { 0, 1, 0, 1, 512 }, { 0, 2, 2, 2, 512 } } },
	{ "Grown",
	  "striped",
	  2,
	  MAKE_LDM_STRIPED,
	  32,
	  false,
	  5,
	  { { 0, 0, 0, 0, 48 },
	    { 0, 0, 0, 600, 80 },
	    { 0, 1, 1, 0, 64 },
	    { 0, 1, 1, 900, 32 },
	    { 0, 1, 1, 300, 32 } } },
	{ "Mirror",
	  "mirrored",
	  2,
	  MAKE_LDM_CONCAT,
	  0,
	  true,
	  2,
	  { { 0, 0, 0, 5, 1000 }, { 1, 0, 1, 17, 1000 } } },
	{ "MirrorOfSpans",
	  "mirrored",
	  4,
	  MAKE_LDM_CONCAT,
	  0,
	  true,
	  4,
	  { { 0, 0, 0, 0, 300 }, { 0, 0, 1, 0, 200 }, { 1, 0, 2, 0, 100 }, { 1, 0, 3, 0, 400 } } },
	{ "MirrorOfStripes",
	  "mirrored",
	  4,
	  MAKE_LDM_STRIPED,
	  64,
	  true,
	  4,
	  { { 0, 0, 0, 0, 256 }, { 0, 1, 1, 0, 256 }, { 1, 0, 2, 9, 256 }, { 1, 1, 3, 0, 256 } } },
	{ "ThreeWay",
	  "mirrored",
	  3,
	  MAKE_LDM_CONCAT,
	  0,
	  true,
	  3,
	  { { 0, 0, 0, 0, 64 }, { 1, 0, 1, 0, 64 }, { 2, 0, 2, 0, 64 } } },
	{ "Raid",
	  "raid5",
	  3,
	  MAKE_LDM_RAID5,
	  128,
	  true,
	  3,
	  { { 0, 0, 0, 0, 1024 }, { 0, 1, 1, 0, 1024 }, { 0, 2, 2, 0, 1024 } } },
	{ "Raid5",
	  "raid5",
	  5,
	  MAKE_LDM_RAID5,
	  16,
	  true,
	  6,
	  { { 0, 0, 4, 0, 160 },
	    { 0, 1, 3, 1, 160 },
	    { 0, 2, 2, 2, 40 },
	    { 0, 2, 2, 500, 120 },
	    { 0, 3, 1, 3, 160 },
	    { 0, 4, 0, 4, 160 } } },
};

/* How the disks of a group are made. */
static const struct style {
	uint32_t sector;
	bool gpt, mix;
	uint16_t minor;
	unsigned int revision;
} styles[] = {
	{ 512, false, false, 11, 3 }, { 512, true, true, 12, 3 },   { 512, false, true, 12, 4 },
	{ 4096, true, false, 12, 3 }, { 4096, false, true, 12, 4 },
};

static struct make_ldm *make(const struct kind *kind, const struct style *style)
{
	struct make_ldm *group = make_ldm_new("TestDg0", 1);
	group->minor = style->minor;
	group->revision = style->revision;
	group->mix = style->mix;
	for (unsigned int i = 0; i < kind->n_disks; i++)
		make_ldm_add_disk(group, 3 * MIB, style->sector, style->gpt);
	make_ldm_volume(group, kind->name, kind->kind, kind->chunk, kind->extents, kind->n, NULL);
	make_ldm_write(group);
	return group;
}

static void every_kind_is_put_together_from_every_style_of_disk(void **state)
{
	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		for (size_t s = 0; s < ARRAY_SIZE(styles); s++) {
			struct make_ldm *group = make(&kinds[k], &styles[s]);
			struct layout *layout = look(group, ~0u);
			for (size_t i = 0; i < layout->n_warnings; i++)
				fail_msg("%s: %s", kinds[k].name, layout->warnings[i]);
			assert_int_equal(layout->n_volumes, 1);
			struct layout_volume *volume = find(layout, kinds[k].name);
			assert_string_equal(layout_type_name(volume->type), kinds[k].type);
			assert_int_equal(volume->group->kind, LAYOUT_LDM);
			assert_string_equal(volume->group->name, "TestDg0");
			assert_int_equal(volume->group->n_missing, 0);
			assert_int_equal(volume->blk->sector, styles[s].sector);
			if (volume->state != LAYOUT_OK || volume->reason[0])
				fail_msg("%s: %s", kinds[k].name, volume->reason);
			assert_content(volume, kinds[k].name);
			layout_free(layout);
			make_ldm_free(group);
		}
	}
}

static void an_image_of_a_disk_with_large_sectors_need_not_say_so(void **state)
{
	(void)state;
	for (size_t s = 3; s < 5; s++) {
		struct make_ldm *group = make(&kinds[2], &styles[s]);
		for (unsigned int i = 0; i < group->n_disks; i++)
			group->disks[i].mem->blk.sector = 512;
		struct layout *layout = look(group, ~0u);
		struct layout_volume *volume = find(layout, "Stripe");
		assert_int_equal(volume->state, LAYOUT_OK);
		assert_int_equal(volume->blk->sector, 4096);
		assert_int_equal(layout->disks[0].sector, 4096);
		assert_content(volume, "Stripe");
		layout_free(layout);
		make_ldm_free(group);
	}
}

static void a_missing_disk_is_named_and_costs_only_what_needs_it(void **state)
{
	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		for (unsigned int gone = 0; gone < kinds[k].n_disks && kinds[k].n_disks > 1;
		     gone++) {
			struct make_ldm *group = make(&kinds[k], &styles[1]);
			struct layout *layout = look(group, ~(1u << gone));
			struct layout_volume *volume = find(layout, kinds[k].name);
			char guid[37], name[16];
			make_ldm_guid(group, gone, guid);
			snprintf(name, sizeof(name), "Disk%u", gone + 1);
			assert_int_equal(volume->group->n_missing, 1);
			assert_non_null(strstr(volume->group->missing[0], guid));
			assert_non_null(strstr(volume->group->missing[0], name));
			assert_non_null(strstr(volume->reason, guid));
			assert_non_null(volume->map);
			assert_string_equal(layout_type_name(volume->type), kinds[k].type);
			assert_int_equal(volume->state,
					 kinds[k].redundant ? LAYOUT_DEGRADED : LAYOUT_INCOMPLETE);
			if (kinds[k].redundant)
				assert_content(volume, kinds[k].name);
			else
				assert_null(volume->blk);
			layout_free(layout);
			make_ldm_free(group);
		}
	}
}

static void parts_of_both_sides_of_a_mirror_of_spans_are_enough(void **state)
{
	(void)state;
	/* Disk1 has 0 to 300 of the one side, Disk4 100 to 500 of the other. */
	struct make_ldm *group = make(&kinds[5], &styles[0]);
	struct layout *layout = look(group, 1u << 0 | 1u << 3);
	struct layout_volume *volume = find(layout, "MirrorOfSpans");
	assert_int_equal(volume->state, LAYOUT_DEGRADED);
	assert_content(volume, "MirrorOfSpans");
	layout_free(layout);
	layout = look(group, 1u << 1 | 1u << 2);
	assert_int_equal(find(layout, "MirrorOfSpans")->state, LAYOUT_INCOMPLETE);
	layout_free(layout);
	make_ldm_free(group);
}

static void two_missing_disks_are_too_many_for_raid5(void **state)
{
	(void)state;
	struct make_ldm *group = make(&kinds[9], &styles[0]);
	struct layout *layout = look(group, ~(1u << 1 | 1u << 4));
	struct layout_volume *volume = find(layout, "Raid5");
	assert_int_equal(volume->state, LAYOUT_INCOMPLETE);
	assert_non_null(strstr(volume->reason, "Disk2"));
	assert_non_null(strstr(volume->reason, "Disk5"));
	layout_free(layout);
	make_ldm_free(group);
}

static void order_of_disks_does_not_matter(void **state)
{
	(void)state;
	struct make_ldm *group = make(&kinds[9], &styles[1]);
	struct layout_input inputs[5];
	for (unsigned int i = 0; i < 5; i++)
		inputs[(i * 3 + 1) % 5] =
			(struct layout_input){ &group->disks[i].mem->blk, "made" };
	struct layout *layout;
	assert_int_equal(layout_new(inputs, 5, NULL, &layout, NULL), 0);
	assert_content(find(layout, "Raid5"), "Raid5");
	layout_free(layout);
	make_ldm_free(group);
}

static void volumes_are_named_by_letter_else_by_name_and_never_alike(void **state)
{
	(void)state;
	struct make_ldm *group = make_ldm_new("TestDg0", 1);
	make_ldm_add_disk(group, 3 * MIB, 512, false);
	const struct make_ldm_extent e[] = {
		{ 0, 0, 0, 0, 10 }, { 0, 0, 0, 10, 10 }, { 0, 0, 0, 20, 10 }, { 0, 0, 0, 30, 10 }
	};
	make_ldm_volume(group, "Volume1", MAKE_LDM_CONCAT, 0, &e[0], 1, "E:");
	make_ldm_volume(group, "../etc", MAKE_LDM_CONCAT, 0, &e[1], 1, NULL);
	make_ldm_volume(group, "Volume3", MAKE_LDM_CONCAT, 0, &e[2], 1, "E:");
	make_ldm_volume(group, "Volume4", MAKE_LDM_CONCAT, 0, &e[3], 1, "C:\\mnt\\x\\");
	make_ldm_write(group);
	struct layout *layout = look(group, ~0u);
	assert_int_equal(layout->n_volumes, 4);
	assert_string_equal(find(layout, "E")->title, "Volume1");
	assert_string_equal(find(layout, "Volume4")->title, "Volume4");
	for (size_t i = 0; i < 4; i++) {
		assert_null(strchr(layout->volumes[i].name, '/'));
		assert_ptr_equal(layout_find(layout, layout->volumes[i].name), &layout->volumes[i]);
		assert_content(&layout->volumes[i], layout->volumes[i].title);
	}
	layout_free(layout);
	make_ldm_free(group);
}

static void a_backup_keeps_headers_and_database_whole(void **state)
{
	(void)state;
	for (int gpt = 0; gpt < 2; gpt++) {
		struct make_ldm *group = make(&kinds[0], &styles[gpt]);
		struct layout *layout = look(group, ~0u);
		const struct make_ldm_disk *d = &group->disks[0];
		const struct layout_disk *disk = &layout->disks[0];
		const uint64_t must[][2] = { { 6 * 512, 512 }, { d->private_start * 512, MIB } };
		for (size_t m = (size_t)gpt; m < 2; m++) {
			bool kept = false;
			for (size_t i = 0; i < disk->n_metadata; i++)
				kept |= disk->metadata[i].start <= must[m][0] &&
					disk->metadata[i].start + disk->metadata[i].length >=
						must[m][0] + must[m][1];
			assert_true(kept);
		}
		layout_free(layout);
		make_ldm_free(group);
	}
}

static void basic_partitions_beside_dynamic_ones_stay(void **state)
{
	(void)state;
	struct make_ldm *group = make(&kinds[0], &styles[1]);
	struct make_ldm_disk *d = &group->disks[0];
	uint64_t last = d->public_start + d->public_size - 1;
	make_gpt_entry(d->mem, 512, 2, 0xA1, last - 99, last);
	make_gpt_seal_both(d->mem, 512);
	struct layout *layout = look(group, ~0u);
	assert_int_equal(layout->n_volumes, 2);
	assert_int_equal(find(layout, "disk0-p3")->type, LAYOUT_BASIC);
	assert_content(find(layout, "Simple"), "Simple");
	layout_free(layout);
	make_ldm_free(group);
}

static void an_oem_partition_may_come_first(void **state)
{
	(void)state;
	struct make_ldm *group = make(&kinds[0], &styles[0]);
	struct blk_mem *mem = group->disks[0].mem;
	make_mbr_entry(mem, 512, 0, 0, 0xDE, 7, 50);
	make_mbr_entry(mem, 512, 0, 2, 0x42, 63, 3000);
	struct layout *layout = look(group, ~0u);
	assert_int_equal(layout->n_volumes, 2);
	assert_string_equal(find(layout, "disk0-p1")->partition_type, "de");
	assert_content(find(layout, "Simple"), "Simple");
	layout_free(layout);
	make_ldm_free(group);
}

static void a_disk_that_lost_its_table_is_known_by_its_header(void **state)
{
	(void)state;
	struct make_ldm *group = make(&kinds[0], &styles[0]);
	memset(group->disks[0].mem->bytes, 0, 512);
	struct layout *layout = look(group, ~0u);
	assert_int_equal(layout->n_volumes, 1);
	assert_content(find(layout, "Simple"), "Simple");
	layout_free(layout);
	make_ldm_free(group);
}

static void what_a_basic_disk_has_left_of_its_dynamic_days_is_not_believed(void **state)
{
	(void)state;
	struct make_ldm *group = make(&kinds[0], &styles[0]);
	struct blk_mem *mem = group->disks[0].mem;
	make_mbr_entry(mem, 512, 0, 0, 0x07, 63, 3000);
	struct layout *layout = look(group, ~0u);
	assert_int_equal(layout->n_groups, 0);
	assert_int_equal(find(layout, "disk0-p1")->type, LAYOUT_BASIC);
	layout_free(layout);

	memset(mem->bytes, 0, 7 * 512); /* a file system on the whole disk, headers at its end */
	layout = look(group, ~0u);
	assert_int_equal(layout->n_groups, 0);
	assert_int_equal(find(layout, "disk0")->type, LAYOUT_DISK);
	layout_free(layout);
	make_ldm_free(group);
}

static void a_disk_that_was_cut_is_a_missing_part(void **state)
{
	(void)state;
	struct make_ldm *group = make(&kinds[4], &styles[1]);
	group->disks[1].mem->blk.size = 1200 * 1024 + 34 * 512;
	struct layout *layout = look(group, ~0u);
	struct layout_volume *volume = find(layout, "Mirror");
	assert_int_equal(volume->state, LAYOUT_DEGRADED);
	assert_non_null(strstr(volume->reason, "ends too early"));
	assert_content(volume, "Mirror");
	layout_free(layout);
	make_ldm_free(group);
}

/* ---- copies that are not good ---------------------------------------------------------------- */

/* Spoils what an extent holds, to see whether it is read. */
static void spoil(struct make_ldm *group, unsigned int disk)
{
	struct make_ldm_disk *d = &group->disks[disk];
	memset(d->mem->bytes + d->public_start * 512, 0x5a, 1100 * 512);
}

static void the_mirror_on_a_disk_that_was_away_is_not_read(void **state)
{
	(void)state;
	static const struct kind *const redundant[] = { &kinds[4], &kinds[5], &kinds[6],
							&kinds[8] };
	for (size_t k = 0; k < ARRAY_SIZE(redundant); k++) {
		struct make_ldm *group = make(redundant[k], &styles[0]);
		spoil(group, 1);
		group->committed = group->pending = 41;
		for (unsigned int i = 0; i < group->n_disks; i++)
			if (i != 1)
				make_ldm_write_disk(group, i);
		struct layout *layout = look(group, ~0u);
		struct layout_volume *volume = find(layout, redundant[k]->name);
		assert_int_equal(volume->state, LAYOUT_DEGRADED);
		assert_non_null(strstr(volume->reason, "Disk2 (disk1) is out of date"));
		assert_content(volume, redundant[k]->name);
		assert_int_equal(layout->n_warnings, 1);
		assert_non_null(strstr(layout->warnings[0], "disk1: it was away"));
		layout_free(layout);
		make_ldm_free(group);
	}
}

static void old_content_is_better_than_none(void **state)
{
	(void)state;
	struct make_ldm *group = make(&kinds[4], &styles[0]);
	group->committed = group->pending = 41;
	make_ldm_write_disk(group, 0);
	struct layout *layout = look(group, 1u << 1);
	struct layout_volume *volume = find(layout, "Mirror");
	assert_int_equal(volume->state, LAYOUT_DEGRADED);
	assert_content(volume, "Mirror");
	layout_free(layout);
	make_ldm_free(group);
}

static void raid5_is_not_computed_from_old_parts(void **state)
{
	(void)state;
	struct make_ldm *group = make(&kinds[8], &styles[0]);
	group->committed = group->pending = 41;
	make_ldm_write_disk(group, 0);
	struct layout *layout = look(group, 1u << 0 | 1u << 2);
	struct layout_volume *volume = find(layout, "Raid");
	assert_int_equal(volume->state, LAYOUT_INCOMPLETE);
	assert_null(volume->blk);
	assert_non_null(strstr(volume->reason, "Disk2"));
	assert_non_null(strstr(volume->reason, "Disk3 (disk1) is out of date"));
	layout_free(layout);
	make_ldm_free(group);
}

static void old_content_and_new_are_not_mixed(void **state)
{
	(void)state;
	/* The only copy of the first part is on Disk3, which was away; Disk4 has the rest. */
	struct make_ldm *group = make(&kinds[5], &styles[0]);
	group->committed = group->pending = 41;
	make_ldm_write_disk(group, 1);
	make_ldm_write_disk(group, 3);
	struct layout *layout = look(group, ~(1u << 0));
	struct layout_volume *volume = find(layout, "MirrorOfSpans");
	assert_int_equal(volume->state, LAYOUT_INCOMPLETE);
	assert_non_null(strstr(volume->reason, "Disk3 (disk1) is out of date"));
	layout_free(layout);
	make_ldm_free(group);

	/* A volume without mirrors has but one state. */
	group = make(&kinds[1], &styles[0]);
	group->committed = group->pending = 41;
	make_ldm_write_disk(group, 1);
	layout = look(group, ~0u);
	assert_int_equal(find(layout, "Span")->state, LAYOUT_OK);
	assert_content(find(layout, "Span"), "Span");
	layout_free(layout);
	make_ldm_free(group);
}

/* A mirror whose second component has @state and @flags. */
static struct make_ldm *make_marked(const char *state, uint32_t plex, uint32_t extent,
				    const char *volume)
{
	struct make_ldm *group = make_ldm_new("TestDg0", 1);
	make_ldm_add_disk(group, 3 * MIB, 512, false);
	make_ldm_add_disk(group, 3 * MIB, 512, false);
	group->volume_state = volume;
	make_ldm_volume(group, "Mirror", MAKE_LDM_CONCAT, 0, kinds[4].extents, 2, NULL);
	size_t kept = group->n_fragments;
	/* The same records again for their second component, which take the place of the first. */
	struct make_ldm *other = make_ldm_new("TestDg0", 1);
	make_ldm_add_disk(other, 3 * MIB, 512, false);
	make_ldm_add_disk(other, 3 * MIB, 512, false);
	other->plex_state = state;
	other->plex_flags = plex;
	other->extent_flags = extent;
	other->volume_state = volume;
	make_ldm_volume(other, "Mirror", MAKE_LDM_CONCAT, 0, kinds[4].extents, 2, NULL);
	assert_int_equal(other->n_fragments, kept);
	/* Two disks of two fragments, an extent, a component, an extent, a component, the volume.
	 */
	memcpy(&group->fragments[6], &other->fragments[6], 2 * sizeof(group->fragments[0]));
	make_ldm_free(other);
	make_ldm_write(group);
	spoil(group, 1);
	return group;
}

static void a_mirror_that_the_database_distrusts_is_not_read(void **state)
{
	(void)state;
	static const struct {
		const char *plex_state;
		uint32_t plex, extent;
		const char *volume;
	} cases[] = {
		{ "STALE", 0, 0, "ACTIVE" },     { "ACTIVE", 2, 0, "ACTIVE" },
		{ "ACTIVE", 4, 0, "ACTIVE" },    { "ACTIVE", 0, 0x08, "ACTIVE" },
		{ "ACTIVE", 0, 0x10, "ACTIVE" }, { "ACTIVE", 0, 0, "SYNC" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct make_ldm *group = make_marked(cases[i].plex_state, cases[i].plex,
						     cases[i].extent, cases[i].volume);
		struct layout *layout = look(group, ~0u);
		struct layout_volume *volume = find(layout, "Mirror");
		assert_int_equal(volume->state, LAYOUT_DEGRADED);
		assert_string_not_equal(volume->reason, "");
		assert_content(volume, "Mirror");
		layout_free(layout);
		make_ldm_free(group);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_is_put_together_from_every_style_of_disk),
		cmocka_unit_test(an_image_of_a_disk_with_large_sectors_need_not_say_so),
		cmocka_unit_test(a_missing_disk_is_named_and_costs_only_what_needs_it),
		cmocka_unit_test(parts_of_both_sides_of_a_mirror_of_spans_are_enough),
		cmocka_unit_test(two_missing_disks_are_too_many_for_raid5),
		cmocka_unit_test(order_of_disks_does_not_matter),
		cmocka_unit_test(volumes_are_named_by_letter_else_by_name_and_never_alike),
		cmocka_unit_test(a_backup_keeps_headers_and_database_whole),
		cmocka_unit_test(basic_partitions_beside_dynamic_ones_stay),
		cmocka_unit_test(an_oem_partition_may_come_first),
		cmocka_unit_test(a_disk_that_lost_its_table_is_known_by_its_header),
		cmocka_unit_test(what_a_basic_disk_has_left_of_its_dynamic_days_is_not_believed),
		cmocka_unit_test(a_disk_that_was_cut_is_a_missing_part),
		cmocka_unit_test(the_mirror_on_a_disk_that_was_away_is_not_read),
		cmocka_unit_test(old_content_is_better_than_none),
		cmocka_unit_test(old_content_and_new_are_not_mixed),
		cmocka_unit_test(raid5_is_not_computed_from_old_parts),
		cmocka_unit_test(a_mirror_that_the_database_distrusts_is_not_read),
	};
	return cmocka_run_group_tests_name("ldm volumes", tests, NULL, NULL);
}
