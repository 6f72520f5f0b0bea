/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ldm-plex - one component of a volume: its extents, column by column.
 *
 * The database orders them; what is left is to see that the numbers in the component, its extents
 * and its volume say the same, so that whoever makes a map of them need not doubt. A component
 * whose records disagree is an error for its volume alone. Source: LDM.md, "From records to bytes".
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "ldm.h"

/* Each column's extents follow each other from 0 on; @ret is what the shortest column holds. */
static int check_columns(const struct ldm_record *extents, size_t n, uint64_t n_columns,
			 uint64_t *ret, struct error *err)
{
	uint64_t column = 0, end = 0;
	*ret = UINT64_MAX;
	for (size_t i = 0; i < n; i++) {
		const struct ldm_extent *e = &extents[i].extent;
		if (e->column == column + 1 && end > 0) {
			*ret = MIN(*ret, end);
			column++;
			end = 0;
		}
		if (e->column != column)
			return error_set(err, -EBADMSG,
					 "extent '%s' is in column %" PRIu64 ", and column %" PRIu64
					 " has none",
					 extents[i].name, e->column, column + (end > 0));
		if (e->offset != end)
			return error_set(err, -EBADMSG,
					 "extent '%s' begins at %" PRIu64
					 " in its column, which has "
					 "%" PRIu64 " bytes in front of it",
					 extents[i].name, e->offset, end);
		if (e->size == 0)
			return error_set(err, -EBADMSG, "extent '%s' is empty", extents[i].name);
		end += e->size; /* two sizes never overflow, so many add up to the check below */
		if (end > INT64_MAX)
			return error_set(err, -EBADMSG, "extent '%s' is too large",
					 extents[i].name);
	}
	*ret = MIN(*ret, end);
	if (column + 1 != n_columns)
		return error_set(err, -EBADMSG,
				 "it should have %" PRIu64 " columns, and extents of %" PRIu64
				 " are there",
				 n_columns, column + 1);
	return 0;
}

/* What a component with columns of @column bytes can hold. */
static int capacity(const struct ldm_plex *plex, uint64_t column, uint64_t *ret, struct error *err)
{
	if (plex->layout == LDM_CONCAT) {
		*ret = column;
		return 0;
	}
	unsigned int n = plex->n_columns - (plex->layout == LDM_RAID5);
	if (plex->chunk == 0)
		return error_set(err, -EBADMSG, "a stripe has no chunk size");
	if (plex->layout == LDM_RAID5 && plex->n_columns < 3)
		return error_set(err, -EBADMSG, "a RAID-5 cannot have %u columns", plex->n_columns);
	/* Parity covers whole chunks; of a stripe the end of a short chunk is not used either. */
	if (__builtin_mul_overflow(column - column % plex->chunk, n, ret))
		return error_set(err, -EBADMSG, "its columns are too large");
	return 0;
}

static int check_extents(const struct ldm_db *db, const struct ldm_plex *plex, struct error *err)
{
	for (size_t i = 0; i < plex->n_extents; i++) {
		const struct ldm_record *e = &plex->extents[i];
		if (!ldm_db_find(db, LDM_MEMBER, e->extent.member))
			return error_set(err, -EBADMSG,
					 "extent '%s' lies on disk %" PRIu64
					 ", which is not in the database",
					 e->name, e->extent.member);
		if (e->extent.overlaps)
			return error_set(err, -EBADMSG, "extent '%s' overlaps another one",
					 e->name);
	}
	return 0;
}

static int check(const struct ldm_db *db, const struct ldm_record *record, uint64_t size,
		 struct ldm_plex *ret, struct error *err)
{
	const struct ldm_component *c = &record->component;
	struct ldm_plex plex = { .record = record, .layout = c->layout };
	plex.extents = ldm_db_children(db, LDM_EXTENT, record->id, &plex.n_extents);
	if (plex.n_extents != c->n_extents || plex.n_extents == 0)
		return error_set(err, -EBADMSG,
				 "it should have %" PRIu64 " extents, and %zu are in the database",
				 c->n_extents, plex.n_extents);
	if (c->layout != LDM_CONCAT && c->layout != LDM_STRIPED && c->layout != LDM_RAID5)
		return error_set(err, -EBADMSG, "layout %u is not known", c->layout);
	if (c->n_columns > MAP_MAX_LEGS)
		return error_set(err, -EBADMSG, "%" PRIu64 " columns are too many", c->n_columns);
	plex.n_columns = c->layout == LDM_CONCAT ? 1 : (unsigned int)c->n_columns;
	plex.chunk = c->layout == LDM_CONCAT ? 0 : c->chunk;

	uint64_t column, bytes = 0;
	int rc = check_columns(plex.extents, plex.n_extents, plex.n_columns, &column, err);
	if (rc == 0)
		rc = capacity(&plex, column, &bytes, err);
	if (rc == 0)
		rc = check_extents(db, &plex, err);
	if (rc < 0)
		return rc;
	if (size > bytes)
		return error_set(err, -EBADMSG,
				 "it holds %" PRIu64 " bytes, and the volume has %" PRIu64, bytes,
				 size);
	*ret = plex;
	return 0;
}

int ldm_plex_check(const struct ldm_db *db, const struct ldm_record *component, uint64_t size,
		   struct ldm_plex *ret, struct error *err)
{
	int rc = check(db, component, size, ret, err);
	return rc < 0 ? error_wrap(err, rc, "component '%s'", component->name) : 0;
}

bool ldm_plex_is_good(const struct ldm_plex *plex)
{
	const struct ldm_component *c = &plex->record->component;
	return !(c->flags & (LDM_COMPONENT_RECOVER | LDM_COMPONENT_IOFAIL)) &&
	       (strcmp(c->state, "ACTIVE") == 0 || strcmp(c->state, "CLEAN") == 0);
}
