/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pages - see pages.h. A page has one place where it can be: no lists, no searching, no ageing. */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "lunette/pages.h"

#define SLOTS 4096 /* 16 MiB when all are in use */
#define LOCKS 64

struct page_slot {
	uint64_t owner; /* 0: free */
	uint64_t number;
	uint8_t *page; /* NULL until the slot is used for the first time */
};

struct pages {
	pthread_mutex_t locks[LOCKS]; /* slot i is guarded by lock i % LOCKS */
	struct page_slot slots[SLOTS];
};

int pages_new(struct pages **ret, struct error *err)
{
	struct pages *pages = calloc(1, sizeof(*pages));
	if (!pages)
		return error_set(err, -ENOMEM, "open the repository: %m");
	for (size_t i = 0; i < LOCKS; i++)
		pthread_mutex_init(&pages->locks[i], NULL);
	*ret = pages;
	return 0;
}

void pages_free(struct pages *pages)
{
	if (!pages)
		return;
	for (size_t i = 0; i < LOCKS; i++)
		pthread_mutex_destroy(&pages->locks[i]);
	for (size_t i = 0; i < SLOTS; i++)
		free(pages->slots[i].page);
	free(pages);
}

/* Neighbours of one index never meet; indexes are spread against each other. */
static size_t slot_of(uint64_t owner, uint64_t number)
{
	return (size_t)((owner * 0x9e3779b97f4a7c15u >> 32) + number) % SLOTS;
}

bool pages_get(struct pages *pages, uint64_t owner, uint64_t number, uint8_t ret[INDEX_PAGE])
{
	size_t i = slot_of(owner, number);
	struct page_slot *slot = &pages->slots[i];
	pthread_mutex_lock(&pages->locks[i % LOCKS]);
	bool found = slot->owner == owner && slot->number == number;
	if (found)
		memcpy(ret, slot->page, INDEX_PAGE);
	pthread_mutex_unlock(&pages->locks[i % LOCKS]);
	return found;
}

void pages_put(struct pages *pages, uint64_t owner, uint64_t number, const uint8_t page[INDEX_PAGE])
{
	size_t i = slot_of(owner, number);
	struct page_slot *slot = &pages->slots[i];
	pthread_mutex_lock(&pages->locks[i % LOCKS]);
	if (!slot->page)
		slot->page = malloc(INDEX_PAGE);
	if (slot->page) { /* without memory it is read again, that is all */
		slot->owner = owner;
		slot->number = number;
		memcpy(slot->page, page, INDEX_PAGE);
	}
	pthread_mutex_unlock(&pages->locks[i % LOCKS]);
}
