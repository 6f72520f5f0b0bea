/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which disks belong together, and whose database holds. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lunette/layout.h"
#include "make-ldm.h"

#define SIZE (3u << 20)

static const struct make_ldm_extent span[] = { { 0, 0, 0, 0, 64 },
					       { 0, 0, 1, 0, 64 },
					       { 0, 0, 2, 0, 64 } };

/* Three disks with a volume over all of them; clones have the same seed. */
static struct make_ldm *make(const char *name, uint8_t seed, const char *volume)
{
	struct make_ldm *group = make_ldm_new(name, seed);
	for (int i = 0; i < 3; i++)
		make_ldm_add_disk(group, SIZE, 512, false);
	make_ldm_volume(group, volume, MAKE_LDM_CONCAT, 0, span, 3, NULL);
	make_ldm_write(group);
	return group;
}

/* Names disks as "ab0" for disk 0 of the group a, "b2" for disk 2 of the group b. */
static struct layout *look(struct make_ldm *const *groups, const char *disks)
{
	struct layout_input inputs[20];
	size_t n = 0;
	for (; *disks; disks += 2)
		inputs[n++] = (struct layout_input){
			&groups[disks[0] - 'a']->disks[disks[1] - '0'].mem->blk, "made"
		};
	struct layout *layout;
	assert_int_equal(layout_new(inputs, n, NULL, &layout, NULL), 0);
	return layout;
}

static bool reads_as(const struct layout_volume *volume, const char *name)
{
	uint8_t buf[192 * 512];
	if (!volume->blk || blk_read(volume->blk, buf, sizeof(buf), 0, NULL) < 0)
		return false;
	for (size_t i = 0; i < sizeof(buf); i++)
		if (buf[i] != make_ldm_byte(name, i))
			return false;
	return true;
}

static bool is_warned(const struct layout *layout, const char *phrase)
{
	for (size_t i = 0; i < layout->n_warnings; i++)
		if (strstr(layout->warnings[i], phrase))
			return true;
	return false;
}

static void groups_of_one_name_are_told_apart(void **state)
{
	(void)state;
	struct make_ldm *groups[] = { make("ServerDg0", 1, "One"), make("ServerDg0", 2, "Two") };
	struct layout *layout = look(groups, "a0b2a1b0a2b1");
	assert_int_equal(layout->n_groups, 2);
	assert_string_not_equal(layout->groups[0]->id, layout->groups[1]->id);
	assert_int_equal(layout->n_warnings, 0);
	assert_int_equal(layout->n_volumes, 2);
	assert_true(reads_as(layout_find(layout, "One"), "One"));
	assert_true(reads_as(layout_find(layout, "Two"), "Two"));
	assert_ptr_equal(layout_find(layout, "Two")->group, layout->groups[1]);
	layout_free(layout);
	make_ldm_free(groups[0]);
	make_ldm_free(groups[1]);
}

/* Two clones, one of which has been written to since. */
static void make_clones(struct make_ldm *groups[2])
{
	groups[0] = make("ServerDg0", 1, "Same");
	groups[1] = make("ServerDg0", 1, "Same");
	for (int i = 0; i < 3; i++) {
		const struct make_ldm_disk *d = &groups[1]->disks[i];
		uint8_t *data = d->mem->bytes + d->public_start * 512;
		for (size_t b = 0; b < 64 * 512; b++)
			data[b] = make_ldm_byte("Later", (size_t)i * 64 * 512 + b);
	}
}

static void clones_are_never_merged(void **state)
{
	(void)state;
	static const char *const orders[] = { "a0a1a2b0b1b2", "a0b0a1b1a2b2", "a2a0a1b1b2b0" };
	struct make_ldm *groups[2];
	make_clones(groups);
	for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
		struct layout *layout = look(groups, orders[i]);
		assert_int_equal(layout->n_groups, 2);
		assert_int_equal(layout->n_volumes, 2);
		assert_true(reads_as(layout_find(layout, "Same"), "Same"));
		assert_true(reads_as(layout_find(layout, "Same~2"), "Later"));
		assert_true(is_warned(layout, "is there 2 times"));
		assert_true(is_warned(layout, "the order in which the disks were given decided"));
		layout_free(layout);
	}
	make_ldm_free(groups[0]);
	make_ldm_free(groups[1]);
}

static void a_clone_that_lacks_a_disk_does_not_get_the_others(void **state)
{
	(void)state;
	struct make_ldm *groups[2];
	make_clones(groups);
	struct layout *layout = look(groups, "a0a1a2b0b2");
	assert_true(reads_as(layout_find(layout, "Same"), "Same"));
	assert_int_equal(layout_find(layout, "Same~2")->state, LAYOUT_INCOMPLETE);
	assert_int_equal(layout->groups[0]->n_missing, 0);
	assert_int_equal(layout->groups[1]->n_missing, 1);
	layout_free(layout);
	make_ldm_free(groups[0]);
	make_ldm_free(groups[1]);
}

static void clones_that_have_changed_are_told_apart_by_what_they_say(void **state)
{
	(void)state;
	struct make_ldm *groups[2];
	make_clones(groups);
	for (int by_time = 0; by_time < 2; by_time++) {
		groups[1]->committed = groups[1]->pending = by_time ? 40 : 41;
		groups[1]->changed += (uint64_t)by_time;
		for (unsigned int i = 0; i < 3; i++)
			make_ldm_write_disk(groups[1], i);
		struct layout *layout = look(groups, "a1b0b1a0b2a2");
		assert_int_equal(layout->n_groups, 2);
		assert_true(reads_as(layout_find(layout, "Same"), "Same"));
		assert_true(reads_as(layout_find(layout, "Same~2"), "Later"));
		assert_true(is_warned(layout, "their databases tell which disks belong together"));
		layout_free(layout);
	}
	make_ldm_free(groups[0]);
	make_ldm_free(groups[1]);
}

/* ---- whose database holds -------------------------------------------------------------------- */

static void the_newest_database_holds(void **state)
{
	(void)state;
	struct make_ldm *old = make("ServerDg0", 1, "Old"), *new = make("ServerDg0", 1, "New");
	new->committed = new->pending = 41;
	for (unsigned int i = 0; i < 3; i++)
		make_ldm_write_disk(new, i);
	struct make_ldm *groups[] = { old, new };
	struct layout *layout = look(groups, "a0b1a2");
	assert_int_equal(layout->n_groups, 1);
	assert_int_equal(layout->n_volumes, 1);
	assert_non_null(layout_find(layout, "New"));
	assert_true(is_warned(layout, "disk0: it was away"));
	assert_false(is_warned(layout, "disk1"));
	assert_true(is_warned(layout, "disk2: it was away"));
	layout_free(layout);
	make_ldm_free(old);
	make_ldm_free(new);
}

static void a_transaction_that_reached_some_disks_is_not_an_absence(void **state)
{
	(void)state;
	struct make_ldm *group = make("ServerDg0", 1, "Volume");
	/* Disk 0 is done, disk 1 past the point of no return, disk 2 in front of it. */
	group->pending = 41;
	group->status = 2;
	make_ldm_write_disk(group, 2);
	group->status = 3;
	make_ldm_write_disk(group, 1);
	group->status = 1;
	group->committed = 41;
	make_ldm_write_disk(group, 0);
	struct layout *layout = look(&group, "a2a1a0");
	assert_int_equal(layout->n_groups, 1);
	assert_int_equal(layout->n_warnings, 0);
	assert_int_equal(layout_find(layout, "Volume")->state, LAYOUT_OK);
	layout_free(layout);
	make_ldm_free(group);
}

static void a_damaged_copy_gives_way_to_a_sound_one(void **state)
{
	(void)state;
	static const size_t places[] = { 0 /* the head */, 512 + 8 * 128 + 3 /* a record */ };
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct make_ldm *group = make("ServerDg0", 1, "Volume");
		make_ldm_config(group, 0)[places[i]] ^= 1;
		make_ldm_config(group, 1)[places[i]] ^= 1;
		struct layout *layout = look(&group, "a0a1a2");
		assert_true(reads_as(layout_find(layout, "Volume"), "Volume"));
		assert_true(is_warned(layout, "disk0"));
		layout_free(layout);

		make_ldm_config(group, 2)[places[i]] ^= 1;
		layout = look(&group, "a0a1a2");
		assert_true(layout->n_warnings >= 3);
		assert_int_equal(layout->n_groups, 1);
		if (i == 0)
			assert_true(is_warned(layout, "its volumes are not known"));
		else
			assert_int_equal(layout_find(layout, "Volume")->state, LAYOUT_INCOMPLETE);
		layout_free(layout);
		make_ldm_free(group);
	}
}

static void a_disk_without_a_table_of_contents_still_has_its_data(void **state)
{
	(void)state;
	struct make_ldm *group = make("ServerDg0", 1, "Volume");
	for (uint64_t sector = 0; sector < 2047; sector++)
		memset(make_ldm_private(group, 1, sector), 0, sector == 1856 ? 0 : 512);
	struct layout *layout = look(&group, "a0a1a2");
	assert_true(reads_as(layout_find(layout, "Volume"), "Volume"));
	assert_int_equal(layout->n_warnings, 1);
	assert_true(is_warned(layout, "disk1 ('made'): LDM table of contents"));
	layout_free(layout);
	make_ldm_free(group);
}

static void a_disk_whose_headers_are_all_damaged_is_a_missing_disk(void **state)
{
	(void)state;
	struct make_ldm *group = make("ServerDg0", 1, "Volume");
	group->disks[1].mem->bytes[6 * 512 + 100] ^= 1;
	make_ldm_private(group, 1, 2047)[100] ^= 1;
	make_ldm_private(group, 1, 1856)[100] ^= 1;
	struct layout *layout = look(&group, "a0a1a2");
	assert_int_equal(layout->groups[0]->n_missing, 1);
	assert_int_equal(layout_find(layout, "Volume")->state, LAYOUT_INCOMPLETE);
	assert_true(is_warned(layout, "disk1 ('made'): its partition table says"));
	layout_free(layout);
	make_ldm_free(group);
}

static void a_disk_that_the_group_does_not_know_is_named(void **state)
{
	(void)state;
	struct make_ldm *group = make("ServerDg0", 1, "Volume");
	make_ldm_add_disk(group, SIZE, 512, false);
	make_ldm_write_disk(group, 3);
	group->committed = group->pending = 41;
	group->n_fragments -= 2; /* without the record of the new disk */
	group->counts[3]--;
	for (unsigned int i = 0; i < 3; i++)
		make_ldm_write_disk(group, i);
	struct layout *layout = look(&group, "a0a1a2a3");
	assert_true(reads_as(layout_find(layout, "Volume"), "Volume"));
	assert_true(is_warned(layout, "disk3: the database of its LDM disk group"));
	layout_free(layout);
	make_ldm_free(group);
}

static void any_read_may_fail(void **state)
{
	(void)state;
	struct make_ldm *group = make("ServerDg0", 1, "Volume");
	struct blk_mem *mem = group->disks[1].mem;
	struct layout_input inputs[3];
	for (unsigned int i = 0; i < 3; i++)
		inputs[i] = (struct layout_input){ &group->disks[i].mem->blk, "made" };
	int reads = 1;
	for (int n = 1; n <= reads; n++) {
		struct layout *layout;
		struct error err = { 0 };
		mem->reads = 0;
		mem->fail_at = n;
		int rc = layout_new(inputs, 3, NULL, &layout, &err);
		reads = mem->reads;
		if (rc < 0) {
			assert_int_equal(n, 1); /* not even the table can be read */
			assert_int_equal(err.code, -EIO);
			reads = 2;
			continue;
		}
		struct layout_volume *volume = layout_find(layout, "Volume");
		assert_non_null(volume);
		mem->fail_at = 0;
		assert_true(reads_as(volume, "Volume") || layout->n_warnings > 0);
		layout_free(layout);
	}
	assert_true(reads > 5);
	make_ldm_free(group);
}

/* ---- records that contradict each other ------------------------------------------------------ */

/* Fragments of the victim's records; the disk has the two in front. */
#define EXTENT    2
#define COMPONENT 5
#define VOLUME    6

/* One disk with two volumes, and one byte of the first one's records changed. */
static struct make_ldm *make_victim(size_t fragment, size_t at, uint8_t value)
{
	static const struct make_ldm_extent victim[] = { { 0, 0, 0, 0, 64 },
							 { 0, 0, 0, 64, 64 },
							 { 0, 0, 0, 128, 64 } };
	static const struct make_ldm_extent other[] = { { 0, 0, 0, 300, 192 } };
	struct make_ldm *group = make_ldm_new("ServerDg0", 1);
	make_ldm_add_disk(group, SIZE / 2, 512, false);
	make_ldm_volume(group, "Victim", MAKE_LDM_CONCAT, 0, victim, 3, NULL);
	group->fragments[fragment].data[at] = value;
	make_ldm_volume(group, "Other", MAKE_LDM_CONCAT, 0, other, 1, NULL);
	make_ldm_write(group);
	return group;
}

static struct layout_volume *titled(struct layout *layout, const char *title)
{
	for (size_t i = 0; i < layout->n_volumes; i++)
		if (strcmp(layout->volumes[i].title, title) == 0)
			return &layout->volumes[i];
	return NULL;
}

static void what_contradicts_what_is_said(void **state)
{
	(void)state;
	static const struct {
		size_t fragment, at;
		uint8_t value;
		const char *reason;
	} cases[] = {
		{ EXTENT + 1, 47, 3, "begins at" }, /* its offset */
		{ EXTENT, 49, 63, "begins at" },    /* the one in front is smaller */
		{ EXTENT + 2, 49, 0, "is empty" },
		{ EXTENT, 52, 1, "it should have 3 extents, and 2 are in the database" },
		{ EXTENT, 55, 1, "which is not in the database" },
		{ EXTENT, 39, 32, "overlaps another one" },
		{ COMPONENT, 28, 9, "layout 9 is not known" },
		{ COMPONENT, 28, MAKE_LDM_STRIPED, "a stripe has no chunk size" },
		{ COMPONENT, 28, MAKE_LDM_RAID5, "a stripe has no chunk size" },
		{ COMPONENT, 34, 7, "it should have 7 extents" },
		{ COMPONENT, 53, 1, "the database has 0 components" },
		{ VOLUME, 61, 0, "and 0 components" },
		{ VOLUME, 79, 193, "it holds 98304 bytes, and the volume has 98816" },
		{ VOLUME, 79, 0, "speaks of 0 bytes" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct make_ldm *group =
			make_victim(cases[i].fragment, cases[i].at, cases[i].value);
		struct layout *layout = look(&group, "a0");
		struct layout_volume *victim = titled(layout, "Victim");
		assert_non_null(victim);
		assert_int_equal(victim->state, LAYOUT_INCOMPLETE);
		if (!strstr(victim->reason, cases[i].reason))
			fail_msg("'%s' is not in '%s'", cases[i].reason, victim->reason);
		assert_true(reads_as(titled(layout, "Other"), "Other"));
		layout_free(layout);
		make_ldm_free(group);
	}
}

static void one_wrong_byte_never_costs_another_volume(void **state)
{
	(void)state;
	static const uint8_t values[] = { 0x00, 0x01, 0x7f, 0xff };
	struct make_ldm *group = make_victim(EXTENT, 0, 0);
	for (size_t i = 0; i < (VOLUME - EXTENT + 1) * 112 * ARRAY_SIZE(values); i++) {
		size_t byte = i / ARRAY_SIZE(values);
		uint8_t *p = make_ldm_config(group, 0) + 512 + 128 * (EXTENT + byte / 112) + 16 +
			     byte % 112;
		uint8_t kept = *p;
		*p = values[i % ARRAY_SIZE(values)];
		struct layout *layout = look(&group, "a0");
		struct layout_volume *other = titled(layout, "Other");
		assert_non_null(other);
		/* Of extents that overlap nobody knows which is right. */
		assert_true(reads_as(other, "Other") || is_warned(layout, "overlap"));
		for (size_t v = 0; v < layout->n_volumes; v++) {
			struct layout_volume *volume = &layout->volumes[v];
			assert_int_equal(!volume->blk, volume->state == LAYOUT_INCOMPLETE);
			assert_int_equal(!*volume->reason, volume->state == LAYOUT_OK);
		}
		layout_free(layout);
		*p = kept;
	}
	make_ldm_free(group);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(groups_of_one_name_are_told_apart),
		cmocka_unit_test(clones_are_never_merged),
		cmocka_unit_test(a_clone_that_lacks_a_disk_does_not_get_the_others),
		cmocka_unit_test(clones_that_have_changed_are_told_apart_by_what_they_say),
		cmocka_unit_test(the_newest_database_holds),
		cmocka_unit_test(a_transaction_that_reached_some_disks_is_not_an_absence),
		cmocka_unit_test(a_damaged_copy_gives_way_to_a_sound_one),
		cmocka_unit_test(a_disk_without_a_table_of_contents_still_has_its_data),
		cmocka_unit_test(a_disk_whose_headers_are_all_damaged_is_a_missing_disk),
		cmocka_unit_test(a_disk_that_the_group_does_not_know_is_named),
		cmocka_unit_test(any_read_may_fail),
		cmocka_unit_test(what_contradicts_what_is_said),
		cmocka_unit_test(one_wrong_byte_never_costs_another_volume),
	};
	return cmocka_run_group_tests_name("ldm groups", tests, NULL, NULL);
}
