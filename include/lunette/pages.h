/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pages - a bounded number of index pages in memory, proved when they were read.
 *
 * Indexes are read and not mapped: a medium that fails or a file that is cut under a mapping would
 * kill the process with SIGBUS, where a read says what happened.
 */
#ifndef LUNETTE_PAGES_H
#define LUNETTE_PAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "lunette/error.h"
#include "lunette/util.h"

#define INDEX_PAGE 4096

struct pages;

int pages_new(struct pages **ret, struct error *err);
void pages_free(struct pages *pages);
DEFINE_CLEANUP(struct pages *, pages_free)

/**
 * pages_get() - a copy of a page, if it is kept. Any thread.
 * @owner: tells indexes apart
 */
bool pages_get(struct pages *pages, uint64_t owner, uint64_t number, uint8_t ret[INDEX_PAGE]);

/* Keeps a copy; another page gives way. Any thread. */
void pages_put(struct pages *pages, uint64_t owner, uint64_t number,
	       const uint8_t page[INDEX_PAGE]);

#endif
