/* SPDX-License-Identifier: GPL-3.0-or-later */
/* plug-extents - a page of a reply with ranges. */
#include "plug.h"

static bool flush(struct plug_extents *page)
{
	if (page->end == page->start)
		return true;
	if (json_array_size(page->list) == PLUG_EXTENTS_MAX)
		return false;
	json_array_append_new(page->list, json_pack("[I,I]", (json_int_t)page->start,
						    (json_int_t)(page->end - page->start)));
	return true;
}

bool plug_extents_add(struct plug_extents *page, uint64_t len, uint64_t start)
{
	if (start == page->end && page->end != page->start) {
		page->end += len;
		return true;
	}
	if (!flush(page))
		return false;
	page->start = start;
	page->end = start + len;
	return true;
}

/* When the last range does not fit, it is the first of the next page. */
json_t *plug_extents_reply(struct plug_extents *page, bool more, uint64_t next)
{
	if (!flush(page)) {
		more = true;
		next = page->start;
	}
	return json_pack("{s:O, s:o}", "extents", page->list, "next",
			 more ? json_integer((json_int_t)next) : json_null());
}
