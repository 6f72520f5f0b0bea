/* SPDX-License-Identifier: GPL-3.0-or-later */
/* index-cursor - reads a whole index, many pages at a time. See index.h. */
#include <errno.h>

#include "index-format.h"

#define RUN_PAGES 64u /* 256 KiB */

struct index_cursor {
	struct index *index;
	struct index_pack *packs;
	uint64_t next;  /* entry to be read */
	uint64_t first; /* entry that the run in the buffer begins with */
	uint64_t end;   /* the first entry after that run */
	struct chunk_id last;
	uint8_t run[RUN_PAGES * INDEX_PAGE];
};

static int read_packs(struct index_cursor *cursor, struct error *err)
{
	uint32_t n = index_shape(cursor->index)->n_packs;
	cursor->packs = calloc(n, sizeof(*cursor->packs));
	if (!cursor->packs)
		return error_set(err, -ENOMEM, "read an index: %m");
	for (uint32_t i = 0; i < n; i++) {
		uint32_t in_run = i % (RUN_PAGES * INDEX_PACKS_A_PAGE);
		if (in_run == 0) {
			uint64_t page = i / INDEX_PACKS_A_PAGE;
			size_t pages = (size_t)MIN(index_pack_pages(n) - page, (uint64_t)RUN_PAGES);
			int rc = index_read_pages(cursor->index, 1 + page, pages, cursor->run, err);
			if (rc < 0)
				return rc;
		}
		index_parse_pack(cursor->run + in_run / INDEX_PACKS_A_PAGE * INDEX_PAGE,
				 in_run % INDEX_PACKS_A_PAGE, &cursor->packs[i]);
	}
	return 0;
}

int index_cursor_new(struct index *index, struct index_cursor **ret, struct error *err)
{
	CLEANUP(index_cursor_free_cleanup)
	struct index_cursor *cursor = calloc(1, sizeof(*cursor));
	if (!cursor)
		return error_set(err, -ENOMEM, "read an index: %m");
	cursor->index = index;
	int rc = read_packs(cursor, err);
	if (rc < 0)
		return rc;
	*ret = steal(&cursor);
	return 0;
}

void index_cursor_free(struct index_cursor *cursor)
{
	if (!cursor)
		return;
	free(cursor->packs);
	free(cursor);
}

const struct index_pack *index_cursor_packs(const struct index_cursor *cursor, uint32_t *ret_n)
{
	*ret_n = index_shape(cursor->index)->n_packs;
	return cursor->packs;
}

static int read_run(struct index_cursor *cursor, struct error *err)
{
	const struct index_shape *shape = index_shape(cursor->index);
	uint64_t page = cursor->next / INDEX_CHUNKS_A_PAGE;
	size_t pages = (size_t)MIN(shape->entry_pages - page, (uint64_t)RUN_PAGES);
	int rc =
		index_read_pages(cursor->index, shape->first_entry + page, pages, cursor->run, err);
	if (rc < 0)
		return rc;
	cursor->first = cursor->next;
	cursor->end = MIN(shape->n, cursor->first + pages * INDEX_CHUNKS_A_PAGE);
	return 0;
}

int index_cursor_next(struct index_cursor *cursor, struct index_entry *ret, struct error *err)
{
	const struct index_shape *shape = index_shape(cursor->index);
	if (cursor->next == shape->n)
		return 0;
	int rc = cursor->next == cursor->end ? read_run(cursor, err) : 0;
	if (rc < 0)
		return rc;
	size_t i = (size_t)(cursor->next - cursor->first);
	struct index_entry entry;
	index_parse_entry(cursor->run + i / INDEX_CHUNKS_A_PAGE * INDEX_PAGE,
			  i % INDEX_CHUNKS_A_PAGE, &entry);
	const char *wrong = entry.pack >= shape->n_packs
				    ? "an entry makes no sense"
				    : index_entry_wrong(&entry, &cursor->packs[entry.pack]);
	if (cursor->next > 0 && memcmp(&cursor->last, &entry.id, sizeof(entry.id)) >= 0)
		wrong = "its entries are not sorted";
	if (wrong)
		return index_damaged(cursor->index, err, wrong);
	cursor->last = entry.id;
	cursor->next++;
	*ret = entry;
	return 1;
}
