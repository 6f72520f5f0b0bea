/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>

#include "lvm-fixture.h"
#include "lvm.h"

/* ---- groups -----------------------------------------------------------------------------------
 */

static void a_group_shows_its_volumes_and_hides_the_rest(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f, 2);
	write_all(&f, group(3, 2,
			    ROOT LV("two-parts", SHOWN,
				    LINEAR("1", "0", "1", "pv0", "0")
					    LINEAR("2", "1", "1", "pv1", "14"))
				    LV("inner", HIDDEN, LINEAR("1", "0", "1", "pv0", "1"))
					    LV("nothing", SHOWN,
					       SEGMENT("1", "0", "3", "type = \"zero\"\n"))));
	probe(&f);
	assert_int_equal(f.layout->n_groups, 1);
	assert_int_equal(f.layout->groups[0]->kind, LAYOUT_LVM);
	assert_string_equal(f.layout->groups[0]->name, "vg0");
	assert_string_equal(f.layout->groups[0]->id, make_lvm_id('V'));
	assert_int_equal(f.layout->groups[0]->n_missing, 0);
	assert_int_equal(f.layout->n_volumes, 3);
	struct layout_volume *v = layout_find(f.layout, "vg0-root");
	assert_int_equal(v->type, LAYOUT_LINEAR);
	assert_int_equal(v->size, 131072);
	assert_int_equal(v->state, LAYOUT_OK);
	f.disks[0]->bytes[65536 + 3 * 65536] = '!';
	assert_int_equal(byte_at(v, 0), '!');
	v = layout_find(f.layout, "vg0-two--parts"); /* as device-mapper names it */
	assert_int_equal(byte_at(v, 65535), 'a');
	assert_int_equal(byte_at(v, 65536), 'b');
	assert_int_equal(byte_at(layout_find(f.layout, "vg0-nothing"), 7), 0);
	/* Label, areas, all in front of the first extent. */
	assert_int_equal(f.layout->disks[1].metadata[0].start, 0);
	assert_int_equal(f.layout->disks[1].metadata[0].length, 65536);
	teardown(&f);
}

/* lvconvert --splitmirrors --trackchanges: the image is a volume of its own until it comes back. */
static void an_image_that_is_split_off_is_no_mirror(void **state)
{
	(void)state;
	/* clang-format off */
	static const char lvs[] =
		LV("r_0", HIDDEN, LINEAR("1", "0", "1", "pv0", "4"))
		LV("r_1", SHOWN, LINEAR("1", "0", "1", "pv1", "4"))
		LV("q_0", HIDDEN, LINEAR("1", "0", "1", "pv0", "5"))
		LV("q_1", HIDDEN, LINEAR("1", "0", "1", "pv1", "5"))
		LV("r1", SHOWN, SEGMENT("1", "0", "1",
			"type = \"raid1\"\ndevice_count = 2\n"
			"raids = [\n\"q_0\", \"r_0\", \"q_1\", \"r_1\"\n]\n"));
	/* clang-format on */
	struct fixture f;
	setup(&f, 2);
	write_all(&f, group(1, 2, lvs));
	probe(&f);
	struct layout_volume *v = layout_find(f.layout, "vg0-r1");
	assert_int_equal(v->state, LAYOUT_DEGRADED);
	assert_int_equal(byte_at(v, 0), 'a');
	assert_int_equal(byte_at(layout_find(f.layout, "vg0-r_1"), 0), 'b');
	assert_true(warned(&f, "split off"));
	layout_free(f.layout);

	/* Without the disk of the other one, there is only old content. */
	f.inputs[0] = f.inputs[1];
	f.n = 1;
	probe(&f);
	assert_int_equal(layout_find(f.layout, "vg0-r1")->state, LAYOUT_INCOMPLETE);
	f.n = 2;
	teardown(&f);
}

static void stripes_and_mirrors_and_raid_are_put_together(void **state)
{
	(void)state;
	/* clang-format off */
	static const char lvs[] =
		LV("st", SHOWN, SEGMENT("1", "0", "3",
			"type = \"striped\"\nstripe_count = 3\nstripe_size = 8\n"
			"stripes = [\n\"pv0\", 0,\n\"pv1\", 0,\n\"pv2\", 0\n]\n"))
		LV("m_0", HIDDEN, LINEAR("1", "0", "1", "pv0", "2"))
		LV("m_1", HIDDEN, LINEAR("1", "0", "1", "pv1", "2"))
		LV("mi", SHOWN, SEGMENT("1", "0", "1",
			"type = \"mirror\"\nmirror_count = 2\nregion_size = 8\n"
			"mirrors = [\n\"m_0\", 0,\n\"m_1\", 0\n]\n"))
		LV("r_0", HIDDEN, LINEAR("1", "0", "1", "pv0", "4"))
		LV("r_1", HIDDEN, LINEAR("1", "0", "1", "pv1", "4"))
		LV("r_2", HIDDEN, LINEAR("1", "0", "1", "pv2", "4"))
		LV("q_0", HIDDEN, LINEAR("1", "0", "1", "pv0", "5"))
		LV("q_1", HIDDEN, LINEAR("1", "0", "1", "pv1", "5"))
		LV("q_2", HIDDEN, LINEAR("1", "0", "1", "pv2", "5"))
		LV("r5", SHOWN, SEGMENT("1", "0", "2",
			"type = \"raid5_ls\"\ndevice_count = 3\nstripe_size = 8\nraids = [\n"
			"\"q_0\", \"r_0\",\n\"q_1\", \"r_1\",\n\"q_2\", \"r_2\"\n]\n"));
	/* clang-format on */
	struct fixture f;
	setup(&f, 3);
	write_all(&f, group(1, 3, lvs));
	probe(&f);
	assert_int_equal(f.layout->n_volumes, 3);
	struct layout_volume *v = layout_find(f.layout, "vg0-st");
	assert_int_equal(v->type, LAYOUT_STRIPED);
	for (int i = 0; i < 6; i++)
		assert_int_equal(byte_at(v, (uint64_t)i * 4096), 'a' + i % 3);
	assert_int_equal(layout_find(f.layout, "vg0-mi")->type, LAYOUT_MIRROR);
	assert_int_equal(byte_at(layout_find(f.layout, "vg0-mi"), 9), 'a');
	v = layout_find(f.layout, "vg0-r5");
	assert_int_equal(v->type, LAYOUT_RAID5_LS);
	assert_int_equal(v->size, 131072);
	assert_int_equal(byte_at(v, 0), 'a');
	assert_int_equal(byte_at(v, 4096), 'b');
	assert_int_equal(byte_at(v, 8192), 'c'); /* behind the parity of the second row */
	layout_free(f.layout);

	f.inputs[0] = f.inputs[1]; /* without pv0 */
	f.inputs[1] = f.inputs[2];
	f.n = 2;
	probe(&f);
	assert_int_equal(f.layout->groups[0]->n_missing, 1);
	assert_non_null(strstr(f.layout->groups[0]->missing[0], make_lvm_id('A')));
	assert_int_equal(layout_find(f.layout, "vg0-st")->state, LAYOUT_INCOMPLETE);
	assert_int_equal(layout_find(f.layout, "vg0-mi")->state, LAYOUT_DEGRADED);
	assert_int_equal(byte_at(layout_find(f.layout, "vg0-mi"), 9), 'b');
	v = layout_find(f.layout, "vg0-r5");
	assert_int_equal(v->state, LAYOUT_DEGRADED);
	assert_int_equal(byte_at(v, 0), 'b' ^ 'c');
	f.n = 3;
	teardown(&f);
}

static void volumes_that_make_no_sense_harm_nobody(void **state)
{
	(void)state;
	static const struct {
		const char *segment;
		const char *phrase;
	} cases[] = {
		{ LINEAR("1", "0", "16", "pv0", "0"), "which has 15" },
		{ LINEAR("1", "0", "1", "pv0", "9223372036854775807"), "which has 15" },
		{ LINEAR("1", "0", "1", "pv9", "0"), "not in the volume group" },
		{ LINEAR("1", "1", "1", "pv0", "0"), "gaps" },
		{ LINEAR("1", "0", "1", "pv0", "0") LINEAR("2", "0", "1", "pv0", "0"), "overlap" },
		{ LINEAR("1", "0", "0", "pv0", "0"), "makes no sense" },
		{ LINEAR("1", "0", "9223372036854775807", "pv0", "0"), "makes no sense" },
		{ LINEAR("1", "0", "1", "bad", "0"), "part of itself" },
		{ LINEAR("1", "0", "2", "root", "1"), "more of 'root' than there is" },
		{ "", "no segments" },
		{ SEGMENT("1", "0", "1", "type = \"vdo\"\n"), "type 'vdo'" },
		{ SEGMENT("1", "0", "1", "type = \"writecache\"\n"), "writecache" },
		{ SEGMENT("1", "0", "1", "type = \"raid7\"\n"), "type 'raid7'" },
		{ SEGMENT("1", "0", "1", "type = \"striped\"\nstripe_count = 0\n"),
		  "stripe_count" },
		{ SEGMENT("1", "0", "1", "type = \"striped\"\nstripe_count = 100000\n"),
		  "stripe_count" },
		{ SEGMENT("1", "0", "2", "type = \"striped\"\nstripe_count = 2\nstripe_size = 0\n"),
		  "stripes" },
		{ SEGMENT("1", "0", "1",
			  "type = \"striped\"\nstripe_count = 1\nstripes = [1, 2]\n"),
		  "list of stripes" },
		{ SEGMENT("1", "0", "1",
			  "type = \"striped\"\nstripe_count = 1\nstripes = [\"pv0\", 0, \"pv0\", "
			  "1]\n"),
		  "too long" },
		{ SEGMENT("1", "0", "2", "type = \"raid5\"\ndevice_count = 1\nstripe_size = 8\n"),
		  "images" },
		{ SEGMENT("1", "0", "2",
			  "type = \"raid5\"\ndevice_count = 3\nstripe_size = 8\nraids = "
			  "[\"root\"]\n"),
		  "too short" },
		{ SEGMENT("1", "0", "2",
			  "type = \"raid10\"\ndevice_count = 2\nstripe_size = 8\ndata_copies = "
			  "9\n"),
		  "copies" },
		{ SEGMENT("1", "0", "1", "type = \"thin\"\nthin_pool = \"root\"\n"), "thin_pool" },
		{ SEGMENT("1", "0", "1", "type = \"cache\"\n"), "origin" },
		{ SEGMENT("1", "0", "1", "type = \"integrity\"\norigin = \"root\"\nmode = \"J\"\n"),
		  "integrity" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char lvs[4096];
		snprintf(lvs, sizeof(lvs), ROOT LV("bad", SHOWN, "%s"), cases[i].segment);
		struct fixture f;
		setup(&f, 1);
		write_all(&f, group(1, 1, lvs));
		probe(&f);
		assert_int_equal(layout_find(f.layout, "vg0-root")->state, LAYOUT_OK);
		struct layout_volume *v = layout_find(f.layout, "vg0-bad");
		assert_int_equal(v->state, LAYOUT_INCOMPLETE);
		assert_null(v->blk);
		if (!strstr(v->reason, cases[i].phrase))
			fail_msg("case %zu: '%s'", i, v->reason);
		teardown(&f);
	}
}

#define SNAPSHOT                                                                 \
	LV("cow", HIDDEN, LINEAR("1", "0", "2", "pv0", "5"))                     \
	LV("snap0", SHOWN,                                                       \
	   "segment_count = 1\n" SEGMENT("1", "0", "2",                          \
					 "type = \"snapshot\"\nchunk_size = 8\n" \
					 "origin = \"root\"\ncow_store = \"cow\"\n"))

/* What the origin calls free the snapshot may have: its store only says what was overwritten. */
static void a_snapshot_that_cannot_be_read_makes_its_group_doubtful(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f, 1);
	write_all(&f, group(1, 1, ROOT SNAPSHOT));
	probe(&f);
	struct layout_volume *root = layout_find(f.layout, "vg0-root");
	assert_true(warned(&f, "vg0-cow cannot be read"));
	assert_non_null(root);
	assert_int_equal(layout_is_doubted(f.layout, root->blk, NULL), 1);
	teardown(&f);
}

static void volumes_that_share_nothing_are_not_doubted(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f, 1);
	write_all(&f,
		  group(1, 1,
			ROOT LV("odd", SHOWN,
				"segment_count = 1\n" SEGMENT("1", "0", "2", "type = \"vdo\"\n"))));
	probe(&f);
	assert_int_equal(layout_is_doubted(f.layout, layout_find(f.layout, "vg0-root")->blk, NULL),
			 0);
	teardown(&f);
}

static void a_label_that_is_damaged_makes_its_disk_doubtful(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f, 1);
	f.disks[0]->bytes[512 + 40] ^= 1;
	probe(&f);
	assert_int_equal(layout_is_doubted(f.layout, f.layout->disks[0].blk, NULL), 1);
	teardown(&f);
}

static void a_group_that_makes_no_sense_is_a_warning(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"a = 1\n",
		"vg0 {\n}\n",
		"vg0 {\nid = \"x\"\nseqno = 1\nextent_size = 0\n}\n",
		"vg0 {\nid = \"x\"\nseqno = 1\nextent_size = 9223372036854775807\n}\n",
		"vg0 {\nid = \"x\"\nseqno = 1\nextent_size = 8\nphysical_volumes {\npv0 "
		"{\n}\n}\n}\n",
		"vg0 {\nid = \"x\"\nseqno = 1\nextent_size = 8\nlogical_volumes {\na {\n}\na "
		"{\n}\n}\n}\n",
	};
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct fixture f;
		setup(&f, 1);
		write_all(&f, texts[i]);
		probe(&f);
		assert_int_equal(f.layout->n_groups, 0);
		assert_true(warned(&f, "LVM metadata"));
		teardown(&f);
	}
}

static void volumes_in_volumes_end_somewhere(void **state)
{
	(void)state;
	char lvs[8192];
	int len = 0;
	for (int i = 0; i < 40; i++)
		len += snprintf(lvs + len, sizeof(lvs) - (size_t)len,
				LV("v%d", SHOWN, LINEAR("1", "0", "1", "v%d", "0")), i, i + 1);
	snprintf(lvs + len, sizeof(lvs) - (size_t)len,
		 LV("v40", SHOWN, LINEAR("1", "0", "1", "pv0", "0")));
	struct fixture f;
	setup(&f, 1);
	write_all(&f, group(1, 1, lvs));
	probe(&f);
	assert_non_null(strstr(layout_find(f.layout, "vg0-v0")->reason, "deep"));
	assert_int_equal(layout_find(f.layout, "vg0-v40")->state, LAYOUT_OK);
	teardown(&f);
}

/* ---- several at once --------------------------------------------------------------------------
 */

static void the_newest_text_of_a_group_holds_and_leaves_strangers_out(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f, 3);
	write_all(&f, group(4, 3, LV("old", SHOWN, LINEAR("1", "0", "1", "pv0", "0"))));
	make_lvm_area(f.disks[1], START, LENGTH, 512,
		      group(5, 2, ROOT)); /* the third was taken out */
	probe(&f);
	assert_int_equal(f.layout->n_volumes, 2);
	assert_string_equal(f.layout->volumes[0].name, "disk2");
	assert_string_equal(f.layout->volumes[1].name, "vg0-root");
	assert_int_equal(f.layout->groups[0]->n_missing, 0);
	assert_true(warned(&f, "no longer in volume group vg0"));
	teardown(&f);
}

static void a_physical_volume_without_a_text_belongs_to_the_group_that_names_it(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f, 2);
	make_lvm_label(f.disks[1], 1, 'B', 0, 0);
	make_lvm_area(f.disks[0], START, LENGTH, 512,
		      group(1, 2, LV("far", SHOWN, LINEAR("1", "0", "1", "pv1", "0"))));
	probe(&f);
	assert_int_equal(byte_at(layout_find(f.layout, "vg0-far"), 0), 'b');
	teardown(&f);
}

static void clones_are_never_merged(void **state)
{
	(void)state;
	/* Disks in four orders; what is written is which clone and which physical volume it is. */
	static const struct {
		const char *order;
		bool same_seqno;
	} cases[] = {
		{ "0a0b1a1b", true },
		{ "0a1a0b1b", true },
		{ "0a1b1a0b", false },
		{ "0a1a1b0b", false },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fixture f;
		setup(&f, 4);
		for (size_t d = 0; d < 4; d++) {
			char clone = cases[i].order[2 * d], pv = cases[i].order[2 * d + 1];
			make_lvm_label(f.disks[d], 1, (char)(pv - 'a' + 'A'), START, LENGTH);
			make_lvm_area(
				f.disks[d], START, LENGTH, 512,
				group(cases[i].same_seqno ? 7 : 7 + (unsigned int)(clone - '0'), 2,
				      LV("x", SHOWN,
					 LINEAR("1", "0", "1", "pv0", "0")
						 LINEAR("2", "1", "1", "pv1", "0"))));
			memset(f.disks[d]->bytes + 65536, clone, SIZE - 65536);
		}
		probe(&f);
		assert_int_equal(f.layout->n_groups, 2);
		assert_int_equal(f.layout->n_volumes, 2);
		for (size_t v = 0; v < 2; v++) {
			struct layout_volume *volume = &f.layout->volumes[v];
			assert_int_equal(volume->state, LAYOUT_OK);
			assert_int_equal(byte_at(volume, 0), byte_at(volume, 65536));
		}
		assert_int_equal(warned(&f, "in the order of the disks"), cases[i].same_seqno);
		assert_non_null(layout_find(f.layout, "vg0-x~2"));
		teardown(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_group_shows_its_volumes_and_hides_the_rest),
		cmocka_unit_test(an_image_that_is_split_off_is_no_mirror),
		cmocka_unit_test(stripes_and_mirrors_and_raid_are_put_together),
		cmocka_unit_test(volumes_that_make_no_sense_harm_nobody),
		cmocka_unit_test(a_snapshot_that_cannot_be_read_makes_its_group_doubtful),
		cmocka_unit_test(volumes_that_share_nothing_are_not_doubted),
		cmocka_unit_test(a_label_that_is_damaged_makes_its_disk_doubtful),
		cmocka_unit_test(a_group_that_makes_no_sense_is_a_warning),
		cmocka_unit_test(volumes_in_volumes_end_somewhere),
		cmocka_unit_test(the_newest_text_of_a_group_holds_and_leaves_strangers_out),
		cmocka_unit_test(
			a_physical_volume_without_a_text_belongs_to_the_group_that_names_it),
		cmocka_unit_test(clones_are_never_merged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
