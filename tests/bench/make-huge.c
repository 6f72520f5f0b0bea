/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * make-huge - writes a repository as large as nobody has at hand: real indexes, chunk maps in real
 * packs, and restore points; of the data's packs there are only the names, in files without bytes.
 *
 *   make-huge DIR TIB POINTS
 *
 * Ten servers are backed up in turn. A point shares all but a few runs of chunks with the one
 * before it of the same server; TIB is what all points together store. Chunk ids are made up. What
 * can be measured: listing, mounting, adding a small backup, and `prune --dry-run`.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lunette/bytes.h"
#include "lunette/chunkmap.h"
#include "lunette/repo-parts.h"

#define SERVERS     10
#define CHUNK       ((uint64_t)REPO_CHUNK_DEFAULT)
#define PACK_CHUNKS 128 /* of data, not compressed */
/* Half of all chunks come with the first backup of each server. */
#define RUN_CHUNKS 256        /* what changed lies together */
#define SEGMENT    (4u << 20) /* entries of an index */

/**
 * struct server - what the last restore point of a server holds
 * @salts: one a run: its chunks' ids are made from the run's number and this
 * @leaves: ids of the leaves of its chunk map; zero: it has changed since
 */
struct server {
	uint64_t n_runs;
	uint32_t *salts;
	struct chunk_id *leaves;
};

struct huge {
	const char *dir;
	struct repo *repo;
	uint64_t seed;
	struct server servers[SERVERS];
	size_t n, n_packs;
	struct index_entry *entries; /* SEGMENT of them, to become an index */
	struct index_pack *packs;
	uint64_t in_pack; /* chunks of the last pack so far */
};

static void give_up(const struct error *err)
{
	fprintf(stderr, "make-huge: %s\n", err->msg);
	exit(1);
}

static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static uint64_t next_random(struct huge *huge)
{
	return mix(huge->seed++);
}

static struct chunk_id chunk_of(unsigned int server, uint64_t n, uint32_t salt)
{
	struct chunk_id id;
	uint64_t x = mix((uint64_t)server << 56 ^ (uint64_t)salt << 32 ^ n);
	for (size_t i = 0; i < sizeof(id.bytes); i += 8, x = mix(x))
		put_le64(id.bytes + i, x);
	return id;
}

static void write_index(struct huge *huge)
{
	struct error err;
	char name[65];
	if (huge->n > 0 && index_build(huge->repo->store, huge->repo->keys, huge->entries, huge->n,
				       huge->packs, huge->n_packs, name, &err) < 0)
		give_up(&err);
	huge->n = huge->n_packs = 0;
	huge->in_pack = 0;
}

/* The name of a pack of data, and a file without bytes under it. */
static void begin_pack(struct huge *huge)
{
	struct index_pack *pack = &huge->packs[huge->n_packs++];
	char key[STORE_KEY_MAX], path[4096];
	for (size_t i = 0; i < sizeof(pack->id); i += 8)
		put_le64(pack->id + i, next_random(huge));
	pack->size = (uint32_t)(16 + PACK_CHUNKS * (CHUNK + 48) + 32);
	pack_key(pack->id, key);
	snprintf(path, sizeof(path), "%s/packs/%.2s", huge->dir, key + strlen("packs/"));
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/%s", huge->dir, key);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
	if (fd < 0 || ftruncate(fd, pack->size) < 0) {
		perror(path);
		exit(1);
	}
	close(fd);
}

static void add_chunk(struct huge *huge, const struct chunk_id *id)
{
	if (huge->in_pack == 0)
		begin_pack(huge);
	struct index_entry *entry = &huge->entries[huge->n++];
	*entry = (struct index_entry){ .id = *id,
				       .pack = (uint32_t)huge->n_packs - 1,
				       .offset = (uint32_t)(16 + huge->in_pack * CHUNK),
				       .stored = (uint32_t)CHUNK,
				       .length = (uint32_t)CHUNK };
	huge->in_pack = (huge->in_pack + 1) % PACK_CHUNKS;
	if (huge->n == SEGMENT)
		write_index(huge);
}

static void add_run(struct huge *huge, unsigned int server, uint64_t run)
{
	uint32_t salt = ++huge->servers[server].salts[run];
	huge->servers[server].leaves[run * RUN_CHUNKS / CHUNKMAP_FANOUT] = (struct chunk_id){ 0 };
	for (uint64_t i = 0; i < RUN_CHUNKS; i++) {
		struct chunk_id id = chunk_of(server, run * RUN_CHUNKS + i, salt);
		add_chunk(huge, &id);
	}
}

/* Stores a node of a chunk map. */
static struct chunk_id store_node(struct huge *huge, struct repo_writer *writer,
				  struct sealer *sealer, const struct chunk_id *node)
{
	static uint8_t buf[REPO_SEAL_BOUND(CHUNKMAP_NODE)];
	struct sealed sealed = { .buf = buf };
	struct chunk_id id;
	struct error err;
	uint64_t stored;
	if (repo_identify(huge->repo, node, CHUNKMAP_NODE, &id, &err) < 0 ||
	    sealer_seal(sealer, &id, node, CHUNKMAP_NODE, &sealed, &err) < 0 ||
	    repo_writer_add_kind(writer, &id, &sealed, CHUNKMAP_NODE, PACK_KIND_MAP, &stored,
				 &err) < 0)
		give_up(&err);
	return id;
}

/* Stores the leaves that have changed, and all that is above; there is little of that. */
static struct chunk_id store_map(struct huge *huge, unsigned int server, struct repo_writer *writer,
				 struct sealer *sealer)
{
	const struct server *s = &huge->servers[server];
	uint64_t n_chunks = s->n_runs * RUN_CHUNKS, n = n_chunks / CHUNKMAP_FANOUT;
	struct chunk_id node[CHUNKMAP_FANOUT];
	for (uint64_t leaf = 0; leaf < n; leaf++) {
		if (!chunk_id_is_zero(&s->leaves[leaf]))
			continue;
		for (uint64_t i = 0; i < CHUNKMAP_FANOUT; i++) {
			uint64_t chunk = leaf * CHUNKMAP_FANOUT + i;
			node[i] = chunk_of(server, chunk, s->salts[chunk / RUN_CHUNKS]);
		}
		s->leaves[leaf] = store_node(huge, writer, sealer, node);
	}
	struct chunk_id *ids = calloc(n, sizeof(*ids));
	memcpy(ids, s->leaves, n * sizeof(*ids));
	for (unsigned int level = 1; level < chunkmap_levels(n_chunks); level++) {
		uint64_t above = (n + CHUNKMAP_FANOUT - 1) / CHUNKMAP_FANOUT;
		for (uint64_t i = 0; i < above; i++) {
			uint64_t first = i * CHUNKMAP_FANOUT;
			memset(node, 0, sizeof(node));
			memcpy(node, ids + first,
			       MIN(n - first, (uint64_t)CHUNKMAP_FANOUT) * sizeof(*ids));
			ids[i] = store_node(huge, writer, sealer, node);
		}
		n = above;
	}
	struct chunk_id root = ids[0];
	free(ids);
	return root;
}

static void write_point(struct huge *huge, unsigned int number)
{
	unsigned int server = number % SERVERS;
	uint64_t n_chunks = huge->servers[server].n_runs * RUN_CHUNKS;
	struct error err;
	struct repo_writer *writer;
	struct sealer *sealer;
	if (repo_writer_new(huge->repo, &writer, &err) < 0 ||
	    sealer_new(huge->repo, 1, &sealer, &err) < 0)
		give_up(&err);
	struct chunk_id root = store_map(huge, server, writer, sealer);
	char hex[65], name[16], time[32], id[65];
	chunk_id_hex(&root, hex);
	snprintf(name, sizeof(name), "server%u", server);
	snprintf(time, sizeof(time), "20%02u-%02u-%02uT17:00:00Z", 10 + number / SERVERS / 336,
		 1 + number / SERVERS / 28 % 12, 1 + number / SERVERS % 28);
	json_t *point =
		json_pack("{s:s, s:s, s:[{s:s, s:I, s:i, s:I, s:{s:s, s:I}}]}", "name", name,
			  "time", time, "disks", "name", "disk0", "size",
			  (json_int_t)(n_chunks * CHUNK), "sector_size", 512, "chunk_size",
			  (json_int_t)CHUNK, "map", "root", hex, "chunks", (json_int_t)n_chunks);
	if (repo_writer_commit(writer, point, id, &err) < 0)
		give_up(&err);
	json_decref(point);
	sealer_free(sealer);
	repo_writer_free(writer);
}

int main(int argc, char **argv)
{
	double tib = argc == 4 ? strtod(argv[2], NULL) : 0;
	unsigned int points = argc == 4 ? (unsigned int)strtoul(argv[3], NULL, 10) : 0;
	if (tib <= 0 || points < 2 * SERVERS) {
		fprintf(stderr, "Usage: make-huge DIR TIB POINTS, at least %d\n", 2 * SERVERS);
		return 2;
	}
	struct error err;
	struct huge huge = { .dir = argv[1] };
	const struct repo_settings settings = { .chunk_size = (uint32_t)CHUNK };
	if (repo_init(argv[1], &settings, &err) < 0 ||
	    repo_open(argv[1], NULL, &huge.repo, &err) < 0)
		give_up(&err);
	huge.entries = calloc(SEGMENT, sizeof(*huge.entries));
	huge.packs = calloc(SEGMENT / PACK_CHUNKS + 1, sizeof(*huge.packs));
	uint64_t runs = (uint64_t)(tib * (double)(1ull << 40)) / CHUNK / RUN_CHUNKS;
	char path[4096];
	snprintf(path, sizeof(path), "%s/packs", argv[1]);
	mkdir(path, 0700);
	for (unsigned int i = 0; i < SERVERS; i++) {
		struct server *server = &huge.servers[i];
		/* A leaf is two runs. */
		server->n_runs = MAX(runs / 4 / SERVERS, (uint64_t)1) * 2;
		server->salts = calloc(server->n_runs, sizeof(*server->salts));
		server->leaves = calloc(server->n_runs, sizeof(*server->leaves));
	}
	for (unsigned int i = 0; i < points; i++) {
		const struct server *server = &huge.servers[i % SERVERS];
		uint64_t changed = MAX(runs / 2 / (points - SERVERS), (uint64_t)1);
		for (uint64_t j = 0; j < (i < SERVERS ? server->n_runs : changed); j++)
			add_run(&huge, i % SERVERS,
				i < SERVERS ? j : next_random(&huge) % server->n_runs);
		write_point(&huge, i);
	}
	write_index(&huge);
	repo_close(huge.repo);
	for (unsigned int i = 0; i < SERVERS; i++) {
		free(huge.servers[i].salts);
		free(huge.servers[i].leaves);
	}
	free(huge.entries);
	free(huge.packs);
	return 0;
}
