/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * index-build - writes an index from entries in the order of their ids. See index.h.
 *
 * The header proves everything and comes first, and is known last: pages wait in a buffer, and in a
 * temporary file when there are many, so that an index may be larger than memory.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "index-format.h"
#include "lunette/hex.h"
#include "lunette/index.h"
#include "temp.h"

#define BUFFER_PAGES 1024u /* 4 MiB */

struct index_builder {
	struct store *store;
	const struct keys *keys;
	uint32_t n_packs;
	uint64_t pack_pages;
	uint64_t n; /* entries so far */
	struct chunk_id last;
	uint8_t seed[INDEX_SEED];
	uint8_t *packs;  /* their pages */
	uint8_t *sums;   /* of all complete pages */
	size_t sum_room; /* pages that @sums has room for */
	uint64_t n_sums;
	int temp;        /* pages of entries that have left the buffer; -1 when there are none */
	uint64_t parked; /* how many */
	size_t buffered; /* complete pages of entries in the buffer */
	uint8_t *buffer; /* BUFFER_PAGES, the first that is not complete being filled */
};

static int no_memory(struct error *err)
{
	return error_set(err, -ENOMEM, "write an index: %m");
}

static void put_entry(uint8_t *p, const struct index_entry *entry)
{
	memcpy(p, entry->id.bytes, 32);
	put_le32(p + 32, entry->pack);
	put_le32(p + 36, entry->offset);
	put_le32(p + 40, entry->stored);
	put_le32(p + 44, entry->length | (uint32_t)entry->codec << 24);
}

static void put_pack(uint8_t *p, const struct index_pack *pack)
{
	memcpy(p, pack->id, 32);
	put_le32(p + 32, pack->size);
}

/* Sets the proof of the next page, and remembers it. */
static int prove_page(struct index_builder *builder, uint8_t *page, struct error *err)
{
	if (builder->n_sums == builder->sum_room) {
		size_t room = MAX(2 * builder->sum_room, (size_t)BUFFER_PAGES);
		uint8_t *grown = reallocarray(builder->sums, room, INDEX_SUM);
		if (!grown)
			return no_memory(err);
		builder->sums = grown;
		builder->sum_room = room;
	}
	int rc = index_page_seal(builder->keys, page, builder->seed, 1 + builder->n_sums, err);
	if (rc < 0)
		return rc;
	memcpy(builder->sums + builder->n_sums++ * INDEX_SUM, page, INDEX_SUM);
	return 0;
}

static int write_packs(struct index_builder *builder, const struct index_pack *packs,
		       struct error *err)
{
	builder->packs = calloc(builder->pack_pages, INDEX_PAGE);
	if (!builder->packs)
		return no_memory(err);
	for (size_t i = 0; i < builder->n_packs; i++)
		put_pack(builder->packs + i / INDEX_PACKS_A_PAGE * INDEX_PAGE + INDEX_SUM +
				 i % INDEX_PACKS_A_PAGE * INDEX_PACK_BYTES,
			 &packs[i]);
	int rc = index_seed(builder->keys, builder->packs, builder->pack_pages * INDEX_PAGE,
			    builder->seed, err);
	for (uint64_t i = 0; rc == 0 && i < builder->pack_pages; i++)
		rc = prove_page(builder, builder->packs + i * INDEX_PAGE, err);
	return rc;
}

int index_builder_new(struct store *store, const struct keys *keys, const struct index_pack *packs,
		      size_t n_packs, struct index_builder **ret, struct error *err)
{
	assert(n_packs > 0 && n_packs <= UINT32_MAX);
	CLEANUP(index_builder_free_cleanup)
	struct index_builder *builder = calloc(1, sizeof(*builder));
	if (!builder)
		return no_memory(err);
	builder->temp = -1;
	builder->store = store;
	builder->keys = keys;
	builder->n_packs = (uint32_t)n_packs;
	builder->pack_pages = index_pack_pages(n_packs);
	builder->buffer = calloc(BUFFER_PAGES, INDEX_PAGE);
	if (!builder->buffer)
		return no_memory(err);
	int rc = write_packs(builder, packs, err);
	if (rc < 0)
		return rc;
	*ret = steal(&builder);
	return 0;
}

void index_builder_free(struct index_builder *builder)
{
	if (!builder)
		return;
	if (builder->temp >= 0)
		close(builder->temp);
	free(builder->packs);
	free(builder->sums);
	free(builder->buffer);
	free(builder);
}

/* Makes room in the buffer. */
static int park(struct index_builder *builder, struct error *err)
{
	int rc = builder->temp < 0 ? temp_open(&builder->temp, err) : 0;
	if (rc == 0)
		rc = temp_write(builder->temp, builder->buffer, BUFFER_PAGES * INDEX_PAGE,
				builder->parked * INDEX_PAGE, err);
	if (rc < 0)
		return rc;
	builder->parked += BUFFER_PAGES;
	builder->buffered = 0;
	memset(builder->buffer, 0, BUFFER_PAGES * INDEX_PAGE);
	return 0;
}

static int finish_page(struct index_builder *builder, struct error *err)
{
	int rc = prove_page(builder, builder->buffer + builder->buffered * INDEX_PAGE, err);
	if (rc == 0 && ++builder->buffered == BUFFER_PAGES)
		rc = park(builder, err);
	return rc;
}

int index_builder_add(struct index_builder *builder, const struct index_entry *entry,
		      struct error *err)
{
	assert(entry->pack < builder->n_packs);
	assert(builder->n == 0 || memcmp(&builder->last, &entry->id, sizeof(entry->id)) < 0);
	size_t at = (size_t)(builder->n % INDEX_CHUNKS_A_PAGE);
	put_entry(builder->buffer + builder->buffered * INDEX_PAGE + INDEX_SUM +
			  at * INDEX_ENTRY_BYTES,
		  entry);
	builder->last = entry->id;
	builder->n++;
	return at + 1 == INDEX_CHUNKS_A_PAGE ? finish_page(builder, err) : 0;
}

static int make_header(const struct index_builder *builder, uint8_t page[INDEX_PAGE],
		       struct error *err)
{
	memset(page, 0, INDEX_PAGE);
	memcpy(page, INDEX_MAGIC, 8);
	put_le32(page + 8, INDEX_VERSION);
	put_le32(page + 12, builder->keys ? INDEX_ENCRYPTED : 0);
	put_le64(page + 16, builder->n);
	put_le32(page + 24, builder->n_packs);
	int rc = digest(builder->sums, builder->n_sums * INDEX_SUM, page + 40, err);
	return rc < 0 ? rc : index_header_seal(builder->keys, page, builder->seed, err);
}

/* The parts of an index as one source: header, packs, what waits in the file, the buffer. */
struct index_source {
	struct store_source source;
	const struct index_builder *builder;
	const uint8_t *header;
};
static int source_read(const struct store_source *source, void *buf, size_t len, uint64_t off,
		       struct error *err)
{
	const struct index_source *s = (const struct index_source *)source;
	const struct index_builder *builder = s->builder;
	const struct {
		const uint8_t *buf; /* NULL: it is in the file */
		uint64_t pages;
	} parts[] = {
		{ s->header, 1 },
		{ builder->packs, builder->pack_pages },
		{ NULL, builder->parked },
		{ builder->buffer, builder->buffered },
	};
	uint8_t *to = buf;
	uint64_t start = 0;
	for (size_t i = 0; i < ARRAY_SIZE(parts) && len > 0; i++) {
		uint64_t end = start + parts[i].pages * INDEX_PAGE;
		size_t n = off < end ? (size_t)MIN((uint64_t)len, end - off) : 0;
		int rc = 0;
		if (parts[i].buf && n > 0)
			memcpy(to, parts[i].buf + (off - start), n);
		else if (n > 0)
			rc = temp_read(builder->temp, to, n, off - start, err);
		if (rc < 0)
			return rc;
		to += n;
		off += n;
		len -= n;
		start = end;
	}
	return 0;
}

int index_builder_finish(struct index_builder *builder, char ret_name[65], struct error *err)
{
	assert(builder->n > 0);
	uint8_t header[INDEX_PAGE], name[DIGEST_SIZE];
	int rc = builder->n % INDEX_CHUNKS_A_PAGE ? finish_page(builder, err) : 0;
	if (rc == 0)
		rc = make_header(builder, header, err);
	if (rc == 0)
		rc = digest(header, sizeof(header), name, err);
	if (rc < 0)
		return rc;
	hex_text(name, sizeof(name), ret_name);
	char key[STORE_KEY_MAX];
	snprintf(key, sizeof(key), INDEX_FOLDER "/%s", ret_name);
	static const struct store_source_ops ops = { .read = source_read };
	const struct index_source source = {
		.source = { .ops = &ops,
			    .size = (1 + builder->pack_pages + builder->parked +
				     builder->buffered) *
				    INDEX_PAGE },
		.builder = builder,
		.header = header,
	};
	return store_put(builder->store, key, &source.source, STORE_TWIN, err);
}

static int by_id(const void *a, const void *b)
{
	const struct index_entry *x = a, *y = b;
	return memcmp(x->id.bytes, y->id.bytes, sizeof(x->id.bytes));
}

int index_build(struct store *store, const struct keys *keys, struct index_entry *entries, size_t n,
		const struct index_pack *packs, size_t n_packs, char ret_name[65],
		struct error *err)
{
	qsort(entries, n, sizeof(*entries), by_id);
	CLEANUP(index_builder_free_cleanup) struct index_builder *builder = NULL;
	int rc = index_builder_new(store, keys, packs, n_packs, &builder, err);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = index_builder_add(builder, &entries[i], err);
	return rc < 0 ? rc : index_builder_finish(builder, ret_name, err);
}
