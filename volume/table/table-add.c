/* SPDX-License-Identifier: GPL-3.0-or-later */
/* table-add - what every format of table shares: how it says what it has found. See table.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "table.h"

/* A table made to annoy has thousands of faults; nobody reads more than this. */
#define WARNINGS_MAX 16

int table_add_entry(struct table *table, const struct table_entry *entry, struct error *err)
{
	/* The array is full whenever the count is a power of two, and doubles then. */
	size_t n = table->n_entries;
	if (n == 0 || is_power_of_2(n)) {
		void *bigger = reallocarray(table->entries, n ? 2 * n : 1, sizeof(*table->entries));
		if (!bigger)
			return error_set(err, -ENOMEM, "table of %zu partitions: %m", n);
		table->entries = bigger;
	}
	table->entries[table->n_entries++] = *entry;
	return 0;
}

int table_add_metadata(struct table *table, uint64_t length, uint64_t start, struct error *err)
{
	if (length == 0)
		return 0;
	void *bigger =
		reallocarray(table->metadata, table->n_metadata + 1, sizeof(*table->metadata));
	if (!bigger)
		return error_set(err, -ENOMEM, "table of %zu ranges: %m", table->n_metadata);
	table->metadata = bigger;
	table->metadata[table->n_metadata++] =
		(struct layout_range){ .start = start, .length = length };
	return 0;
}

int table_warn(struct table *table, struct error *err, const char *fmt, ...)
{
	if (table->n_warnings == WARNINGS_MAX)
		return 0;
	if (!table->warnings)
		table->warnings = calloc(WARNINGS_MAX, sizeof(*table->warnings));
	if (!table->warnings)
		return error_set(err, -ENOMEM, "warning: %m");
	va_list ap;
	va_start(ap, fmt);
	char *text;
	int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return error_set(err, -ENOMEM, "warning: %m");
	table->warnings[table->n_warnings++] = text;
	return 0;
}
