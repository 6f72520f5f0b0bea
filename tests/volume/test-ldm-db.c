/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records and the database: fragments, transactions, and every field hostile. */
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

#include "ldm.h"
#include "make-ldm.h"

#define CONFIG (1481u * 512)

/* Two disks, a mirror of them and a spanned volume. */
static struct make_ldm *make(void)
{
	static const struct make_ldm_extent mirror[] = { { 0, 0, 0, 5, 100 }, { 1, 0, 1, 7, 100 } };
	static const struct make_ldm_extent span[] = { { 0, 0, 0, 200, 30 }, { 0, 0, 1, 200, 50 } };
	struct make_ldm *group = make_ldm_new("TestDg0", 4);
	make_ldm_add_disk(group, 3 << 20, 512, false);
	make_ldm_add_disk(group, 3 << 20, 512, false);
	make_ldm_volume(group, "Mirror", MAKE_LDM_CONCAT, 0, mirror, 2, "M:");
	make_ldm_volume(group, "Span", MAKE_LDM_CONCAT, 0, span, 2, NULL);
	return group;
}

static struct ldm_db *parse(struct make_ldm *group)
{
	struct ldm_db *db;
	struct error err;
	if (ldm_db_parse(make_ldm_config(group, 0), CONFIG, &db, &err) < 0)
		fail_msg("%s", err.msg);
	return db;
}

static size_t count(const struct ldm_db *db, enum ldm_kind kind)
{
	return db->first[kind + 1] - db->first[kind];
}

static const struct ldm_record *named(const struct ldm_db *db, const char *name)
{
	for (size_t i = 0; i < db->first[LDM_GROUP + 1]; i++)
		if (strcmp(db->records[i].name, name) == 0)
			return &db->records[i];
	return NULL;
}

static void records_are_read_wherever_their_fragments_lie(void **state)
{
	(void)state;
	for (int mix = 0; mix < 2; mix++) {
		struct make_ldm *group = make();
		group->mix = mix;
		make_ldm_write(group);
		struct ldm_db *db = parse(group);
		assert_int_equal(db->n_damaged, 0);
		assert_int_equal(count(db, LDM_VOLUME), 2);
		assert_int_equal(count(db, LDM_COMPONENT), 3);
		assert_int_equal(count(db, LDM_EXTENT), 4);
		assert_int_equal(count(db, LDM_MEMBER), 2);
		assert_int_equal(count(db, LDM_GROUP), 1);
		const struct ldm_record *mirror = named(db, "Mirror");
		assert_int_equal(mirror->volume.size, 51200);
		assert_int_equal(mirror->volume.n_components, 2);
		assert_string_equal(mirror->volume.hint, "M:");
		assert_string_equal(mirror->volume.state, "ACTIVE");
		assert_ptr_equal(ldm_db_find(db, LDM_VOLUME, mirror->id), mirror);
		size_t n;
		const struct ldm_record *plex = ldm_db_children(db, LDM_COMPONENT, mirror->id, &n);
		assert_int_equal(n, 2);
		const struct ldm_record *extent = ldm_db_children(db, LDM_EXTENT, plex[1].id, &n);
		assert_int_equal(n, 1);
		assert_int_equal(extent->extent.start, 7 * 512);
		assert_null(ldm_db_find(db, LDM_MEMBER, mirror->id));
		ldm_db_children(db, LDM_EXTENT, 1, &n);
		assert_int_equal(n, 0);
		ldm_db_free(db);
		make_ldm_free(group);
	}
}

static void a_missing_or_foreign_fragment_costs_one_record(void **state)
{
	(void)state;
	static const struct {
		size_t slot, at;
		unsigned int bytes;
		uint64_t value;
	} cases[] = {
		/* Slots 0 and 1 are Disk1, 4 the mirror's first extent. */
		{ 1, 0, 4, 0 },     /* no VBLK */
		{ 1, 8, 4, 12345 }, /* of another record */
		{ 1, 12, 2, 0 },    /* twice the first */
		{ 1, 12, 2, 7 },    /* past the last */
		{ 1, 14, 2, 0 },    /* free */
		{ 1, 14, 2, 3 },    /* one of three */
		{ 0, 14, 2, 65535 },
		{ 4, 16 + 3, 1, 0x53 }, /* type */
		{ 4, 16 + 3, 1, 0x00 },
		{ 4, 16 + 0, 2, 3 }, /* status */
		{ 4, 16 + 4, 4, 5 }, /* length */
		{ 4, 16 + 4, 4, UINT32_MAX },
		{ 4, 16 + 8, 1, 9 }, /* a number of nine bytes */
		{ 4, 16 + 8, 1, 255 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct make_ldm *group = make();
		make_ldm_write(group);
		uint8_t *slot = make_ldm_config(group, 0) + 512 + 128 * cases[i].slot;
		put_be(slot + cases[i].at, cases[i].value, cases[i].bytes);
		struct ldm_db *db = parse(group);
		assert_true(db->n_damaged >= 1);
		assert_string_not_equal(db->damage, "");
		assert_int_equal(db->first[LDM_GROUP + 1], 11);
		assert_null(named(db, cases[i].slot < 2 ? "Disk1" : "Disk1-00"));
		ldm_db_free(db);
		make_ldm_free(group);
	}
}

static void a_record_that_is_cut_anywhere_is_an_error(void **state)
{
	(void)state;
	struct make_ldm *group = make();
	for (size_t i = 0; i < group->n_fragments; i++) {
		const struct make_ldm_fragment *f = &group->fragments[i];
		uint8_t data[224];
		if (f->index > 0)
			continue;
		memcpy(data, f->data, 112);
		memcpy(data + 112, f[1].data, 112);
		size_t full = (size_t)ldm_be(data + 4, 4);
		struct ldm_record record;
		assert_int_equal(ldm_record_parse(data, f->count * 112u, &record, NULL), 0);
		/* Nobody needs what is behind the GUID of a disk, and the last byte of an extent.
		 */
		size_t needed = record.kind == LDM_MEMBER   ? 3 + 6 + 37
				: record.kind == LDM_EXTENT ? full - 1
							    : full;
		for (size_t len = 0; len < full; len++) {
			put_be(data + 4, len, 4);
			int rc = ldm_record_parse(data, f->count * 112u, &record, NULL);
			if (len < needed)
				assert_int_equal(rc, -EBADMSG);
		}
		put_be(data + 4, full, 4);
		for (size_t len = 0; len < 8 + full; len++)
			assert_int_equal(ldm_record_parse(data, len, &record, NULL), -EBADMSG);
	}
	make_ldm_free(group);
}

static void sizes_that_overflow_are_errors(void **state)
{
	(void)state;
	struct make_ldm *group = make();
	make_ldm_write(group);
	/* The first extent: ids of two bytes, a name of eight; start and offset follow. */
	uint8_t *body = make_ldm_config(group, 0) + 512 + 128 * 4 + 16 + 8;
	const size_t fields[] = { 3 + 9 + 4 + 8, 3 + 9 + 4 + 8 + 8 };
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		uint64_t kept = ldm_be(body + fields[i], 8);
		put_be(body + fields[i], UINT64_MAX / 512, 8);
		struct ldm_db *db = parse(group);
		assert_non_null(strstr(db->damage, "size is not possible"));
		ldm_db_free(db);
		put_be(body + fields[i], kept, 8);
	}
	make_ldm_free(group);
}

static void no_field_of_the_head_is_believed(void **state)
{
	(void)state;
	static const struct {
		size_t at;
		unsigned int bytes;
		uint64_t value;
	} fields[] = {
		{ 0, 1, 'X' },        { 4, 4, 0 },      { 4, 4, 3 },      { 4, 4, 5925 },
		{ 4, 4, UINT32_MAX }, { 8, 4, 0 },      { 8, 4, 16 },     { 8, 4, 129 },
		{ 8, 4, UINT32_MAX }, { 0xc, 4, 0 },    { 0xc, 4, 0xc4 }, { 0xc, 4, UINT32_MAX },
		{ 0x10, 2, 0 },       { 0x10, 2, 5 },   { 0x10, 2, 6 },   { 0x10, 2, 8 },
		{ 0x12, 2, 3 },       { 0x35, 1, 'g' },
	};
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		struct make_ldm *group = make();
		make_ldm_write(group);
		put_be(make_ldm_config(group, 0) + fields[i].at, fields[i].value, fields[i].bytes);
		struct ldm_db *db;
		struct error err = { 0 };
		int rc = ldm_db_parse(make_ldm_config(group, 0), CONFIG, &db, &err);
		if (rc != -EBADMSG && rc != -ENOTSUP)
			fail_msg("field at %zu: %d", fields[i].at, rc);
		assert_int_equal(err.code, rc);
		make_ldm_free(group);
	}
	struct ldm_db *db;
	assert_int_equal(ldm_db_parse((const uint8_t *)"VMDB", 4, &db, NULL), -EBADMSG);
}

static void a_record_that_nobody_misses_is_missed_by_the_head(void **state)
{
	(void)state;
	struct make_ldm *group = make();
	for (size_t i = 0; i < 4; i++) {
		group->counts[i]++;
		make_ldm_write(group);
		struct ldm_db *db = parse(group);
		assert_non_null(strstr(db->damage, "and should hold"));
		ldm_db_free(db);
		group->counts[i]--;
		group->n_fragments--; /* make_ldm_write() has added the group's record */
	}
	make_ldm_free(group);
}

static void ids_are_borne_by_one(void **state)
{
	(void)state;
	struct make_ldm *group = make();
	group->disks[1].id = group->disks[0].id;
	make_ldm_write(group);
	put_be(make_ldm_config(group, 0) + 512 + 128 * 2 + 16 + 8 + 1, group->disks[0].id, 2);
	struct ldm_db *db = parse(group);
	assert_int_equal(count(db, LDM_MEMBER), 1);
	assert_non_null(strstr(db->damage, "'Disk1' and 'Disk2' both have the id"));
	ldm_db_free(db);
	make_ldm_free(group);
}

static void extents_that_overlap_are_marked(void **state)
{
	(void)state;
	static const struct make_ldm_extent e[] = { { 0, 0, 0, 150, 200 } };
	struct make_ldm *group = make();
	make_ldm_volume(group, "Third", MAKE_LDM_CONCAT, 0, e, 1, NULL);
	make_ldm_write(group);
	struct ldm_db *db = parse(group);
	assert_int_equal(db->n_damaged, 1);
	unsigned int n = 0;
	for (size_t i = db->first[LDM_EXTENT]; i < db->first[LDM_EXTENT + 1]; i++) {
		const struct ldm_extent *x = &db->records[i].extent;
		assert_int_equal(x->overlaps, x->start == 150 * 512 || x->size == 30 * 512);
		n += x->overlaps;
	}
	assert_int_equal(n, 2);
	ldm_db_free(db);
	make_ldm_free(group);
}

/* ---- transactions ---------------------------------------------------------------------------- */

static void a_transaction_under_way_is_seen_as_a_whole_or_not_at_all(void **state)
{
	(void)state;
	static const struct {
		uint16_t status;
		const char *there;
		uint64_t effective;
	} cases[] = {
		{ 1, "Old", 40 },
		{ 2, "Old", 40 },
		{ 3, "New", 41 },
		{ 4, "Old", 40 },
	};
	static const struct make_ldm_extent e[] = { { 0, 0, 0, 0, 100 } };
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct make_ldm *group = make_ldm_new("TestDg0", 4);
		make_ldm_add_disk(group, 3 << 20, 512, false);
		size_t first = group->n_fragments;
		make_ldm_volume(group, "Old", MAKE_LDM_CONCAT, 0, e, 1, NULL);
		for (; first < group->n_fragments; first++)
			if (group->fragments[first].index == 0)
				put_be(group->fragments[first].data, LDM_DELETING, 2);
		make_ldm_volume(group, "New", MAKE_LDM_CONCAT, 0, e, 1, NULL);
		for (; first < group->n_fragments; first++)
			if (group->fragments[first].index == 0)
				put_be(group->fragments[first].data, LDM_CREATING, 2);
		for (size_t c = 0; c < 3; c++)
			group->counts[c] = 1;
		group->status = cases[i].status;
		group->pending = 41;
		make_ldm_write(group);
		struct ldm_db *db = parse(group);
		assert_int_equal(db->n_damaged, 0);
		assert_int_equal(db->vmdb.effective, cases[i].effective);
		assert_int_equal(count(db, LDM_VOLUME), 1);
		assert_string_equal(db->records[db->first[LDM_VOLUME]].name, cases[i].there);
		ldm_db_free(db);
		make_ldm_free(group);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_are_read_wherever_their_fragments_lie),
		cmocka_unit_test(a_missing_or_foreign_fragment_costs_one_record),
		cmocka_unit_test(a_record_that_is_cut_anywhere_is_an_error),
		cmocka_unit_test(sizes_that_overflow_are_errors),
		cmocka_unit_test(no_field_of_the_head_is_believed),
		cmocka_unit_test(a_record_that_nobody_misses_is_missed_by_the_head),
		cmocka_unit_test(ids_are_borne_by_one),
		cmocka_unit_test(extents_that_overlap_are_marked),
		cmocka_unit_test(a_transaction_under_way_is_seen_as_a_whole_or_not_at_all),
	};
	return cmocka_run_group_tests_name("ldm database", tests, NULL, NULL);
}
