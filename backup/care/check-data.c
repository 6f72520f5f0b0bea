/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * check-data - reads packs, in parallel and each from its beginning to its end, and proves every
 * chunk in them.
 *
 * A chunk that is damaged at one place may be well at another one: it is bad only when it cannot be
 * read at all. Packs whose table is damaged are not read as packs; what indexes know of them is
 * read chunk by chunk, so that what is well in them is told from what is not.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "check-private.h"
#include "lunette/ordered.h"

/* A piece of a pack is read in one go: up to so many bytes and chunks, but at least one chunk. */
#define PIECE_BYTES  ((uint32_t)REPO_CHUNK_MAX)
#define PIECE_CHUNKS 256u

/**
 * struct pack_piece - a run of a pack's chunks
 * @bad: for each of @entries 0, or why it cannot be had: -EUCLEAN when it is damaged
 * @sealed: room for what is read, grows to what is needed
 * @opened: room for a chunk
 */
struct pack_piece {
	struct check_pack *pack;
	uint32_t n;
	struct pack_entry entries[PIECE_CHUNKS];
	int bad[PIECE_CHUNKS];
	size_t sealed_room;
	uint8_t *sealed;
	size_t opened_room;
	uint8_t *opened;
};

/**
 * struct data - reading the data of packs
 * @total: bytes of the packs that are chosen
 * @next: pack to be looked at
 * @pack: whose chunks are given out; its table, and the next chunk
 * @n_bad: chunks of @bad_pack, whose last piece has not been seen yet, that are damaged
 * @n_unread: those of it that cannot be read
 */
struct data {
	struct check *check;
	uint64_t total;
	size_t next;
	struct check_pack *pack;
	struct pack_table *table;
	uint32_t entry;
	size_t n_pieces;
	struct pack_piece *pieces;
	struct check_pack *bad_pack;
	uint64_t n_bad;
	uint64_t n_unread;
};

static void data_cleanup(struct data *data)
{
	for (size_t i = 0; i < data->n_pieces; i++) {
		free(data->pieces[i].sealed);
		free(data->pieces[i].opened);
	}
	free(data->pieces);
	free(data->table);
}

/* NULL when there are no more. */
static struct check_pack *chosen_pack(struct data *data)
{
	while (data->next < data->check->n_packs) {
		struct check_pack *pack = &data->check->packs[data->next++];
		if (pack->chosen)
			return pack;
	}
	return NULL;
}

/* Goes on to the next pack, if there is one. One that was pruned meanwhile is passed over. */
static int next_pack(struct data *data, struct error *err)
{
	for (;;) {
		free(steal(&data->table));
		data->entry = 0;
		data->pack = chosen_pack(data);
		if (!data->pack)
			return 0;
		struct error why = { 0 };
		int rc = pack_table_read(data->check->repo, data->pack->id, data->pack->size,
					 &data->table, &why);
		if (rc == -ENOMEM)
			return error_copy(err, rc, &why);
		if (rc == 0) {
			data->check->result->packs_read++;
			return 0;
		}
		data->pack->damaged = true;
		char key[STORE_KEY_MAX];
		pack_key(data->pack->id, key);
		rc = rc == -ENOENT ? 0 : check_problem(data->check, key, rc, why.msg, err);
		if (rc < 0)
			return rc;
	}
}

static int next_piece(void *ctx, size_t slot, struct error *err)
{
	struct data *data = ctx;
	struct pack_piece *piece = &data->pieces[slot];
	int rc = check_stopped(data->check, err);
	if (rc == 0 && (!data->table || data->entry == data->table->n))
		rc = next_pack(data, err);
	if (rc < 0 || !data->pack)
		return rc;
	piece->pack = data->pack;
	piece->n = 0;
	uint64_t bytes = 0;
	while (data->entry < data->table->n && piece->n < PIECE_CHUNKS) {
		const struct pack_entry *entry = &data->table->entries[data->entry];
		if (piece->n > 0 && bytes + entry->stored > PIECE_BYTES)
			break;
		bytes += entry->stored;
		piece->entries[piece->n++] = *entry;
		data->entry++;
	}
	return 1;
}

static int make_room(uint8_t **buf, size_t *room, size_t len, struct error *err)
{
	if (*room >= len && *buf)
		return 0;
	free(steal(buf));
	*room = 0;
	*buf = malloc(len + 1);
	if (!*buf)
		return error_set(err, -ENOMEM, "read a pack: %m");
	*room = len;
	return 0;
}

static int read_piece(struct repo *repo, const struct pack_piece *piece,
		      const struct pack_entry *first, size_t len, struct error *err)
{
	char key[STORE_KEY_MAX];
	pack_key(piece->pack->id, key);
	return store_read(repo->store, key, piece->sealed, len, first->offset, err);
}

/* When the piece cannot be read in one go, each chunk of it is tried for itself. */
static int prove_piece(void *ctx, size_t slot, unsigned int worker, struct error *err)
{
	(void)worker;
	struct data *data = ctx;
	struct repo *repo = data->check->repo;
	struct pack_piece *piece = &data->pieces[slot];
	const struct pack_entry *first = &piece->entries[0], *last = first + piece->n - 1;
	size_t len = last->offset + last->stored - first->offset;
	int rc = make_room(&piece->sealed, &piece->sealed_room, len, err);
	if (rc < 0)
		return rc;
	bool whole = read_piece(repo, piece, first, len, NULL) == 0;
	for (uint32_t i = 0; i < piece->n; i++) {
		const struct pack_entry *entry = &piece->entries[i];
		rc = make_room(&piece->opened, &piece->opened_room, entry->length, err);
		if (rc < 0)
			return rc;
		rc = whole ? repo_open_chunk(repo, &entry->id,
					     piece->sealed + (entry->offset - first->offset),
					     entry->stored, entry->codec, piece->opened,
					     entry->length, err)
			   : pack_chunk_read(repo, piece->pack->id, entry, piece->opened, err);
		if (rc == -ENOMEM)
			return rc;
		piece->bad[i] = rc == -ENOENT ? 0 : rc; /* the pack was pruned meanwhile */
	}
	return 0;
}

/* Can it not be read from anywhere? */
static int note_bad(struct check *check, const struct chunk_id *id, uint32_t length,
		    struct error *err)
{
	CLEANUP(free_cleanup) uint8_t *buf = malloc(length);
	if (!buf)
		return error_set(err, -ENOMEM, "read a chunk: %m");
	if (repo_read(check->repo, id, buf, length, NULL) == 0)
		return 0;
	bool new;
	int rc = id_set_add(check->bad, id, &new, err);
	if (rc != -ENOSPC)
		return rc;
	check->bad_more = true;
	return 0;
}

/* One sentence for all bad chunks of a pack, when its last piece has been seen. */
static int say_bad(struct data *data, struct error *err)
{
	char key[STORE_KEY_MAX], what[96];
	if (!data->bad_pack)
		return 0;
	pack_key(data->bad_pack->id, key);
	data->bad_pack = NULL;
	int rc = 0;
	snprintf(what, sizeof(what), "%" PRIu64 " of its chunks %s damaged", data->n_bad,
		 data->n_bad == 1 ? "is" : "are");
	if (data->n_bad > 0)
		rc = check_problem(data->check, key, -EUCLEAN, what, err);
	snprintf(what, sizeof(what), "%" PRIu64 " of its chunks cannot be read", data->n_unread);
	if (rc == 0 && data->n_unread > 0)
		rc = check_problem(data->check, key, -EIO, what, err);
	data->n_bad = data->n_unread = 0;
	return rc;
}

static int take_piece(void *ctx, size_t slot, struct error *err)
{
	struct data *data = ctx;
	struct check *check = data->check;
	const struct pack_piece *piece = &data->pieces[slot];
	int rc = data->bad_pack != piece->pack ? say_bad(data, err) : 0;
	for (uint32_t i = 0; rc == 0 && i < piece->n; i++) {
		const struct pack_entry *entry = &piece->entries[i];
		check->result->data_read += entry->stored;
		if (!piece->bad[i])
			continue;
		data->bad_pack = piece->pack;
		*(piece->bad[i] == -EUCLEAN ? &data->n_bad : &data->n_unread) += 1;
		rc = note_bad(check, &entry->id, entry->length, err);
	}
	if (rc == 0 && check->opts->progress)
		check->opts->progress(check->opts->ctx, check->result->data_read, data->total);
	return rc;
}

static int read_packs(struct data *data, struct error *err)
{
	static const struct ordered_ops ops = { .next = next_piece,
						.work = prove_piece,
						.take = take_piece };
	unsigned int threads = data->check->opts->threads;
	size_t depth = 2 * (size_t)threads + 2;
	data->pieces = calloc(depth, sizeof(*data->pieces));
	if (!data->pieces)
		return error_set(err, -ENOMEM, "read packs: %m");
	data->n_pieces = depth;
	int rc = ordered_run(&ops, data, threads, depth, err);
	return rc < 0 ? rc : say_bad(data, err);
}

/* ---- packs that cannot be believed -------------------------------------------------------------
 */

static int doubt_entries(struct check *check, struct index *index, struct error *err)
{
	CLEANUP(index_cursor_free_cleanup) struct index_cursor *cursor = NULL;
	int rc = index_cursor_new(index, &cursor, err);
	if (rc < 0)
		return rc;
	uint32_t n;
	const struct index_pack *packs = index_cursor_packs(cursor, &n);
	struct index_entry entry;
	while ((rc = index_cursor_next(cursor, &entry, err)) > 0) {
		const struct check_pack *pack = check_find_pack(check, packs[entry.pack].id);
		if (!pack || !pack->damaged)
			continue;
		rc = check_stopped(check, err);
		if (rc == 0)
			rc = note_bad(check, &entry.id, entry.length, err);
		if (rc < 0)
			return rc;
	}
	return rc;
}

static int doubt_index(void *ctx, const char *name, struct index *index, const struct error *why,
		       struct error *err)
{
	(void)name, (void)why;
	int rc = index ? doubt_entries(ctx, index, err) : 0;
	return rc == -ENOMEM || rc == -EINTR ? rc : 0; /* other damage has been told of */
}

int check_data(struct check *check, struct error *err)
{
	CLEANUP(data_cleanup) struct data data = { .check = check };
	bool doubts = false;
	int rc = check_choose(check, err);
	for (size_t i = 0; rc == 0 && i < check->n_packs; i++) {
		const struct check_pack *pack = &check->packs[i];
		doubts |= pack->damaged && pack->n > 0;
		data.total += pack->chosen ? pack->size : 0;
	}
	if (rc == 0 && data.total > 0)
		rc = read_packs(&data, err);
	if (rc == 0 && doubts)
		rc = catalog_each(check->repo->catalog, doubt_index, check, err);
	return rc;
}
