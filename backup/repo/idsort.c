/* SPDX-License-Identifier: GPL-3.0-or-later */
/* idsort - see idsort.h. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "idsort.h"
#include "temp.h"

#define BUCKET_BITS 10
#define BUCKETS     (1u << BUCKET_BITS)

/* A segment of the file belongs to one bucket. */
#define SEGMENT_IDS   1024u
#define SEGMENT_BYTES (SEGMENT_IDS * sizeof(struct chunk_id))

/* Buckets of fewer segments are not worth being sorted before their time. */
#define COMPACT_MIN 128u

/**
 * struct bucket - ids that begin with the same bits
 * @ids: @n of them that are not in the file yet; room for @room, SEGMENT_IDS at most
 * @segments: numbers of its segments in the file, all of them full
 * @compact_at: it is sorted when it has so many segments
 */
struct bucket {
	uint32_t n, room;
	struct chunk_id *ids;
	uint32_t n_segments, segment_room;
	uint32_t *segments;
	uint32_t compact_at;
};

struct idsort {
	struct bucket buckets[BUCKETS];
	int temp;            /* -1 until it is needed */
	uint32_t n_segments; /* of the file */
	uint32_t n_free, free_room;
	uint32_t *free; /* segments of nobody */

	/* What is given out: a bucket in memory, and which comes after it. */
	uint32_t next_bucket;
	size_t at, n;
	struct chunk_id *ids;
};

static int no_memory(struct error *err)
{
	return error_set(err, -ENOMEM, "sort chunk ids: %m");
}

int idsort_new(struct idsort **ret, struct error *err)
{
	struct idsort *sort = calloc(1, sizeof(*sort));
	if (!sort)
		return no_memory(err);
	sort->temp = -1;
	*ret = sort;
	return 0;
}

void idsort_free(struct idsort *sort)
{
	if (!sort)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		free(sort->buckets[i].ids);
		free(sort->buckets[i].segments);
	}
	if (sort->temp >= 0)
		close(sort->temp);
	free(sort->free);
	free(sort->ids);
	free(sort);
}

/* ---- sorting in memory ---- */

/* Bits of an id that come after those of its bucket; a bucket's ids are spread evenly over them. */
#define SPREAD_BITS 16
#define SPREAD      (1u << SPREAD_BITS)

static uint32_t spread_of(const struct chunk_id *id)
{
	uint32_t word;
	memcpy(&word, id->bytes, sizeof(word));
	return be32toh(word) >> (32 - BUCKET_BITS - SPREAD_BITS) & (SPREAD - 1);
}

static int by_id(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct chunk_id));
}

/* Sorts a few ids; foreign ones may all begin alike, and then there are many. */
static void sort_few(struct chunk_id *ids, size_t n)
{
	if (n > 32) {
		qsort(ids, n, sizeof(*ids), by_id);
		return;
	}
	for (size_t i = 1; i < n; i++) {
		struct chunk_id id = ids[i];
		size_t at = i;
		for (; at > 0 && by_id(&id, &ids[at - 1]) < 0; at--)
			ids[at] = ids[at - 1];
		ids[at] = id;
	}
}

/* Sorts by counting first, since comparing is what takes long. */
static int sort_ids(struct chunk_id **ids, size_t n, struct error *err)
{
	if (n < SPREAD / 16) {
		if (n > 1)
			qsort(*ids, n, sizeof(**ids), by_id);
		return 0;
	}
	CLEANUP(free_cleanup) size_t *ends = calloc(SPREAD + 1, sizeof(*ends));
	CLEANUP(free_cleanup) struct chunk_id *sorted = calloc(n, sizeof(*sorted));
	if (!ends || !sorted)
		return no_memory(err);
	for (size_t i = 0; i < n; i++)
		ends[spread_of(&(*ids)[i]) + 1]++;
	for (size_t i = 0; i < SPREAD; i++)
		ends[i + 1] += ends[i];
	for (size_t i = 0; i < n; i++) /* the beginning of each group moves to its end */
		sorted[ends[spread_of(&(*ids)[i])]++] = (*ids)[i];
	for (size_t i = 0; i < SPREAD; i++) {
		size_t begin = i ? ends[i - 1] : 0;
		sort_few(sorted + begin, ends[i] - begin);
	}
	free(*ids);
	*ids = steal(&sorted);
	return 0;
}

/* Returns how many are left when each is there once. */
static size_t unique(struct chunk_id *ids, size_t n)
{
	size_t kept = 0;
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || memcmp(&ids[kept - 1], &ids[i], sizeof(ids[i])) != 0)
			ids[kept++] = ids[i];
	return kept;
}

/* ---- buckets ---- */

static int append_number(uint32_t **list, uint32_t *n, uint32_t *room, uint32_t number,
			 struct error *err)
{
	if (*n == *room) {
		uint32_t more = MAX(2 * *room, 8u);
		uint32_t *grown = reallocarray(*list, more, sizeof(*grown));
		if (!grown)
			return no_memory(err);
		*list = grown;
		*room = more;
	}
	(*list)[(*n)++] = number;
	return 0;
}

static int write_segment(struct idsort *sort, struct bucket *bucket, const struct chunk_id *ids,
			 struct error *err)
{
	int rc = sort->temp < 0 ? temp_open(&sort->temp, err) : 0;
	if (rc < 0)
		return rc;
	uint32_t number = sort->n_free ? sort->free[--sort->n_free] : sort->n_segments++;
	rc = append_number(&bucket->segments, &bucket->n_segments, &bucket->segment_room, number,
			   err);
	return rc < 0 ? rc
		      : temp_write(sort->temp, ids, SEGMENT_BYTES, (uint64_t)number * SEGMENT_BYTES,
				   err);
}

/* Takes all ids out of a bucket, sorted, each once; its segments are free then. */
static int load(struct idsort *sort, struct bucket *bucket, struct chunk_id **ret, size_t *ret_n,
		struct error *err)
{
	size_t n = (size_t)bucket->n_segments * SEGMENT_IDS + bucket->n;
	CLEANUP(free_cleanup) struct chunk_id *ids = calloc(MAX(n, (size_t)1), sizeof(*ids));
	if (!ids)
		return no_memory(err);
	for (uint32_t i = 0; i < bucket->n_segments; i++) {
		uint32_t number = bucket->segments[i];
		int rc = temp_read(sort->temp, ids + (size_t)i * SEGMENT_IDS, SEGMENT_BYTES,
				   (uint64_t)number * SEGMENT_BYTES, err);
		if (rc == 0)
			rc = append_number(&sort->free, &sort->n_free, &sort->free_room, number,
					   err);
		if (rc < 0)
			return rc;
	}
	if (bucket->n > 0)
		memcpy(ids + (size_t)bucket->n_segments * SEGMENT_IDS, bucket->ids,
		       bucket->n * sizeof(*ids));
	bucket->n_segments = 0;
	bucket->n = 0;
	int rc = sort_ids(&ids, n, err);
	if (rc < 0)
		return rc;
	*ret_n = unique(ids, n);
	*ret = steal(&ids);
	return 0;
}

static int compact(struct idsort *sort, struct bucket *bucket, struct error *err)
{
	CLEANUP(free_cleanup) struct chunk_id *ids = NULL;
	size_t n, at = 0;
	int rc = load(sort, bucket, &ids, &n, err);
	for (; rc == 0 && n - at >= SEGMENT_IDS; at += SEGMENT_IDS)
		rc = write_segment(sort, bucket, ids + at, err);
	if (rc < 0)
		return rc;
	bucket->n = (uint32_t)(n - at);
	memcpy(bucket->ids, ids + at, bucket->n * sizeof(*ids));
	bucket->compact_at = MAX(2 * bucket->n_segments, COMPACT_MIN);
	return 0;
}

static int flush(struct idsort *sort, struct bucket *bucket, struct error *err)
{
	int rc = write_segment(sort, bucket, bucket->ids, err);
	if (rc < 0)
		return rc;
	bucket->n = 0;
	return bucket->n_segments >= MAX(bucket->compact_at, COMPACT_MIN)
		       ? compact(sort, bucket, err)
		       : 0;
}

int idsort_add(struct idsort *sort, const struct chunk_id *id, struct error *err)
{
	assert(sort->next_bucket == 0);
	struct bucket *bucket =
		&sort->buckets[id->bytes[0] << 2 | id->bytes[1] >> (16 - BUCKET_BITS)];
	if (bucket->n == bucket->room) {
		uint32_t room = bucket->room ? 2 * bucket->room : 16;
		struct chunk_id *grown = reallocarray(bucket->ids, room, sizeof(*grown));
		if (!grown)
			return no_memory(err);
		bucket->ids = grown;
		bucket->room = room;
	}
	bucket->ids[bucket->n++] = *id;
	return bucket->n == SEGMENT_IDS ? flush(sort, bucket, err) : 0;
}

int idsort_next(struct idsort *sort, struct chunk_id *ret, struct error *err)
{
	while (sort->at == sort->n) {
		if (sort->next_bucket == BUCKETS)
			return 0;
		struct bucket *bucket = &sort->buckets[sort->next_bucket++];
		free(steal(&sort->ids));
		sort->at = sort->n = 0;
		int rc = load(sort, bucket, &sort->ids, &sort->n, err);
		if (rc < 0)
			return rc;
		free(steal(&bucket->ids));
		bucket->room = 0;
	}
	*ret = sort->ids[sort->at++];
	return 1;
}
