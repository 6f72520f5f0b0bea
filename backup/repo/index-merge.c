/* SPDX-License-Identifier: GPL-3.0-or-later */
/* index-merge - see index-merge.h. A heap of cursors; the least id is on top. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "lunette/index-merge.h"

/**
 * struct input - an index that is being read
 * @entry: the one that comes next
 * @numbers: of its packs among those of the merge
 */
struct input {
	struct index_cursor *cursor;
	struct index_entry entry;
	uint32_t *numbers;
};

struct index_merge {
	size_t n;
	struct input *inputs;
	size_t n_heap;
	uint32_t *heap; /* numbers of inputs that have an entry left */
	uint32_t n_packs;
	struct index_pack *packs;
	struct index_entry *places; /* room for @n */
};

/* A pack as one input knows it. */
struct known_pack {
	struct index_pack pack;
	uint32_t input;
	uint32_t number;
};

static int no_memory(struct error *err)
{
	return error_set(err, -ENOMEM, "read the indexes: %m");
}

/* ---- packs ---- */

static int compare_packs(const struct index_pack *x, const struct index_pack *y)
{
	int order = memcmp(x->id, y->id, sizeof(x->id));
	return order != 0 ? order : (x->size > y->size) - (x->size < y->size);
}

static int by_pack(const void *a, const void *b)
{
	return compare_packs(&((const struct known_pack *)a)->pack,
			     &((const struct known_pack *)b)->pack);
}

/* Numbers the packs of all inputs: equal ones get one number. */
static int number_packs(struct index_merge *merge, struct known_pack *known, size_t n,
			struct error *err)
{
	qsort(known, n, sizeof(*known), by_pack);
	merge->packs = calloc(n, sizeof(*merge->packs));
	if (!merge->packs)
		return no_memory(err);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || compare_packs(&known[i - 1].pack, &known[i].pack) != 0)
			merge->packs[merge->n_packs++] = known[i].pack;
		merge->inputs[known[i].input].numbers[known[i].number] = merge->n_packs - 1;
	}
	return 0;
}

static int join_packs(struct index_merge *merge, struct error *err)
{
	size_t total = 0, at = 0;
	uint32_t n;
	for (size_t i = 0; i < merge->n; i++) {
		index_cursor_packs(merge->inputs[i].cursor, &n);
		total += n;
	}
	if (total > UINT32_MAX)
		return error_set(err, -EUCLEAN, "the indexes speak of %zu packs, which cannot be",
				 total);
	CLEANUP(free_cleanup) struct known_pack *known = calloc(total, sizeof(*known));
	if (!known)
		return no_memory(err);
	for (size_t i = 0; i < merge->n; i++) {
		struct input *input = &merge->inputs[i];
		const struct index_pack *packs = index_cursor_packs(input->cursor, &n);
		input->numbers = calloc(n, sizeof(*input->numbers));
		if (!input->numbers)
			return no_memory(err);
		for (uint32_t j = 0; j < n; j++)
			known[at++] = (struct known_pack){ packs[j], (uint32_t)i, j };
	}
	return number_packs(merge, known, total, err);
}

/* ---- the heap ---- */

static bool is_before(const struct index_merge *merge, uint32_t a, uint32_t b)
{
	int order = memcmp(&merge->inputs[a].entry.id, &merge->inputs[b].entry.id,
			   sizeof(struct chunk_id));
	return order != 0 ? order < 0 : a < b;
}

static void sink(struct index_merge *merge, size_t at)
{
	uint32_t input = merge->heap[at];
	for (;;) {
		size_t child = 2 * at + 1;
		if (child >= merge->n_heap)
			break;
		if (child + 1 < merge->n_heap &&
		    is_before(merge, merge->heap[child + 1], merge->heap[child]))
			child++;
		if (!is_before(merge, merge->heap[child], input))
			break;
		merge->heap[at] = merge->heap[child];
		at = child;
	}
	merge->heap[at] = input;
}

/* Reads on in the input on top. */
static int advance(struct index_merge *merge, struct error *err)
{
	struct input *input = &merge->inputs[merge->heap[0]];
	int rc = index_cursor_next(input->cursor, &input->entry, err);
	if (rc < 0)
		return rc;
	if (rc == 0)
		merge->heap[0] = merge->heap[--merge->n_heap];
	if (merge->n_heap > 0)
		sink(merge, 0);
	return 0;
}

static int fill_heap(struct index_merge *merge, struct error *err)
{
	for (size_t i = 0; i < merge->n; i++) {
		struct input *input = &merge->inputs[i];
		int rc = index_cursor_next(input->cursor, &input->entry, err);
		if (rc < 0)
			return rc;
		if (rc > 0)
			merge->heap[merge->n_heap++] = (uint32_t)i;
	}
	for (size_t i = merge->n_heap / 2; i-- > 0;)
		sink(merge, i);
	return 0;
}

/* ---- the merge ---- */

int index_merge_new(struct index *const *indexes, size_t n, struct index_merge **ret,
		    struct error *err)
{
	CLEANUP(index_merge_free_cleanup) struct index_merge *merge = calloc(1, sizeof(*merge));
	if (!merge)
		return no_memory(err);
	merge->inputs = calloc(n, sizeof(*merge->inputs));
	merge->heap = calloc(n, sizeof(*merge->heap));
	merge->places = calloc(n, sizeof(*merge->places));
	if (!merge->inputs || !merge->heap || !merge->places)
		return no_memory(err);
	for (; merge->n < n; merge->n++) {
		int rc = index_cursor_new(indexes[merge->n], &merge->inputs[merge->n].cursor, err);
		if (rc < 0)
			return rc;
	}
	int rc = join_packs(merge, err);
	if (rc == 0)
		rc = fill_heap(merge, err);
	if (rc < 0)
		return rc;
	*ret = steal(&merge);
	return 0;
}

void index_merge_free(struct index_merge *merge)
{
	if (!merge)
		return;
	for (size_t i = 0; merge->inputs && i < merge->n; i++) {
		index_cursor_free(merge->inputs[i].cursor);
		free(merge->inputs[i].numbers);
	}
	free(merge->inputs);
	free(merge->heap);
	free(merge->packs);
	free(merge->places);
	free(merge);
}

const struct index_pack *index_merge_packs(const struct index_merge *merge, uint32_t *ret_n)
{
	*ret_n = merge->n_packs;
	return merge->packs;
}

int index_merge_next(struct index_merge *merge, const struct index_entry **ret, size_t *ret_n,
		     struct error *err)
{
	size_t n = 0;
	while (merge->n_heap > 0) {
		const struct input *top = &merge->inputs[merge->heap[0]];
		if (n > 0 &&
		    memcmp(&top->entry.id, &merge->places[0].id, sizeof(top->entry.id)) != 0)
			break;
		merge->places[n] = top->entry;
		merge->places[n++].pack = top->numbers[top->entry.pack];
		int rc = advance(merge, err);
		if (rc < 0)
			return rc;
	}
	*ret = merge->places;
	*ret_n = n;
	return n > 0;
}
