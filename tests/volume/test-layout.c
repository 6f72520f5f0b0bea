/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>
#include <string.h>

#include <jansson.h>

#include "lunette/layout.h"
#include "make-table.h"

/* disk0: a GPT with one partition; disk1: an MBR with two, the second past the end; disk2: no
 * table. */
struct fixture {
	struct blk_mem *disks[3];
	struct layout_input inputs[3];
};

static void setup(struct fixture *f)
{
	for (int i = 0; i < 3; i++)
		f->disks[i] = blk_mem_new(1 << 20, 512);
	make_gpt(f->disks[0], 512);
	make_gpt_entry(f->disks[0], 512, 1, 0xA1, 100, 299);
	make_gpt_seal_both(f->disks[0], 512);
	make_mbr_entry(f->disks[1], 512, 0, 0, 0x07, 10, 100);
	make_mbr_entry(f->disks[1], 512, 0, 1, 0x83, 2000, 100);
	f->inputs[0] = (struct layout_input){ &f->disks[0]->blk, "a.img" };
	f->inputs[1] = (struct layout_input){ &f->disks[1]->blk, "b\xff.img" };
	f->inputs[2] = (struct layout_input){ &f->disks[2]->blk, "c.img" };
}

static void teardown(struct fixture *f)
{
	for (int i = 0; i < 3; i++)
		blk_unref(&f->disks[i]->blk);
}

static void every_partition_is_a_volume(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	struct layout *layout;
	assert_int_equal(layout_new(f.inputs, 3, NULL, &layout, NULL), 0);
	assert_int_equal(layout->n_disks, 3);
	assert_int_equal(layout->disks[0].table, LAYOUT_TABLE_GPT);
	assert_string_equal(layout->disks[1].name, "disk1");
	assert_int_equal(layout->disks[1].table, LAYOUT_TABLE_MBR);
	assert_int_equal(layout->disks[2].table, LAYOUT_TABLE_NONE);
	assert_int_equal(layout->disks[2].n_metadata, 0);
	assert_int_equal(layout->n_volumes, 4);

	struct layout_volume *v = layout_find(layout, "disk0-p2");
	assert_non_null(v);
	assert_int_equal(v->type, LAYOUT_BASIC);
	assert_int_equal(v->partition, 2);
	assert_int_equal(v->size, 200 * 512);
	assert_int_equal(v->state, LAYOUT_OK);
	assert_string_equal(v->reason, "");
	f.disks[0]->bytes[100 * 512] = 0x5A;
	uint8_t byte = 0;
	assert_int_equal(blk_read(v->blk, &byte, 1, 0, NULL), 0);
	assert_int_equal(byte, 0x5A);
	assert_int_equal(v->blk->size, v->size);

	assert_non_null(layout_find(layout, "disk1-p1"));
	assert_null(layout_find(layout, "disk1"));
	v = layout_find(layout, "disk2");
	assert_non_null(v);
	assert_int_equal(v->type, LAYOUT_DISK);
	assert_int_equal(v->size, 1 << 20);
	layout_free(layout);
	teardown(&f);
}

static void a_partition_that_is_not_whole_is_used_as_far_as_it_goes(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	struct layout *layout;
	assert_int_equal(layout_new(f.inputs, 3, NULL, &layout, NULL), 0);
	struct layout_volume *v = layout_find(layout, "disk1-p2");
	assert_non_null(v);
	assert_int_equal(v->state, LAYOUT_OK);
	assert_int_equal(v->size, 48 * 512);
	assert_int_equal(v->blk->size, 48 * 512);
	f.disks[1]->bytes[(1 << 20) - 1] = 0x5A;
	uint8_t byte = 0;
	assert_int_equal(blk_read(v->blk, &byte, 1, 48 * 512 - 1, NULL), 0);
	assert_int_equal(byte, 0x5A);
	assert_int_equal(layout->n_warnings, 1);
	assert_string_equal(layout->warnings[0],
			    "disk1 ('b\xff.img'): partition 2 ends 26624 bytes past the end of the "
			    "disk, which has 1048576 bytes: it is used as far as it goes");
	layout_free(layout);
	teardown(&f);
}

static void a_partition_of_which_nothing_is_there_is_incomplete_and_harms_nobody(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	make_mbr_entry(f.disks[1], 512, 0, 1, 0x83, 2048, 100);
	struct layout *layout;
	assert_int_equal(layout_new(f.inputs, 3, NULL, &layout, NULL), 0);
	struct layout_volume *v = layout_find(layout, "disk1-p2");
	assert_non_null(v);
	assert_int_equal(v->state, LAYOUT_INCOMPLETE);
	assert_true(v->settled);
	assert_int_equal(v->size, 100 * 512);
	assert_null(v->blk);
	assert_null(v->map);
	assert_string_equal(v->reason,
			    "it begins at offset 1048576, past the end of disk1, which has 1048576 "
			    "bytes: the end of the disk is missing");
	assert_int_equal(layout->n_warnings, 1);
	assert_non_null(strstr(layout->warnings[0], "partition 2 cannot be read"));
	assert_non_null(layout_find(layout, "disk1-p1")->blk);
	layout_free(layout);
	teardown(&f);
}

static void dropping_a_volume_keeps_the_others(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	struct layout *layout;
	assert_int_equal(layout_new(f.inputs, 3, NULL, &layout, NULL), 0);
	layout_drop(layout, layout_find(layout, "disk1-p1"));
	assert_int_equal(layout->n_volumes, 3);
	assert_null(layout_find(layout, "disk1-p1"));
	assert_non_null(layout_find(layout, "disk0-p2"));
	assert_non_null(layout_find(layout, "disk1-p2"));
	layout_drop(layout, layout_find(layout, "disk2"));
	assert_int_equal(layout->n_volumes, 2);
	layout_free(layout);
	teardown(&f);
}

static void the_document_says_it_all_in_bytes(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	struct layout *layout;
	assert_int_equal(layout_new(f.inputs, 3, NULL, &layout, NULL), 0);
	const struct layout_identity identity = { "ACME", "ARRAY", "b\xff", "naa.6000" };
	assert_int_equal(layout_introduce(layout, 1, &identity, NULL), 0);
	char *text;
	assert_int_equal(layout_json(layout, &text, NULL), 0);
	json_t *got = json_loads(text, 0, NULL);
	json_t *wanted = json_pack(
		"{s:[{ss ss sn sn sn sn si si ss ss}{ss ss ss ss ss ss si si ss sn}"
		"{ss ss sn sn sn sn si si ss sn}] s:[] s:["
		"{ss sn sn si ss sn ss si ss sn sn sn sn s[s] s[{si si ss s[{ss si}]}]}"
		"{ss sn sn si ss ss ss si ss sn sn sn sn s[s] s[{si si ss s[{ss si}]}]}"
		"{ss sn sn si ss ss ss si ss sn sn sn sn s[s] s[{si si ss s[{ss si}]}]}"
		"{ss sn sn sn sn sn ss si ss sn sn sn sn s[s] s[{si si ss s[{ss si}]}]}] s:[s]}",
		"disks", "name", "disk0", "source", "a.img", "vendor", "product", "serial",
		"identity", "size", 1 << 20, "sector_size", 512, "table", "gpt", "id",
		"d1d1d1d1-d1d1-d1d1-d1d1-d1d1d1d1d1d1",
		/* disk1 */
		"name", "disk1", "source", "b\xEF\xBF\xBD.img", "vendor", "ACME", "product",
		"ARRAY", "serial", "b\xEF\xBF\xBD", "identity", "naa.6000", "size", 1 << 20,
		"sector_size", 512, "table", "mbr", "id",
		/* disk2 */
		"name", "disk2", "source", "c.img", "vendor", "product", "serial", "identity",
		"size", 1 << 20, "sector_size", 512, "table", "none", "id", "groups", "volumes",
		/* disk0-p2 */
		"name", "disk0-p2", "title", "group", "partition", 2, "partition_type",
		"a1a1a1a1-a1a1-a1a1-a1a1-a1a1a1a1a1a1", "purpose", "type", "basic", "size",
		200 * 512, "state", "ok", "reason", "filesystem", "label", "uuid", "disks", "disk0",
		"segments", "start", 0, "length", 200 * 512, "type", "linear", "legs", "disk",
		"disk0", "start", 100 * 512,
		/* disk1-p1 */
		"name", "disk1-p1", "title", "group", "partition", 1, "partition_type", "07",
		"purpose", "NTFS or exFAT", "type", "basic", "size", 100 * 512, "state", "ok",
		"reason", "filesystem", "label", "uuid", "disks", "disk1", "segments", "start", 0,
		"length", 100 * 512, "type", "linear", "legs", "disk", "disk1", "start", 10 * 512,
		/* disk1-p2 */
		"name", "disk1-p2", "title", "group", "partition", 2, "partition_type", "83",
		"purpose", "Linux", "type", "basic", "size", 48 * 512, "state", "ok", "reason",
		"filesystem", "label", "uuid", "disks", "disk1", "segments", "start", 0, "length",
		48 * 512, "type", "linear", "legs", "disk", "disk1", "start", 2000 * 512,
		/* disk2 */
		"name", "disk2", "title", "group", "partition", "partition_type", "purpose", "type",
		"disk", "size", 1 << 20, "state", "ok", "reason", "filesystem", "label", "uuid",
		"disks", "disk2", "segments", "start", 0, "length", 1 << 20, "type", "linear",
		"legs", "disk", "disk2", "start", 0, "warnings",
		"disk1 ('b\xEF\xBF\xBD.img'): partition 2 ends 26624 bytes past the end of the disk, "
		"which has 1048576 bytes: it is used as far as it goes");
	assert_non_null(got);
	assert_non_null(wanted);
	assert_true(json_equal(got, wanted));
	assert_int_equal(text[strlen(text) - 1], '\n');
	json_decref(got);
	json_decref(wanted);
	free(text);
	layout_free(layout);
	teardown(&f);
}

static void a_disk_whose_first_sector_is_bad_is_named_and_stored_whole(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	struct layout *layout;
	f.disks[1]->bad_to = 512;
	assert_int_equal(layout_new(f.inputs, 3, NULL, &layout, NULL), 0);
	assert_non_null(strstr(layout->warnings[0], "disk1 ('b"));
	assert_non_null(strstr(layout->warnings[0], "cannot be told"));
	assert_int_equal(layout->disks[1].n_metadata, 1);
	assert_int_equal(layout->disks[1].metadata[0].start, 0);
	assert_int_equal(layout->disks[1].metadata[0].length, f.disks[1]->blk.size);
	assert_null(layout_find(layout, "disk1-p1"));
	assert_non_null(layout_find(layout, "disk0-p2"));
	layout_free(layout);
	teardown(&f);
}

static void a_bad_place_on_a_disk_costs_only_what_is_there(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	struct layout *layout;
	f.disks[1]->bad_from = 8192;
	f.disks[1]->bad_to = (1 << 20) - 8192;
	assert_int_equal(layout_new(f.inputs, 3, NULL, &layout, NULL), 0);
	assert_non_null(layout_find(layout, "disk1-p1"));
	layout_free(layout);
	teardown(&f);
}

/* A partition lies in doubt if one byte of it does. */
static void doubts_are_of_what_lies_there(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	struct layout *layout;
	assert_int_equal(layout_new(f.inputs, 3, NULL, &layout, NULL), 0);
	struct layout_volume *v = layout_find(layout, "disk0-p2");
	struct blk *disk = layout->disks[0].blk;
	assert_int_equal(layout_is_doubted(layout, v->blk, NULL), 0);
	assert_int_equal(layout_doubt(layout, disk, 100 * 512, 0, NULL), 0);
	assert_int_equal(layout_doubt(layout, disk, 512, 300 * 512, NULL), 0);
	assert_int_equal(layout_is_doubted(layout, v->blk, NULL), 0);
	assert_int_equal(layout_is_doubted(layout, disk, NULL), 1);
	assert_int_equal(layout_is_doubted(layout, layout->disks[1].blk, NULL), 0);
	assert_int_equal(layout_doubt(layout, v->blk, 1, v->size - 1, NULL), 0);
	assert_int_equal(layout_is_doubted(layout, v->blk, NULL), 1);
	layout_free(layout);
	teardown(&f);
}

static void an_empty_disk_has_no_volumes(void **state)
{
	(void)state;
	struct blk_mem *disk = blk_mem_new(0, 512);
	struct layout_input input = { &disk->blk, "empty" };
	struct layout *layout;
	assert_int_equal(layout_new(&input, 1, NULL, &layout, NULL), 0);
	assert_int_equal(layout->n_volumes, 0);
	layout_free(layout);
	blk_unref(&disk->blk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_partition_is_a_volume),
		cmocka_unit_test(a_partition_that_is_not_whole_is_used_as_far_as_it_goes),
		cmocka_unit_test(
			a_partition_of_which_nothing_is_there_is_incomplete_and_harms_nobody),
		cmocka_unit_test(dropping_a_volume_keeps_the_others),
		cmocka_unit_test(the_document_says_it_all_in_bytes),
		cmocka_unit_test(a_disk_whose_first_sector_is_bad_is_named_and_stored_whole),
		cmocka_unit_test(a_bad_place_on_a_disk_costs_only_what_is_there),
		cmocka_unit_test(doubts_are_of_what_lies_there),
		cmocka_unit_test(an_empty_disk_has_no_volumes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
