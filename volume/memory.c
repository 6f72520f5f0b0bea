/* SPDX-License-Identifier: GPL-3.0-or-later */
/* memory - see include/lunette/memory.h: pages in groups, each made when it is first written. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lunette/memory.h"

#define PAGE  4096u
#define GROUP 2048u /* pages in one */

struct memory {
	struct blk blk;
	pthread_rwlock_t lock; /* of all below it */
	size_t n_groups;
	uint8_t ***groups; /* NULL, or GROUP pages, which are NULL or PAGE bytes */
};

struct memory_target {
	struct target target;
	struct memory *memory;
};

static uint8_t *page_at(const struct memory *memory, uint64_t number)
{
	uint8_t **group = memory->groups[number / GROUP];
	return group ? group[number % GROUP] : NULL;
}

static uint8_t *make_page(struct memory *memory, uint64_t number)
{
	uint8_t ***group = &memory->groups[number / GROUP];
	if (!*group)
		*group = calloc(GROUP, sizeof(**group));
	if (*group && !(*group)[number % GROUP])
		(*group)[number % GROUP] = calloc(1, PAGE);
	return *group ? (*group)[number % GROUP] : NULL;
}

static int memory_read(struct blk *blk, void *buf, size_t len, uint64_t off, struct error *err)
{
	(void)err;
	struct memory *memory = (struct memory *)blk;
	uint8_t *to = buf;
	pthread_rwlock_rdlock(&memory->lock);
	for (size_t n; len > 0; to += n, off += n, len -= n) {
		n = MIN(len, PAGE - (size_t)(off % PAGE));
		const uint8_t *page = page_at(memory, off / PAGE);
		if (page)
			memcpy(to, page + off % PAGE, n);
		else
			memset(to, 0, n);
	}
	pthread_rwlock_unlock(&memory->lock);
	return 0;
}

/* A run of pages that are alike, within a group. */
static int memory_extent(struct blk *blk, uint64_t off, struct blk_extent *ret, struct error *err)
{
	(void)err;
	struct memory *memory = (struct memory *)blk;
	uint64_t number = off / PAGE, end = (number / GROUP + 1) * GROUP;
	pthread_rwlock_rdlock(&memory->lock);
	bool zero = !page_at(memory, number);
	if (zero && !memory->groups[number / GROUP])
		number = end;
	while (number < end && !page_at(memory, number) == zero)
		number++;
	pthread_rwlock_unlock(&memory->lock);
	*ret = (struct blk_extent){ .length = number * PAGE - off, .zero = zero };
	return 0;
}

static void memory_destroy(struct blk *blk)
{
	struct memory *memory = (struct memory *)blk;
	for (size_t g = 0; memory->groups && g < memory->n_groups; g++) {
		for (size_t i = 0; memory->groups[g] && i < GROUP; i++)
			free(memory->groups[g][i]);
		free(memory->groups[g]);
	}
	free(memory->groups);
	pthread_rwlock_destroy(&memory->lock);
	free(memory);
}

static const struct blk_ops memory_blk_ops = {
	.name = "memory",
	.leaf = true,
	.read = memory_read,
	.extent = memory_extent,
	.destroy = memory_destroy,
};

static int memory_write(struct target *target, const void *buf, size_t len, uint64_t off,
			struct error *err)
{
	struct memory *memory = ((struct memory_target *)target)->memory;
	const uint8_t *from = buf;
	int rc = 0;
	pthread_rwlock_wrlock(&memory->lock);
	for (size_t n; len > 0; from += n, off += n, len -= n) {
		n = MIN(len, PAGE - (size_t)(off % PAGE));
		uint8_t *page = make_page(memory, off / PAGE);
		if (!page) {
			rc = error_set(err, -ENOMEM, "a write to memory: %m");
			break;
		}
		memcpy(page + off % PAGE, from, n);
	}
	pthread_rwlock_unlock(&memory->lock);
	return rc;
}

static int memory_zero(struct target *target, uint64_t len, uint64_t off, struct error *err)
{
	(void)err;
	struct memory *memory = ((struct memory_target *)target)->memory;
	pthread_rwlock_wrlock(&memory->lock);
	for (uint64_t n; len > 0; off += n, len -= n) {
		uint64_t in = off % PAGE, number = off / PAGE;
		n = MIN(len, PAGE - in);
		if (!memory->groups[number / GROUP]) {
			n = MIN(len, (number / GROUP + 1) * GROUP * PAGE - off);
			continue;
		}
		uint8_t **page = &memory->groups[number / GROUP][number % GROUP];
		if (*page && n < PAGE) {
			memset(*page + in, 0, (size_t)n);
			continue;
		}
		free(*page);
		*page = NULL;
	}
	pthread_rwlock_unlock(&memory->lock);
	return 0;
}

static int memory_flush(struct target *target, struct error *err)
{
	(void)target, (void)err;
	return 0;
}

static void memory_target_destroy(struct target *target)
{
	blk_unref(&((struct memory_target *)target)->memory->blk);
	free(target);
}

static const struct target_ops memory_target_ops = {
	.name = "memory",
	.write = memory_write,
	.zero = memory_zero,
	.flush = memory_flush,
	.destroy = memory_target_destroy,
};

int memory_new(uint64_t size, uint32_t sector, struct blk **ret_blk, struct target **ret_target,
	       struct error *err)
{
	struct memory_target *view = calloc(1, sizeof(*view));
	struct memory *memory = calloc(1, sizeof(*memory));
	uint64_t n = size / PAGE / GROUP + 1;
	uint8_t ***groups =
		n <= SIZE_MAX / sizeof(*groups) ? calloc((size_t)n, sizeof(*groups)) : NULL;
	if (!view || !memory || !groups) {
		free(view);
		free(memory);
		free(groups);
		return error_set(err, -ENOMEM, "memory: %m");
	}
	blk_init(&memory->blk, &memory_blk_ops, size, sector);
	pthread_rwlock_init(&memory->lock, NULL);
	memory->groups = groups;
	memory->n_groups = (size_t)n;
	view->target = (struct target){ .ops = &memory_target_ops, .size = size };
	view->memory = memory;
	*ret_blk = blk_ref(&memory->blk);
	*ret_target = &view->target;
	return 0;
}
