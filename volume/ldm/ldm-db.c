/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ldm-db - one copy of an LDM database: its head, and the records scattered over its slots.
 *
 * A damaged record costs the volume that it belongs to and nothing else: it is left out and
 * counted, and what refers to it is found to lack something. Of a transaction under way either all
 * or nothing is seen, as its head says. Source: LDM.md, "The database" and "Transactions".
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ldm.h"
#include "lunette/utf8.h"

#define VMDB_SIZE     0xc5u
#define SLOT_HEAD     16u
#define SLOT_SIZE_MIN 64u /* Windows uses 128; keeps memory in proportion to the region */
#define SLOT_SIZE_MAX 4096u

/* What the head of a database says of itself. */
#define VMDB_CLEAN  1u
#define VMDB_CHANGE 2u
#define VMDB_COMMIT 3u
#define VMDB_ABORT  4u

/* ---- the head -------------------------------------------------------------------------------- */

int ldm_vmdb_parse(const uint8_t *sector, uint64_t config_size, struct ldm_vmdb *ret,
		   struct error *err)
{
	if (memcmp(sector, "VMDB", 4) != 0)
		return error_set(err, -EBADMSG, "there is no database");
	uint64_t major = ldm_be(sector + 0x12, 2);
	if (major != 4)
		return error_set(err, -ENOTSUP, "version %" PRIu64 ".%" PRIu64 " is not known",
				 major, ldm_be(sector + 0x14, 2));

	uint64_t n = ldm_be(sector + 4, 4);
	struct ldm_vmdb vmdb = {
		.slot_size = (uint32_t)ldm_be(sector + 8, 4),
		.first = (uint32_t)ldm_be(sector + 0xc, 4),
		.status = (unsigned int)ldm_be(sector + 0x10, 2),
		.committed = ldm_be(sector + 0x75, 8),
		.pending = ldm_be(sector + 0x7d, 8),
		.changed = ldm_be(sector + 0xbd, 8),
	};
	if (vmdb.slot_size < SLOT_SIZE_MIN || vmdb.slot_size > SLOT_SIZE_MAX)
		return error_set(err, -EBADMSG, "slots of %" PRIu32 " bytes are not possible",
				 vmdb.slot_size);
	/* The number counts the head as the slots that would be in its place. */
	if (vmdb.first < VMDB_SIZE || n < vmdb.first / vmdb.slot_size)
		return error_set(err, -EBADMSG, "the first slot is not possible");
	n -= vmdb.first / vmdb.slot_size;
	if (!range_inside(n * vmdb.slot_size, vmdb.first, config_size))
		return error_set(err, -EBADMSG,
				 "%" PRIu64 " slots do not fit into %" PRIu64 " bytes", n,
				 config_size);
	vmdb.slots = (uint32_t)n;
	if (vmdb.status < VMDB_CLEAN || vmdb.status > VMDB_ABORT)
		return error_set(err, -EBADMSG, "status %u means that it does not hold",
				 vmdb.status);
	if (!ldm_guid_parse(sector + 0x35, 64, &vmdb.group))
		return error_set(err, -EBADMSG, "the disk group's GUID is not a GUID");
	utf8_clean(sector + 0x16, 31, vmdb.group_name, sizeof(vmdb.group_name));

	bool forward = vmdb.status == VMDB_COMMIT;
	vmdb.effective = forward ? vmdb.pending : vmdb.committed;
	for (size_t i = 0; i < ARRAY_SIZE(vmdb.counts); i++)
		vmdb.counts[i] = (uint32_t)ldm_be(sector + (forward ? 0xa1 : 0x85) + 4 * i, 4);
	*ret = vmdb;
	return 0;
}

/* ---- fragments ------------------------------------------------------------------------------- */

/**
 * struct fragment - a used slot
 * @record: number that the fragments of a record share
 * @index: of this one, from 0
 * @count: of all
 */
struct fragment {
	uint32_t record;
	uint32_t index, count;
	const uint8_t *data;
};

static int by_record(const void *a, const void *b)
{
	const struct fragment *x = a, *y = b;
	if (x->record != y->record)
		return x->record < y->record ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static void damaged(struct ldm_db *db, const char *fmt, ...) ERROR_FORMAT(2, 3);

static void damaged(struct ldm_db *db, const char *fmt, ...)
{
	if (db->n_damaged++)
		return;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(db->damage, sizeof(db->damage), fmt, ap);
	va_end(ap);
}

/* The used slots, those of a record beside each other and in order. */
static size_t collect(struct ldm_db *db, const uint8_t *config, struct fragment *ret)
{
	size_t n = 0;
	for (uint32_t i = 0; i < db->vmdb.slots; i++) {
		const uint8_t *slot = config + db->vmdb.first + (size_t)i * db->vmdb.slot_size;
		if (memcmp(slot, "VBLK", 4) != 0) {
			damaged(db, "slot %" PRIu32 " is not a VBLK", i);
			continue;
		}
		struct fragment f = {
			.record = (uint32_t)ldm_be(slot + 8, 4),
			.index = (uint32_t)ldm_be(slot + 12, 2),
			.count = (uint32_t)ldm_be(slot + 14, 2),
			.data = slot + SLOT_HEAD,
		};
		if (f.count > 0)
			ret[n++] = f;
	}
	qsort(ret, n, sizeof(*ret), by_record);
	return n;
}

/* Joins the @n fragments that share a number; 0 bytes when they are not one record. */
static size_t join(struct ldm_db *db, const struct fragment *f, size_t n, uint8_t *ret)
{
	const size_t each = db->vmdb.slot_size - SLOT_HEAD;
	for (size_t i = 0; i < n; i++) {
		if (f[i].count != n || f[i].index != i) {
			damaged(db,
				"record %" PRIu32 " has %zu fragments, one of which is %" PRIu32
				" of %" PRIu32,
				f->record, n, f[i].index + 1, f[i].count);
			return 0;
		}
		memcpy(ret + i * each, f[i].data, each);
	}
	return n * each;
}

/* ---- records --------------------------------------------------------------------------------- */

/* While a transaction is under way both what was and what will be are there. */
static bool holds(const struct ldm_db *db, const struct ldm_record *record)
{
	return record->status == LDM_ACTIVE ||
	       record->status == (db->vmdb.status == VMDB_COMMIT ? LDM_CREATING : LDM_DELETING);
}

static uint64_t parent(const struct ldm_record *r)
{
	return r->kind == LDM_COMPONENT ? r->component.volume
	       : r->kind == LDM_EXTENT  ? r->extent.component
					: 0;
}

static int compare(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int in_order(const void *a, const void *b)
{
	const struct ldm_record *x = a, *y = b;
	int by = compare(x->kind, y->kind);
	if (by == 0)
		by = compare(parent(x), parent(y));
	if (by == 0 && x->kind == LDM_EXTENT) {
		by = compare(x->extent.column, y->extent.column);
		if (by == 0)
			by = compare(x->extent.offset, y->extent.offset);
	}
	return by ? by : compare(x->id, y->id);
}

static int read_records(struct ldm_db *db, const uint8_t *config, struct error *err)
{
	CLEANUP(free_cleanup)
	struct fragment *fragments = calloc(db->vmdb.slots + 1, sizeof(*fragments));
	CLEANUP(free_cleanup)
	uint8_t *joined = malloc((size_t)db->vmdb.slots * db->vmdb.slot_size + 1);
	if (!fragments || !joined)
		return error_set(err, -ENOMEM, "LDM database of %" PRIu32 " slots: %m",
				 db->vmdb.slots);
	size_t n_fragments = collect(db, config, fragments), n = 0, n_records = 0;
	for (size_t i = 0; i < n_fragments; i++)
		n_records += i == 0 || fragments[i].record != fragments[i - 1].record;
	db->records = calloc(n_records + 1, sizeof(*db->records));
	if (!db->records)
		return error_set(err, -ENOMEM, "LDM database of %zu records: %m", n_records);

	for (size_t i = 0, next; i < n_fragments; i = next) {
		for (next = i + 1; next < n_fragments; next++) {
			if (fragments[next].record != fragments[i].record)
				break;
		}
		size_t len = join(db, fragments + i, next - i, joined);
		struct error why;
		if (len == 0)
			continue;
		if (ldm_record_parse(joined, len, &db->records[n], &why) < 0)
			damaged(db, "%s", why.msg);
		else if (holds(db, &db->records[n]))
			n++;
	}
	qsort(db->records, n, sizeof(*db->records), in_order);
	db->first[LDM_GROUP + 1] = n;
	return 0;
}

/* What is looked up by its id must bear it alone. */
static bool is_duplicate(const struct ldm_record *r, const struct ldm_record *last)
{
	return (r->kind == LDM_VOLUME || r->kind == LDM_MEMBER) && r->kind == last->kind &&
	       r->id == last->id;
}

static void drop_duplicates(struct ldm_db *db)
{
	size_t n = 0;
	for (size_t i = 0; i < db->first[LDM_GROUP + 1]; i++) {
		const struct ldm_record *r = &db->records[i];
		if (n > 0 && is_duplicate(r, &db->records[n - 1]))
			damaged(db, "'%s' and '%s' both have the id %" PRIu64,
				db->records[n - 1].name, r->name, r->id);
		else
			db->records[n++] = *r;
	}
	db->first[LDM_GROUP + 1] = n;
}

static void index_kinds(struct ldm_db *db)
{
	size_t n = db->first[LDM_GROUP + 1], i = 0;
	for (unsigned int kind = 0; kind <= LDM_GROUP; kind++) {
		while (i < n && (unsigned int)db->records[i].kind < kind)
			i++;
		db->first[kind] = i;
	}
}

static int by_place(const void *a, const void *b)
{
	const struct ldm_extent *x = &(*(struct ldm_record *const *)a)->extent;
	const struct ldm_extent *y = &(*(struct ldm_record *const *)b)->extent;
	int by = compare(x->member, y->member);
	return by ? by : compare(x->start, y->start);
}

/* Of two extents that claim the same bytes one is wrong, and nothing says which. */
static int mark_overlaps(struct ldm_db *db, struct error *err)
{
	size_t n = db->first[LDM_EXTENT + 1] - db->first[LDM_EXTENT];
	CLEANUP(free_cleanup) struct ldm_record **sorted = calloc(n + 1, sizeof(*sorted));
	if (!sorted)
		return error_set(err, -ENOMEM, "LDM database of %zu extents: %m", n);
	for (size_t i = 0; i < n; i++)
		sorted[i] = &db->records[db->first[LDM_EXTENT] + i];
	qsort(sorted, n, sizeof(*sorted), by_place);
	for (size_t i = 1, furthest = 0; i < n; i++) {
		struct ldm_extent *before = &sorted[furthest]->extent, *e = &sorted[i]->extent;
		if (e->member == before->member && e->start < before->start + before->size) {
			before->overlaps = e->overlaps = true;
			damaged(db, "the extents '%s' and '%s' overlap", sorted[furthest]->name,
				sorted[i]->name);
		}
		if (e->member != before->member ||
		    e->start + e->size > before->start + before->size)
			furthest = i;
	}
	return 0;
}

/* Records that nobody misses would be lost in silence, but for the head's count. */
static void check_counts(struct ldm_db *db)
{
	static const char *const what[] = { "volumes", "components", "extents", "disks" };
	for (unsigned int i = 0; i < ARRAY_SIZE(what); i++) {
		size_t n = db->first[LDM_VOLUME + i + 1] - db->first[LDM_VOLUME + i];
		if (n != db->vmdb.counts[i])
			damaged(db, "it holds %zu %s, and should hold %" PRIu32, n, what[i],
				db->vmdb.counts[i]);
	}
}

int ldm_db_parse(const uint8_t *config, size_t len, struct ldm_db **ret, struct error *err)
{
	CLEANUP(ldm_db_free_cleanup) struct ldm_db *db = calloc(1, sizeof(*db));
	if (!db)
		return error_set(err, -ENOMEM, "LDM database: %m");
	if (len < 512)
		return error_set(err, -EBADMSG, "there is no database");
	int rc = ldm_vmdb_parse(config, len, &db->vmdb, err);
	if (rc == 0)
		rc = read_records(db, config, err);
	if (rc < 0)
		return rc;
	drop_duplicates(db);
	index_kinds(db);
	rc = mark_overlaps(db, err);
	if (rc < 0)
		return rc;
	check_counts(db);
	*ret = steal(&db);
	return 0;
}

void ldm_db_free(struct ldm_db *db)
{
	if (!db)
		return;
	free(db->records);
	free(db);
}

/* ---- looking up ------------------------------------------------------------------------------ */

static uint64_t key(const struct ldm_record *r)
{
	return r->kind == LDM_COMPONENT || r->kind == LDM_EXTENT ? parent(r) : r->id;
}

/* The first record of a kind whose key is @wanted or greater. */
static size_t lower_bound(const struct ldm_db *db, enum ldm_kind kind, uint64_t wanted)
{
	size_t low = db->first[kind], high = db->first[kind + 1];
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (key(&db->records[middle]) < wanted)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct ldm_record *ldm_db_children(const struct ldm_db *db, enum ldm_kind kind,
					 uint64_t parent_id, size_t *n)
{
	size_t at = lower_bound(db, kind, parent_id), end = at;
	while (end < db->first[kind + 1] && parent(&db->records[end]) == parent_id)
		end++;
	*n = end - at;
	return &db->records[at];
}

const struct ldm_record *ldm_db_find(const struct ldm_db *db, enum ldm_kind kind, uint64_t id)
{
	size_t at = lower_bound(db, kind, id);
	return at < db->first[kind + 1] && db->records[at].id == id ? &db->records[at] : NULL;
}
