/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What lies in what: nests of tables, arrays and volume groups, sound ones and hostile ones. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lunette/layout.h"
#include "make-ldm.h"
#include "make-lvm.h"
#include "make-md.h"
#include "make-table.h"

#define DISK   (4u << 20)
#define EXTENT (64u << 10)
#define DISKS  4

/* ---- making -----------------------------------------------------------------------------------
 */

struct nest {
	size_t n;
	struct blk_mem *disks[DISKS];
	struct layout_input inputs[DISKS];
	struct layout *layout;
};

static void setup(struct nest *nest, size_t n)
{
	*nest = (struct nest){ .n = n };
	for (size_t i = 0; i < n; i++) {
		nest->disks[i] = blk_mem_new(DISK, 512);
		nest->inputs[i] = (struct layout_input){ &nest->disks[i]->blk, "disk.img" };
	}
}

static void probe(struct nest *nest)
{
	struct error err = { 0 };
	int rc = layout_new(nest->inputs, nest->n, NULL, &nest->layout, &err);
	if (rc < 0)
		print_message("# %s\n", err.msg);
	assert_int_equal(rc, 0);
}

static void teardown(struct nest *nest)
{
	layout_free(nest->layout);
	for (size_t i = 0; i < nest->n; i++)
		blk_unref(&nest->disks[i]->blk);
}

/* A volume of its own, made by the others' tools, and put to where it belongs on a disk. */
static void put(struct blk_mem *disk, uint64_t at, struct blk_mem *inner)
{
	memcpy(disk->bytes + at, inner->bytes, inner->blk.size);
	blk_unref(&inner->blk);
}

/*
 * A physical volume of @size bytes, alone in group @name unless @pvs says otherwise; its data
 * begins at 64 KiB. @letter is that of the PV, the group's is one of 'a' to 'z'.
 */
struct make_vg {
	const char *name;
	char id;
	const char *pvs; /* letters */
	const char *lvs;
};

static struct blk_mem *make_pv(uint64_t size, char letter, const struct make_vg *vg)
{
	struct blk_mem *pv = blk_mem_new(size, 512);
	char text[8192];
	int len = snprintf(text, sizeof(text),
			   "contents = \"Text Format Volume Group\"\nversion = 1\n"
			   "%s {\nid = \"%s\"\nseqno = 1\nextent_size = 128\n"
			   "physical_volumes {\n",
			   vg->name, make_lvm_id(vg->id));
	for (const char *c = vg->pvs; *c; c++)
		len += snprintf(text + len, sizeof(text) - (size_t)len,
				"pv%d {\nid = \"%s\"\npe_start = 128\npe_count = 63\n}\n",
				(int)(c - vg->pvs), make_lvm_id(*c));
	snprintf(text + len, sizeof(text) - (size_t)len, "}\nlogical_volumes {\n%s}\n}\n", vg->lvs);
	make_lvm_label(pv, 1, letter, 4096, 32768);
	make_lvm_area(pv, 4096, 32768, 512, text);
	return pv;
}

/* One linear segment of @count extents from @from on of pv0. */
static const char *linear(const char *name, unsigned int count, unsigned int from)
{
	static char text[4][1024];
	static unsigned int next;
	char *buf = text[next++ % 4];
	snprintf(
		buf, sizeof(text[0]),
		"%s {\nid = \"%s\"\nstatus = [\"READ\", \"WRITE\", \"VISIBLE\"]\nsegment_count = 1\n"
		"segment1 {\nstart_extent = 0\nextent_count = %u\ntype = \"striped\"\n"
		"stripe_count = 1\nstripes = [\n\"pv0\", %u\n]\n}\n}\n",
		name, make_lvm_id('L'), count, from);
	return buf;
}

/* A member of a RAID-1 of @n; its data begins at 128 KiB. */
static struct blk_mem *make_mirror(uint64_t size, unsigned int number, unsigned int n, uint8_t uuid,
				   const char *name)
{
	struct blk_mem *member = blk_mem_new(size, 512);
	make_md(member, &(struct make_md){ .minor = 2,
					   .level = 1,
					   .raid_disks = n,
					   .size = size / 1024 - 128,
					   .data = 256,
					   .events = 10,
					   .resync = UINT64_MAX,
					   .number = number,
					   .n_roles = n,
					   .roles = { 0, 1, 2 },
					   .uuid = uuid,
					   .name = name });
	return member;
}

static char byte_at(const struct layout_volume *v, uint64_t off)
{
	char byte = '?';
	assert_non_null(v);
	assert_int_equal(blk_read(v->blk, &byte, 1, off, NULL), 0);
	return byte;
}

static bool warned(const struct nest *nest, const char *phrase)
{
	for (size_t i = 0; i < nest->layout->n_warnings; i++)
		if (strstr(nest->layout->warnings[i], phrase))
			return true;
	return false;
}

/* ---- sound ones -------------------------------------------------------------------------------
 */

/* Two disks mirrored; on the array a table, whose second partition is a physical volume. */
static void a_table_on_an_array_and_lvm_in_its_partition(void **state)
{
	(void)state;
	struct nest nest;
	setup(&nest, 2);
	struct blk_mem *array = blk_mem_new(DISK - (128 << 10), 512);
	make_gpt(array, 512);
	make_gpt_entry(array, 512, 0, 0xA1, 64, 127);
	make_gpt_entry(array, 512, 1, 0xA2, 128, 2175);
	make_gpt_seal_both(array, 512);
	array->bytes[64 * 512] = 'p';
	struct blk_mem *pv =
		make_pv(1 << 20, 'A', &(struct make_vg){ "vg0", 'V', "A", linear("root", 4, 2) });
	pv->bytes[3 * EXTENT] = 'r';
	put(array, 128 * 512, pv);
	for (unsigned int i = 0; i < 2; i++) {
		put(nest.disks[i], 0, make_mirror(DISK, i, 2, 0x11, "0"));
		memcpy(nest.disks[i]->bytes + (128 << 10), array->bytes, array->blk.size);
	}
	blk_unref(&array->blk);
	probe(&nest);
	assert_int_equal(nest.layout->n_warnings, 0);
	assert_int_equal(nest.layout->n_groups, 2);
	assert_int_equal(nest.layout->n_volumes, 3);
	const struct layout_volume *md = layout_find(nest.layout, "md0");
	assert_non_null(md);
	assert_true(md->holds);
	assert_false(md->inside);
	const struct layout_volume *p1 = layout_find(nest.layout, "md0-p1");
	assert_int_equal(byte_at(p1, 0), 'p');
	assert_true(p1->inside);
	assert_false(p1->holds);
	assert_int_equal(p1->type, LAYOUT_BASIC);
	const struct layout_volume *root = layout_find(nest.layout, "vg0-root");
	assert_int_equal(byte_at(root, 0), 'r');
	assert_int_equal(root->state, LAYOUT_OK);

	/* The table, and what is around the partitions, is stored with each half of the mirror. */
	for (int i = 0; i < 2; i++) {
		const struct layout_disk *disk = &nest.layout->disks[i];
		assert_true(disk->n_metadata >= 2);
		assert_int_equal(disk->metadata[0].start, 0);
		assert_int_equal(disk->metadata[0].length, (128 << 10) + 64 * 512);
		assert_int_equal(disk->metadata[disk->n_metadata - 1].start +
					 disk->metadata[disk->n_metadata - 1].length,
				 DISK);
	}
	teardown(&nest);
}

/* The group on one disk is needed before the array on two of its volumes can be complete. */
static void an_array_of_logical_volumes(void **state)
{
	(void)state;
	struct nest nest;
	setup(&nest, 2);
	for (unsigned int i = 0; i < 2; i++) {
		char name[] = "vga", pv[] = "A";
		name[2] = "ab"[i];
		pv[0] = "AB"[i];
		put(nest.disks[i], 0,
		    make_pv(DISK, pv[0],
			    &(struct make_vg){ name, (char)('V' + i), pv, linear("half", 16, 0) }));
		struct blk_mem *half = make_mirror(16 * EXTENT, i, 2, 0x22, "1");
		half->bytes[128 << 10] = 'm';
		put(nest.disks[i], EXTENT, half);
	}
	probe(&nest);
	assert_int_equal(nest.layout->n_warnings, 0);
	assert_int_equal(nest.layout->n_groups, 3);
	assert_int_equal(nest.layout->n_volumes, 3);
	const struct layout_volume *md = layout_find(nest.layout, "md1");
	assert_int_equal(byte_at(md, 0), 'm');
	assert_int_equal(md->state, LAYOUT_OK);
	assert_true(md->inside);
	/* Those that have a name of their own stay: somebody may want to restore them. */
	assert_true(layout_find(nest.layout, "vga-half")->holds);
	assert_true(layout_find(nest.layout, "vgb-half")->holds);
	teardown(&nest);
}

static void a_volume_group_in_a_logical_volume(void **state)
{
	(void)state;
	struct nest nest;
	setup(&nest, 1);
	put(nest.disks[0], 0,
	    make_pv(DISK, 'A', &(struct make_vg){ "host", 'V', "A", linear("guest", 40, 1) }));
	struct blk_mem *inner = make_pv(
		40 * EXTENT, 'B', &(struct make_vg){ "inner", 'W', "B", linear("data", 2, 3) });
	inner->bytes[4 * EXTENT] = 'd';
	put(nest.disks[0], 2 * EXTENT, inner);
	probe(&nest);
	assert_int_equal(nest.layout->n_warnings, 0);
	assert_int_equal(nest.layout->n_volumes, 2);
	assert_int_equal(byte_at(layout_find(nest.layout, "inner-data"), 0), 'd');
	assert_true(layout_find(nest.layout, "host-guest")->holds);
	teardown(&nest);
}

/* Dynamic disks of Windows, one of them a virtual machine's in a logical volume, one beside it. */
static void a_dynamic_disk_in_a_logical_volume(void **state)
{
	(void)state;
	static const struct make_ldm_extent span[] = { { 0, 0, 0, 65, 300 }, { 0, 0, 1, 65, 400 } };
	for (int gpt = 0; gpt < 2; gpt++) {
		struct nest nest;
		setup(&nest, 2);
		struct make_ldm *group = make_ldm_new("Dg0", 7);
		make_ldm_add_disk(group, 48 * EXTENT, 512, gpt);
		make_ldm_add_disk(group, DISK, 512, gpt);
		uint64_t size = make_ldm_volume(group, "Span", MAKE_LDM_CONCAT, 0, span,
						ARRAY_SIZE(span), "");
		make_ldm_write(group);
		put(nest.disks[0], 0,
		    make_pv(DISK, 'A',
			    &(struct make_vg){ "host", 'V', "A", linear("guest", 48, 1) }));
		memcpy(nest.disks[0]->bytes + (128 << 10), group->disks[0].mem->bytes, 48 * EXTENT);
		memcpy(nest.disks[1]->bytes, group->disks[1].mem->bytes, DISK);
		probe(&nest);
		const struct layout_volume *volume = layout_find(nest.layout, "Span");
		assert_non_null(volume);
		assert_int_equal(volume->state, LAYOUT_OK);
		assert_int_equal(volume->size, size);
		for (uint64_t off = 0; off < size; off += 1001)
			assert_int_equal((uint8_t)byte_at(volume, off), make_ldm_byte("Span", off));
		make_ldm_free(group);
		teardown(&nest);
	}
}

/* Both lack a disk. The array is put together before the group, half of which is on it. */
static void degraded_arrays_come_before_the_groups_on_them(void **state)
{
	(void)state;
	struct nest nest;
	setup(&nest, 2);
	struct make_vg vg = { "vg0", 'V', "AB", linear("root", 4, 0) };
	put(nest.disks[0], 0, make_pv(DISK, 'A', &vg));
	put(nest.disks[1], 0, make_mirror(DISK, 1, 2, 0x33, "0"));
	put(nest.disks[1], 128 << 10, make_pv(DISK - (128 << 10), 'B', &vg));
	probe(&nest);
	assert_int_equal(nest.layout->n_warnings, 0);
	assert_int_equal(nest.layout->n_volumes, 1);
	assert_int_equal(nest.layout->volumes[0].state, LAYOUT_OK);
	for (size_t i = 0; i < nest.layout->n_groups; i++)
		assert_int_equal(nest.layout->groups[i]->n_missing,
				 nest.layout->groups[i]->kind == LAYOUT_MD);
	teardown(&nest);
}

/* The other half is in a group on the second disk, which comes first although it lies deeper. */
static void a_complete_group_comes_before_an_array_that_lacks_what_is_on_it(void **state)
{
	(void)state;
	struct nest nest;
	setup(&nest, 2);
	put(nest.disks[0], 0, make_mirror(DISK - EXTENT, 0, 2, 0x44, "0"));
	put(nest.disks[1], 0,
	    make_pv(DISK, 'A', &(struct make_vg){ "vg", 'V', "A", linear("half", 63, 0) }));
	put(nest.disks[1], EXTENT, make_mirror(DISK - EXTENT, 1, 2, 0x44, "0"));
	probe(&nest);
	const struct layout_volume *md = layout_find(nest.layout, "md0");
	assert_non_null(md);
	for (size_t i = 0; i < nest.layout->n_groups; i++)
		assert_int_equal(nest.layout->groups[i]->n_missing, 0);
	assert_false(warned(&nest, "was found only after"));
	teardown(&nest);
}

/* The volume that the guest's disk is remains whole for a backup: what is in it cannot be had. */
static void what_holds_something_broken_is_stored_whole(void **state)
{
	(void)state;
	struct nest nest;
	setup(&nest, 1);
	put(nest.disks[0], 0,
	    make_pv(DISK, 'A', &(struct make_vg){ "host", 'V', "A", linear("guest", 40, 1) }));
	put(nest.disks[0], 2 * EXTENT,
	    make_pv(40 * EXTENT, 'B',
		    &(struct make_vg){ "inner", 'W', "CB", linear("data", 2, 3) }));
	probe(&nest);
	const struct layout_volume *data = layout_find(nest.layout, "inner-data");
	assert_non_null(data);
	assert_int_equal(data->state, LAYOUT_INCOMPLETE);
	assert_true(data->inside);
	assert_false(layout_find(nest.layout, "host-guest")->holds);
	teardown(&nest);
}

/* ---- what only looks like one -----------------------------------------------------------------
 */

static void a_table_in_a_volume_must_be_beyond_doubt(void **state)
{
	(void)state;
	static const struct {
		const char *what;
		uint32_t start, length, start2;
		uint32_t at;
		const char *magic;
		bool found;
	} cases[] = {
		{ "sound", 64, 100, 200, 0, "", true },
		{ "past the end", 64, 100, 5000, 0, "", false },
		{ "overlap", 64, 200, 200, 0, "", false },
		{ "ext", 64, 100, 200, 1080, "\x53\xef", false },
		{ "btrfs", 64, 100, 200, 65600, "_BHRfS_M", false },
		{ "swap", 64, 100, 200, 4086, "SWAPSPACE2", false },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct nest nest;
		setup(&nest, 1);
		put(nest.disks[0], 0,
		    make_pv(DISK, 'A', &(struct make_vg){ "vg", 'V', "A", linear("vm", 16, 0) }));
		struct blk_mem *vm = blk_mem_new(16 * EXTENT, 512);
		make_mbr_entry(vm, 512, 0, 0, 0x83, cases[i].start, cases[i].length);
		make_mbr_entry(vm, 512, 0, 1, 0x83, cases[i].start2, 100);
		memcpy(vm->bytes + cases[i].at, cases[i].magic, strlen(cases[i].magic));
		put(nest.disks[0], EXTENT, vm);
		probe(&nest);
		assert_int_equal(nest.layout->n_volumes, cases[i].found ? 3 : 1);
		assert_int_equal(nest.layout->n_warnings, 0);
		assert_int_equal(layout_find(nest.layout, "vg-vm")->holds, cases[i].found);
		teardown(&nest);
	}
}

/* ---- hostile ones -----------------------------------------------------------------------------
 */

/* A volume that begins where its group begins: the physical volume is in the volume that is on it.
 */
static void a_group_that_lies_in_itself_is_refused(void **state)
{
	(void)state;
	struct nest nest;
	setup(&nest, 1);
	struct blk_mem *pv =
		make_pv(DISK, 'A', &(struct make_vg){ "vg", 'V', "A", linear("self", 30, 1) });
	memcpy(pv->bytes + 2 * EXTENT, pv->bytes, EXTENT);
	put(nest.disks[0], 0, pv);
	probe(&nest);
	assert_int_equal(nest.layout->n_groups, 1);
	assert_int_equal(nest.layout->n_volumes, 1);
	assert_true(warned(&nest, "lies in itself"));
	assert_false(nest.layout->volumes[0].holds);
	teardown(&nest);
}

/* A mirror of one, whose data begins with a super-block of another mirror of one, and so on. */
static void no_nest_is_deeper_than_anybody_needs(void **state)
{
	(void)state;
	struct nest nest;
	setup(&nest, 1);
	uint64_t at = 0;
	for (uint8_t i = 0; i < 20; i++, at += 128 << 10) {
		char name[8];
		snprintf(name, sizeof(name), "a%u", i);
		struct blk_mem *member = make_mirror(DISK - at, 0, 1, (uint8_t)(0x40 + i), name);
		memcpy(nest.disks[0]->bytes + at, member->bytes, 128 << 10);
		blk_unref(&member->blk);
	}
	probe(&nest);
	assert_int_equal(nest.layout->n_groups, 9);
	assert_int_equal(nest.layout->n_volumes, 1);
	assert_string_equal(nest.layout->volumes[0].name, "a8");
	assert_true(warned(&nest, "not all of them were looked at"));
	teardown(&nest);
}

/* Thirty volumes over the same extents, each with a group of thirty volumes over the same
 * extents... */
static void no_nest_has_more_in_it_than_anybody_needs(void **state)
{
	(void)state;
	struct nest nest;
	setup(&nest, 1);
	uint64_t at = 0;
	for (unsigned int i = 0; i < 4; i++, at += EXTENT) {
		char name[] = "ga", letter[] = "A", lvs[8192] = "";
		name[1] = "abcd"[i];
		letter[0] = "ABCD"[i];
		for (int lv = 0; lv < 17; lv++) {
			char lv_name[8];
			snprintf(lv_name, sizeof(lv_name), "v%d", lv);
			if (strlen(lvs) < 6000)
				strcat(lvs, linear(lv_name, 50 - i, 0));
		}
		struct blk_mem *pv =
			make_pv(DISK - at, letter[0],
				&(struct make_vg){ name, (char)('V' + i), letter, lvs });
		memcpy(nest.disks[0]->bytes + at, pv->bytes, EXTENT);
		blk_unref(&pv->blk);
	}
	probe(&nest);
	assert_true(nest.layout->n_volumes < 200000);
	assert_true(warned(&nest, "not all of them were looked at"));
	for (size_t i = 0; i < nest.layout->n_volumes; i++)
		assert_false(nest.layout->volumes[i].holds);
	teardown(&nest);
}

/* ---- how often a disk is asked ----------------------------------------------------------------
 */

static void a_volume_is_looked_at_with_two_reads(void **state)
{
	(void)state;
	struct nest nest;
	setup(&nest, 1);
	make_gpt(nest.disks[0], 512);
	for (unsigned int i = 0; i < 4; i++)
		make_gpt_entry(nest.disks[0], 512, i, 0xA1, 64 + 1024 * i, 1063 + 1024 * i);
	make_gpt_seal_both(nest.disks[0], 512);
	probe(&nest);
	assert_int_equal(nest.layout->n_volumes, 4);
	assert_int_equal(nest.disks[0]->reads, 2 * 5);
	teardown(&nest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_on_an_array_and_lvm_in_its_partition),
		cmocka_unit_test(an_array_of_logical_volumes),
		cmocka_unit_test(a_volume_group_in_a_logical_volume),
		cmocka_unit_test(a_dynamic_disk_in_a_logical_volume),
		cmocka_unit_test(degraded_arrays_come_before_the_groups_on_them),
		cmocka_unit_test(a_complete_group_comes_before_an_array_that_lacks_what_is_on_it),
		cmocka_unit_test(what_holds_something_broken_is_stored_whole),
		cmocka_unit_test(a_table_in_a_volume_must_be_beyond_doubt),
		cmocka_unit_test(a_group_that_lies_in_itself_is_refused),
		cmocka_unit_test(no_nest_is_deeper_than_anybody_needs),
		cmocka_unit_test(no_nest_has_more_in_it_than_anybody_needs),
		cmocka_unit_test(a_volume_is_looked_at_with_two_reads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
