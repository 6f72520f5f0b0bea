/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "lunette/document.h"
#include "index-format.h"
#include "lunette/hex.h"
#include "lunette/key-document.h"
#include "lunette/repo-keys.h"
#include "lunette/pack-read.h"
#include "cheap-scrypt.h"
#include "repo-fixture.h"
#include "store-mem.h"

#define PASSWORD "correct horse"
#define NAME     "mail.example"
#define TIME     "2026-11-22T17:00:00Z"
#define SEED     5
#define N        6

/*
 * scrypt takes its time: two repositories with a backup each are made once, and tests work on
 * copies, which they open with the exported key.
 */
static struct made {
	struct store_mem *mem;
	char *key;
} made[2];

static struct store_mem *copy_of(const struct store_mem *mem)
{
	struct store_mem *copy = store_mem_new();
	for (size_t i = 0; i < mem->n; i++)
		store_mem_set(copy, mem->entries[i].key, mem->entries[i].bytes,
			      mem->entries[i].len);
	return copy;
}

static int open_mem(struct store_mem *mem, const char *key, struct repo **ret, struct error *err)
{
	const struct repo_open_options options = { .exported = key };
	return repo_open_store(&mem->store, "mem", &options, ret, err);
}

static void make(struct made *to)
{
	const struct repo_settings settings = { .chunk_size = CHUNK, .password = PASSWORD };
	const struct repo_open_options options = { .password = PASSWORD };
	struct store_mem *mem = store_mem_new();
	struct repo *repo;
	char id[65];
	ok(config_create(&mem->store, &settings, err));
	ok(repo_open_store(&mem->store, "mem", &options, &repo, err));
	ok(fixture_backup(repo, NAME, TIME, N, SEED, id, NULL, err));
	ok(repo_key_export(repo, &to->key, err));
	to->mem = copy_of(mem);
	repo_close(repo);
}

static int make_both(void **state)
{
	(void)state;
	make(&made[0]);
	make(&made[1]);
	return 0;
}

static int free_both(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(made); i++) {
		store_free(&made[i].mem->store);
		repo_key_text_free(made[i].key);
	}
	return 0;
}

static int setup(void **state)
{
	struct repo *repo;
	ok(open_mem(copy_of(made[0].mem), made[0].key, &repo, err));
	*state = repo;
	return 0;
}

static int teardown(void **state)
{
	repo_close(*state);
	return 0;
}

static struct store_mem *mem_of(struct repo *repo)
{
	return (struct store_mem *)repo->store;
}

/* The first object of a folder, or NULL. */
static struct mem_entry *first_of(struct store_mem *mem, const char *folder)
{
	for (size_t i = 0; i < mem->n; i++)
		if (strncmp(mem->entries[i].key, folder, strlen(folder)) == 0)
			return &mem->entries[i];
	return NULL;
}

/* ---- what is examined: every object, all the ways that anybody reads it ---- */

struct seen {
	struct repo *repo;
	size_t points;
	size_t damaged;
};

static int see_point(void *ctx, const char id[65], const json_t *point, struct error *err)
{
	(void)id;
	struct seen *seen = ctx;
	seen->points++;
	return fixture_verify(seen->repo, point, SEED, err);
}

static void see_damage(void *ctx, const struct error *why)
{
	(void)why;
	((struct seen *)ctx)->damaged++;
}

static int see_key(void *ctx, const struct repo_key *key, struct error *err)
{
	(void)ctx, (void)key, (void)err;
	return 0;
}

static int read_pack(struct repo *repo, const char *key, struct error *err)
{
	struct chunk_id id;
	CLEANUP(free_cleanup) struct pack_table *table = NULL;
	CLEANUP(free_cleanup) uint8_t *buf = malloc(REPO_CHUNK_MAX);
	assert_true(chunk_id_parse(strrchr(key, '/') + 1, &id));
	int rc = pack_table_read(repo, id.bytes, 0, &table, err);
	for (uint32_t i = 0; rc == 0 && i < table->n; i++)
		rc = pack_chunk_read(repo, id.bytes, &table->entries[i], buf, err);
	return rc;
}

static int read_index(struct repo *repo, const char *key, struct error *err)
{
	CLEANUP(pages_free_cleanup) struct pages *pages = NULL;
	CLEANUP(index_close_cleanup) struct index *index = NULL;
	CLEANUP(index_cursor_free_cleanup) struct index_cursor *cursor = NULL;
	struct index_entry entry;
	int rc = pages_new(&pages, err);
	if (rc == 0)
		rc = index_open(repo->store, repo->keys, pages, 1, strrchr(key, '/') + 1, &index,
				err);
	if (rc == 0)
		rc = index_cursor_new(index, &cursor, err);
	if (rc == 0)
		while ((rc = index_cursor_next(cursor, &entry, err)) > 0)
			;
	return rc;
}

static int read_all(struct repo *repo, struct error *err)
{
	struct store_mem *mem = mem_of(repo);
	struct seen seen = { .repo = repo };
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < mem->n; i++) {
		if (strncmp(mem->entries[i].key, "packs/", 6) == 0)
			rc = read_pack(repo, mem->entries[i].key, err);
		else if (strncmp(mem->entries[i].key, "index/", 6) == 0)
			rc = read_index(repo, mem->entries[i].key, err);
	}
	if (rc == 0)
		rc = repo_points(repo, NULL, see_point, &seen, see_damage, err);
	if (rc == 0)
		rc = repo_keys(repo, see_key, &seen, see_damage, err);
	if (rc == 0 && (seen.damaged || seen.points != 1))
		rc = error_set(err, -EUCLEAN, "%zu are damaged, %zu points", seen.damaged,
			       seen.points);
	return rc;
}

/* Opens a copy anew and reads all of it: 0 when all is as it was stored. */
static int examine(struct store_mem *mem, const char *key, struct error *err)
{
	CLEANUP(repo_close_cleanup) struct repo *repo = NULL;
	int rc = open_mem(copy_of(mem), key, &repo, err);
	return rc < 0 ? rc : read_all(repo, err);
}

/* ---- the tests ---- */

static void what_was_stored_comes_back(void **state)
{
	struct error why;
	ok(read_all(*state, err));
	ok(examine(made[1].mem, made[1].key, err));
	assert_int_equal(examine(made[1].mem, made[0].key, &why), -EKEYREJECTED);
	assert_non_null(strstr(why.msg, "the key of another repository"));
}

static void the_same_again_stores_nothing(void **state)
{
	struct repo *repo = *state;
	uint64_t stored;
	char id[65];
	ok(fixture_backup(repo, NAME, "2026-11-22T18:00:00Z", N, SEED, id, &stored, err));
	assert_int_equal(stored, 0);
}

static void nothing_is_in_clear(void **state)
{
	struct store_mem *mem = mem_of(*state);
	static uint8_t chunk[CHUNK];
	for (size_t i = 0; i < mem->n; i++) {
		const struct mem_entry *entry = &mem->entries[i];
		assert_null(memmem(entry->bytes, entry->len, "mail", 4));
		assert_null(memmem(entry->bytes, entry->len, "disk0", 5));
		assert_null(memmem(entry->bytes, entry->len, PASSWORD, 7));
		for (uint64_t n = 0; n < N; n++) {
			struct chunk_id plain;
			fixture_chunk(n, SEED, chunk);
			ok(digest(chunk, CHUNK, plain.bytes, err));
			assert_null(memmem(entry->bytes, entry->len, chunk, 16));
			assert_null(memmem(entry->bytes, entry->len, plain.bytes, 8));
		}
	}
}

static void ids_differ_between_repositories(void **state)
{
	struct repo *repo = *state, *other;
	struct chunk_id a, b, plain;
	ok(open_mem(copy_of(made[1].mem), made[1].key, &other, err));
	ok(repo_identify(repo, "abc", 3, &a, err));
	ok(repo_identify(other, "abc", 3, &b, err));
	ok(digest("abc", 3, plain.bytes, err));
	assert_memory_not_equal(&a, &b, sizeof(a));
	assert_memory_not_equal(&a, &plain, sizeof(a));
	repo_close(other);
}

static void no_bit_of_any_object_can_change_unnoticed(void **state)
{
	(void)state;
	struct store_mem *mem = copy_of(made[0].mem);
	ok(examine(mem, made[0].key, err));
	for (size_t i = 0; i < mem->n; i++) {
		struct mem_entry *entry = &mem->entries[i];
		/* All of what is small, and of the ends of what is large; else samples. */
		for (size_t at = 0; at < entry->len;
		     at += at < 64 || entry->len - at <= 512 ? 1 : 1 + entry->len / 100) {
			uint8_t bit = (uint8_t)(1 << at % 8);
			entry->bytes[at] ^= bit;
			int rc = examine(mem, made[0].key, NULL);
			entry->bytes[at] ^= bit;
			if (rc >= 0 || rc == -EILSEQ)
				fail_msg("%s: byte %zu: %d", entry->key, at, rc);
		}
	}
	store_free(&mem->store);
}

static void chunks_of_a_pack_cannot_change_places(void **state)
{
	struct repo *repo = *state;
	struct mem_entry *entry = first_of(mem_of(repo), "packs/");
	struct chunk_id id;
	struct pack_table *table;
	struct error why;
	assert_true(chunk_id_parse(strrchr(entry->key, '/') + 1, &id));
	ok(pack_table_read(repo, id.bytes, 0, &table, err));
	/* Both do not compress, and are equally long. */
	struct pack_entry *a = &table->entries[0], *b = &table->entries[3];
	static uint8_t t[REPO_SEAL_BOUND(CHUNK)], buf[CHUNK];
	assert_int_equal(a->stored, REPO_SEAL_BOUND(CHUNK));
	assert_int_equal(b->stored, REPO_SEAL_BOUND(CHUNK));
	memcpy(t, entry->bytes + a->offset, sizeof(t));
	memcpy(entry->bytes + a->offset, entry->bytes + b->offset, sizeof(t));
	memcpy(entry->bytes + b->offset, t, sizeof(t));
	assert_int_equal(pack_chunk_read(repo, id.bytes, a, buf, &why), -EUCLEAN);
	assert_non_null(strstr(why.msg, "does not open with the key"));
	assert_int_equal(repo_read(repo, &a->id, buf, CHUNK, NULL), -EUCLEAN);
	free(table);
}

static void objects_of_another_repository_do_not_pass(void **state)
{
	(void)state;
	static const char *const folders[] = { "packs/", "index/", "points/", "keys/" };
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		struct store_mem *mem = copy_of(made[0].mem);
		struct mem_entry *theirs = first_of(made[1].mem, folders[i]);
		store_mem_set(mem, theirs->key, theirs->bytes, theirs->len);
		assert_int_equal(examine(mem, made[0].key, NULL), -EUCLEAN);
		store_free(&mem->store);
	}
}

static void a_document_belongs_to_its_folder(void **state)
{
	struct repo *repo = *state;
	char id[65], key[STORE_KEY_MAX];
	json_t *document = json_pack("{s:i}", "a", 1), *read;
	ok(document_put(repo, "here", document, id, err));
	json_decref(document);
	ok(document_get(repo, "here", id, 100, &read, err));
	json_decref(read);
	snprintf(key, sizeof(key), "here/%s", id);
	struct mem_entry *entry = store_mem_find(mem_of(repo), key);
	uint8_t copy[256];
	size_t len = entry->len;
	memcpy(copy, entry->bytes, len);
	snprintf(key, sizeof(key), "there/%s", id);
	store_mem_set(mem_of(repo), key, copy, len);
	assert_int_equal(document_get(repo, "there", id, 100, &read, NULL), -EUCLEAN);
}

static void what_is_not_encrypted_is_not_taken(void **state)
{
	struct repo *repo = *state;
	struct store *store = repo->store;
	char id[65], name[65];
	json_t *point;
	/* As somebody would who can write to the store, and has no key. */
	struct chunk_id root = { { 1 } };
	json_t *manifest = fixture_point("srv", TIME, 1, &root);
	json_object_set_new(manifest, "format", json_string("lunette-point"));
	json_object_set_new(manifest, "version", json_integer(1));
	json_object_set_new(manifest, "features", json_array());
	char *text = json_dumps(manifest, 0);
	ok(document_put_bytes(store, "points", text, strlen(text), id, err));
	assert_int_equal(point_get(repo, id, &point, NULL), -EUCLEAN);
	free(text);
	json_decref(manifest);

	struct index_entry entry = { .id = { { 1 } }, .stored = 5, .length = 5 };
	struct index_pack pack = { .id = { 2 }, .size = 100 };
	struct error why;
	char key[STORE_KEY_MAX];
	ok(index_build(store, NULL, &entry, 1, &pack, 1, name, err));
	snprintf(key, sizeof(key), "index/%s", name);
	assert_int_equal(read_index(repo, key, &why), -EUCLEAN);
	assert_non_null(strstr(why.msg, "belongs to another repository"));

	struct pack *plain;
	struct store_draft *draft;
	uint8_t bytes[5] = { 1, 2, 3, 4, 5 };
	const struct sealed sealed = { .buf = bytes, .len = sizeof(bytes) };
	uint32_t offset;
	ok(pack_begin(store, NULL, &plain, err));
	ok(pack_add(plain, &entry.id, &sealed, 5, PACK_KIND_DATA, &offset, err));
	ok(pack_finish(plain, NULL, &draft, &pack, err));
	pack_key(pack.id, key);
	ok(store_put(store, key, &draft->source, STORE_TWIN, err));
	store_draft_free(draft);
	assert_int_equal(read_pack(repo, key, &why), -EUCLEAN);
	assert_non_null(strstr(why.msg, "belongs to another repository"));
}

/* ---- pages ---- */

static void pages_are_found_one_by_one_and_nowhere_else(void **state)
{
	enum { ENTRIES = 400, PACKS = 150 };
	struct repo *repo = *state;
	struct index_entry entries[ENTRIES];
	struct index_pack packs[PACKS], pack;
	char name[65], key[STORE_KEY_MAX];
	for (uint32_t i = 0; i < PACKS; i++)
		packs[i] = (struct index_pack){ .id = { (uint8_t)i }, .size = 100000 };
	for (uint32_t i = 0; i < ENTRIES; i++) {
		entries[i] = (struct index_entry){
			.pack = i % PACKS, .offset = i, .stored = 140, .length = 100, .codec = 1
		};
		ok(repo_identify(repo, &i, sizeof(i), &entries[i].id, err));
	}
	ok(index_build(repo->store, repo->keys, entries, ENTRIES, packs, PACKS, name, err));

	struct pages *pages;
	struct index *index;
	struct index_entry found;
	bool is_there;
	ok(pages_new(&pages, err));
	ok(index_open(repo->store, repo->keys, pages, 1, name, &index, err));
	for (uint32_t i = 0; i < ENTRIES; i++) {
		ok(index_find(index, &entries[i].id, &found, &pack, &is_there, err));
		assert_true(is_there);
		assert_int_equal(found.offset, entries[i].offset);
		assert_int_equal(pack.id[0], packs[found.pack].id[0]);
	}
	index_close(index);

	/* Two pages of entries, which are as good as each other, in each other's place. */
	snprintf(key, sizeof(key), "index/%s", name);
	struct mem_entry *object = store_mem_find(mem_of(repo), key);
	uint8_t page[INDEX_PAGE], *a = object->bytes + 3 * INDEX_PAGE, *b = a + INDEX_PAGE;
	memcpy(page, a, sizeof(page));
	memcpy(a, b, sizeof(page));
	memcpy(b, page, sizeof(page));
	assert_int_equal(read_index(repo, key, NULL), -EUCLEAN);
	pages_free(pages);
}

/* ---- the config, and what opens ---- */

static int open_with(const struct store_mem *mem, const char *password, const char *key,
		     struct error *err)
{
	const struct repo_open_options options = { .password = password, .exported = key };
	struct store_mem *copy = copy_of(mem);
	struct repo *repo;
	int rc = repo_open_store(&copy->store, "mem", &options, &repo, err);
	if (rc == 0)
		repo_close(repo);
	return rc;
}

static void it_opens_with_a_password_or_the_exported_key_only(void **state)
{
	(void)state;
	struct error why;
	ok(open_with(made[0].mem, PASSWORD, NULL, err));
	ok(open_with(made[0].mem, NULL, made[0].key, err));
	assert_int_equal(open_with(made[0].mem, NULL, NULL, &why), -ENOKEY);
	assert_non_null(strstr(why.msg, "needs a password"));
	assert_int_equal(open_with(made[0].mem, "wrong", NULL, NULL), -EKEYREJECTED);
	assert_int_equal(open_with(made[0].mem, NULL, "1: wrong", NULL), -EINVAL);
}

/* With a checksum that fits, as anybody can make it. */
static void change_config(struct store_mem *mem, const char *member, json_t *value)
{
	struct mem_entry *entry = store_mem_find(mem, "config");
	json_t *config = json_loadb((char *)entry->bytes, entry->len, 0, NULL);
	json_object_set_new(config, member, value);
	json_object_del(config, "sha256");
	char *text = json_dumps(config, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII);
	uint8_t sum[DIGEST_SIZE];
	char hex[65];
	ok(digest(text, strlen(text), sum, err));
	hex_text(sum, sizeof(sum), hex);
	free(text);
	json_object_set_new(config, "sha256", json_string(hex));
	text = json_dumps(config, 0);
	store_mem_set(mem, "config", text, strlen(text));
	free(text);
	json_decref(config);
}

static void a_config_that_was_changed_does_not_open(void **state)
{
	(void)state;
	const struct {
		const char *member;
		json_t *value;
	} cases[] = {
		{ "chunk_size", json_integer(1 << 20) },
		{ "level", json_integer(19) },
		{ "created", json_string("2001-01-01T00:00:00Z") },
		{ "id", json_string("00000000000000000000000000000000") },
		{ "features", json_array() },
		{ "mac", json_string("") },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct store_mem *mem = copy_of(made[0].mem);
		change_config(mem, cases[i].member, cases[i].value);
		int rc = open_with(mem, NULL, made[0].key, NULL);
		if (rc != -EKEYREJECTED && rc != -EUCLEAN)
			fail_msg("%s: %d", cases[i].member, rc);
		store_free(&mem->store);
	}
}

static void a_repository_that_is_not_encrypted_is_not_the_one_that_was_meant(void **state)
{
	(void)state;
	struct store_mem *mem = store_mem_new();
	struct error why;
	ok(config_create(&mem->store, &(struct repo_settings){ .chunk_size = CHUNK }, err));
	ok(open_with(mem, NULL, NULL, err));
	assert_int_equal(open_with(mem, PASSWORD, NULL, &why), -EKEYREJECTED);
	assert_non_null(strstr(why.msg, "it is not encrypted"));
	assert_int_equal(open_with(mem, NULL, made[0].key, NULL), -EKEYREJECTED);
	store_free(&mem->store);
}

/* ---- passwords ---- */

static void the_last_key_stays_unless_it_is_meant(void **state)
{
	struct repo *repo = *state;
	char first[65], second[65], id[65];
	snprintf(first, sizeof(first), "%s",
		 strrchr(first_of(mem_of(repo), "keys/")->key, '/') + 1);
	assert_int_equal(repo_key_remove(repo, first, false, id, NULL), -EPERM);
	ok(repo_key_add(repo, "another", "the other admin", second, err));
	ok(open_with(mem_of(repo), "another", NULL, err));
	assert_int_equal(repo_key_remove(repo, "", false, id, NULL), -ENOENT);
	assert_int_equal(repo_key_remove(repo, "zz", false, id, NULL), -ENOENT);
	ok(repo_key_remove(repo, first, false, id, err));
	assert_string_equal(id, first);
	assert_int_equal(open_with(mem_of(repo), PASSWORD, NULL, NULL), -EKEYREJECTED);
	assert_int_equal(repo_key_remove(repo, second, false, id, NULL), -EPERM);
	ok(repo_key_remove(repo, second, true, id, err));
	ok(open_with(mem_of(repo), NULL, made[0].key, err));
	ok(repo_key_add(repo, "new", "", id, err));
	ok(open_with(mem_of(repo), "new", NULL, err));
}

static void a_password_is_changed_in_place(void **state)
{
	(void)state;
	struct store_mem *mem = copy_of(made[0].mem);
	const struct repo_open_options options = { .password = PASSWORD };
	struct repo *repo;
	char id[65];
	ok(repo_open_store(&mem->store, "mem", &options, &repo, err));
	ok(repo_key_change(repo, "changed", id, err));
	ok(open_with(mem, "changed", NULL, err));
	assert_int_equal(open_with(mem, PASSWORD, NULL, NULL), -EKEYREJECTED);
	ok(read_all(repo, err));
	repo_close(repo);

	ok(open_mem(copy_of(made[0].mem), made[0].key, &repo, err));
	assert_int_equal(repo_key_change(repo, "changed", id, NULL), -EINVAL);
	repo_close(repo);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_was_stored_comes_back),
		TEST(the_same_again_stores_nothing),
		TEST(nothing_is_in_clear),
		TEST(ids_differ_between_repositories),
		cmocka_unit_test(no_bit_of_any_object_can_change_unnoticed),
		TEST(chunks_of_a_pack_cannot_change_places),
		cmocka_unit_test(objects_of_another_repository_do_not_pass),
		TEST(a_document_belongs_to_its_folder),
		TEST(what_is_not_encrypted_is_not_taken),
		TEST(pages_are_found_one_by_one_and_nowhere_else),
		cmocka_unit_test(it_opens_with_a_password_or_the_exported_key_only),
		cmocka_unit_test(a_config_that_was_changed_does_not_open),
		cmocka_unit_test(a_repository_that_is_not_encrypted_is_not_the_one_that_was_meant),
		TEST(the_last_key_stays_unless_it_is_meant),
		cmocka_unit_test(a_password_is_changed_in_place),
	};
	return cmocka_run_group_tests(tests, make_both, free_both);
}
