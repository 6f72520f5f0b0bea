/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "repo-fixture.h"

#define TIME  "2026-11-22T17:00:00Z"
#define LATER "2026-11-22T18:00:00Z"

static int setup(void **state)
{
	char *dir = fixture_dir();
	*state = dir;
	return repo_init(dir, FIXTURE_SETTINGS, NULL);
}

static int teardown(void **state)
{
	fixture_dir_free(*state);
	return 0;
}

/* The path of the one file whose path holds @part; the last of them when there are several. */
static char found_path[512];
static const char *found_part;

static int match_path(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)ftw;
	if (flag == FTW_F && strstr(path, found_part))
		snprintf(found_path, sizeof(found_path), "%s", path);
	return 0;
}

static const char *find_file(const char *dir, const char *part)
{
	found_part = part;
	found_path[0] = '\0';
	nftw(dir, match_path, 8, FTW_PHYS);
	assert_true(found_path[0]);
	return found_path;
}

static int verify(const char *dir, const char *spec, uint32_t seed, struct error *err)
{
	CLEANUP(repo_close_cleanup) struct repo *repo = NULL;
	char id[65];
	json_t *point;
	int rc = repo_open(dir, NULL, &repo, err);
	if (rc == 0)
		rc = repo_point_find(repo, spec, id, &point, err);
	if (rc < 0)
		return rc;
	rc = fixture_verify(repo, point, seed, err);
	json_decref(point);
	return rc;
}

static void backup(const char *dir, const char *name, const char *time, uint64_t n, uint32_t seed,
		   uint64_t *ret_stored)
{
	struct repo *repo;
	char id[65];
	ok(repo_open(dir, NULL, &repo, err));
	ok(fixture_backup(repo, name, time, n, seed, id, ret_stored, err));
	repo_close(repo);
}

static void what_was_stored_is_read_back(void **state)
{
	struct repo *repo;
	char id[65], found[65];
	json_t *point;
	ok(repo_open(*state, NULL, &repo, err));
	assert_int_equal(repo_chunk_size(repo), CHUNK);
	assert_string_equal(repo_path(repo), *state);
	ok(fixture_backup(repo, "srv", TIME, 600, 1, id, NULL, err));
	ok(repo_point_find(repo, "srv@latest", found, &point, err));
	assert_string_equal(id, found);
	ok(fixture_verify(repo, point, 1, err)); /* by who wrote it */
	json_decref(point);
	repo_close(repo);
	ok(verify(*state, "srv@" TIME, 1, err)); /* and by who comes later */
}

static void what_is_known_is_not_stored_again(void **state)
{
	struct repo *repo;
	char id[65];
	uint64_t stored;
	ok(repo_open(*state, NULL, &repo, err));
	ok(fixture_backup(repo, "srv", TIME, 50, 1, id, &stored, err));
	assert_true(stored > 30 * CHUNK / 2);
	ok(fixture_backup(repo, "srv", LATER, 50, 1, id, &stored, err));
	assert_int_equal(stored, 0);
	repo_close(repo);
	backup(*state, "other", TIME, 50, 1, &stored);
	assert_int_equal(stored, 0);
}

static void an_abandoned_backup_leaves_no_point(void **state)
{
	struct repo *repo;
	struct repo_writer *writer;
	struct chunk_id root;
	uint64_t stored;
	ok(repo_open(*state, NULL, &repo, err));
	ok(repo_writer_new(repo, &writer, err));
	ok(fixture_store(writer, repo, 1200, 1, &root, &stored, err)); /* more than a pack */
	repo_writer_free(writer);
	repo_close(repo);
	assert_int_equal(verify(*state, "srv@latest", 1, NULL), -ENOENT);
	backup(*state, "srv", TIME, 1200, 1, NULL);
	ok(verify(*state, "srv@latest", 1, err));
}

static int add_name(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	size_t len = strlen(found_path);
	if (flag == FTW_F && ftw->level > 1)
		snprintf(found_path + len, sizeof(found_path) - len, "%.16s %d\n", path + ftw->base,
			 (int)st->st_size);
	return 0;
}

/* Names say what is in the objects. */
static char *all_names(const char *dir)
{
	found_path[0] = '\0';
	nftw(dir, add_name, 8, FTW_PHYS);
	return strdup(found_path);
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_lines(char *text)
{
	char copy[sizeof(found_path)], *lines[32];
	size_t n = 0;
	snprintf(copy, sizeof(copy), "%s", text);
	for (char *line = strtok(copy, "\n"); line; line = strtok(NULL, "\n"))
		lines[n++] = line;
	qsort(lines, n, sizeof(*lines), compare_lines);
	text[0] = '\0';
	for (size_t i = 0; i < n; i++)
		text = stpcpy(stpcpy(text, lines[i]), "\n");
}

static void the_same_disks_make_the_same_objects(void **state)
{
	char *other = fixture_dir();
	ok(repo_init(other, FIXTURE_SETTINGS, err));
	backup(*state, "srv", TIME, 1200, 1, NULL);
	backup(other, "srv", TIME, 1200, 1, NULL);
	char *one = all_names(*state), *two = all_names(other);
	sort_lines(one);
	sort_lines(two);
	assert_string_equal(one, two);
	assert_true(strlen(one) > 60); /* two packs, an index and a point at least */
	free(one);
	free(two);
	fixture_dir_free(other);
}

static void what_is_not_a_repository_is_told(void **state)
{
	struct repo *repo;
	struct error why = { 0 };
	char *dir = fixture_dir(), path[128];
	assert_int_equal(repo_open(dir, NULL, &repo, &why), -ENOENT);
	assert_non_null(strstr(why.msg, "it is not a repository"));
	assert_int_equal(repo_open("/nowhere/at/all", NULL, &repo, NULL), -ENOENT);
	snprintf(path, sizeof(path), "%s/config", dir);
	FILE *file = fopen(path, "w");
	fputs("{\"format\": \"something\"}", file);
	fclose(file);
	assert_int_equal(repo_open(path, NULL, &repo, NULL), -ENOTDIR);
	assert_int_equal(repo_open(dir, NULL, &repo, NULL), -EMEDIUMTYPE);
	assert_int_equal(repo_init(dir, FIXTURE_SETTINGS, NULL), -EEXIST);
	assert_int_equal(repo_init(*state, FIXTURE_SETTINGS, NULL), -EEXIST);
	assert_int_equal(repo_init(dir, &(struct repo_settings){ .chunk_size = CHUNK + 1 }, NULL),
			 -EINVAL);
	fixture_dir_free(dir);
}

static void a_missing_pack_is_told_and_stored_again(void **state)
{
	struct error why = { 0 };
	uint64_t stored;
	backup(*state, "srv", TIME, 50, 1, NULL);
	assert_int_equal(unlink(find_file(*state, "/packs/")), 0);
	assert_int_equal(verify(*state, "srv@latest", 1, &why), -EUCLEAN);
	assert_non_null(strstr(why.msg, "' is missing; put that file back"));
	backup(*state, "srv", LATER, 50, 1, &stored);
	assert_true(stored > 0);
	ok(verify(*state, "srv@" TIME, 1, err));
}

static void a_pack_that_was_cut_is_told_and_stored_again(void **state)
{
	struct error why = { 0 };
	backup(*state, "srv", TIME, 50, 1, NULL);
	const char *path = find_file(*state, "/packs/");
	chmod(path, 0600);
	assert_int_equal(truncate(path, 5000), 0);
	assert_int_equal(verify(*state, "srv@latest", 1, &why), -EUCLEAN);
	assert_non_null(strstr(why.msg, "reach past its end"));
	backup(*state, "srv", LATER, 50, 1, NULL);
	ok(verify(*state, "srv@" TIME, 1, err));
}

static void a_damaged_index_is_told_and_hides_nothing_else(void **state)
{
	struct error why = { 0 };
	uint64_t stored;
	backup(*state, "one", TIME, 50, 1, NULL);
	char damaged[512];
	snprintf(damaged, sizeof(damaged), "%s", find_file(*state, "/index/"));
	int fd = fixture_open_rw(damaged);
	backup(*state, "two", TIME, 50, 2, NULL);
	assert_int_equal(pwrite(fd, "x", 1, 4096 + 100), 1);
	close(fd);

	ok(verify(*state, "two@latest", 2, err));
	assert_int_equal(verify(*state, "one@latest", 1, &why), -EUCLEAN);
	assert_non_null(strstr(why.msg, "index/"));
	assert_non_null(strstr(why.msg, "the checksum of its page 1 is wrong"));
	assert_non_null(strstr(why.msg, "back up the same disks again"));

	/* As it says: that heals it. */
	backup(*state, "three", TIME, 50, 1, &stored);
	assert_true(stored > 0);
	ok(verify(*state, "one@latest", 1, err));
}

/* The same chunks make an index of the same name: the damaged one must not be taken for it. */
static void an_index_that_is_damaged_as_a_whole_heals_too(void **state)
{
	struct repo *repo;
	char id[65];
	json_t *point;
	uint64_t stored;
	backup(*state, "one", TIME, 50, 1, NULL);
	int fd = fixture_open_rw(find_file(*state, "/index/"));
	assert_int_equal(pwrite(fd, "x", 1, 20), 1);
	close(fd);
	assert_int_equal(verify(*state, "one@latest", 1, NULL), -EUCLEAN);

	ok(repo_open(*state, NULL, &repo, err));
	ok(fixture_backup(repo, "one", LATER, 50, 1, id, &stored, err));
	assert_true(stored > 0);
	ok(repo_point_find(repo, "one@latest", id, &point, err));
	ok(fixture_verify(repo, point, 1, err)); /* by who had found it damaged */
	json_decref(point);
	ok(fixture_backup(repo, "one", "2026-11-22T19:00:00Z", 50, 1, id, &stored, err));
	assert_int_equal(stored, 0);
	repo_close(repo);
	ok(verify(*state, "one@" TIME, 1, err));
}

static void chunks_that_came_after_opening_are_found(void **state)
{
	struct repo *repo;
	char id[65];
	json_t *point;
	ok(repo_open(*state, NULL, &repo, err));
	backup(*state, "srv", TIME, 50, 1, NULL);
	ok(repo_point_find(repo, "srv@latest", id, &point, err));
	ok(fixture_verify(repo, point, 1, err));
	json_decref(point);
	repo_close(repo);
}

/* So many chunks that indexes are written while they are added. */
static void add_tiny(struct repo_writer *writer, uint64_t n, uint64_t *ret_new)
{
	*ret_new = 0;
	for (uint64_t i = 0; i < n; i++) {
		uint8_t buf[16] = "tiny";
		struct chunk_id id;
		struct sealed sealed = { buf, sizeof(buf), CODEC_STORED };
		uint64_t stored;
		memcpy(buf + 8, &i, sizeof(i));
		ok(repo_identify(repo_writer_repo(writer), buf, sizeof(buf), &id, err));
		ok(repo_writer_add(writer, &id, &sealed, sizeof(buf), &stored, err));
		*ret_new += stored > 0;
	}
}

static void an_abandoned_backup_is_found_again(void **state)
{
	enum { N = 140000 }; /* two indexes; the second waits for the first to be there */
	struct repo *repo;
	struct repo_writer *writer;
	uint64_t added;
	ok(repo_open(*state, NULL, &repo, err));
	ok(repo_writer_new(repo, &writer, err));
	add_tiny(writer, N, &added);
	assert_int_equal(added, N);
	add_tiny(writer, N, &added); /* wherever they are by now, they are known */
	assert_int_equal(added, 0);
	repo_writer_free(writer);
	repo_close(repo);

	ok(repo_open(*state, NULL, &repo, err));
	ok(repo_writer_new(repo, &writer, err));
	add_tiny(writer, N, &added);
	assert_true(added <= N - 65536);
	struct chunk_id root = { { 0 } };
	json_t *point = fixture_point("x", TIME, 1, &root);
	char point_id[65];
	ok(repo_writer_commit(writer, point, point_id, err));
	json_decref(point);
	repo_writer_free(writer);
	for (uint64_t i = 0; i < N; i += 1000) {
		uint8_t want[16] = "tiny", buf[16];
		struct chunk_id id;
		memcpy(want + 8, &i, sizeof(i));
		ok(repo_identify(repo, want, sizeof(want), &id, err));
		ok(repo_read(repo, &id, buf, sizeof(buf), err));
		assert_memory_equal(buf, want, sizeof(buf));
	}
	repo_close(repo);
}

static void one_must_know_the_features_for_writing_to_write(void **state)
{
	struct repo *repo;
	struct repo_writer *writer;
	struct error why = { 0 };
	ok(repo_open(*state, NULL, &repo, err));
	snprintf(repo->config.write_refused, sizeof(repo->config.write_refused), "leases");
	assert_int_equal(repo_writer_new(repo, &writer, &why), -EPROTONOSUPPORT);
	assert_non_null(strstr(why.msg, "'leases'"));
	repo_close(repo);
}

/* Six chunks of 300 bytes, the odd ones of which shrink, in one small pack. */
static void small_chunk(unsigned int n, uint8_t buf[300])
{
	static uint8_t chunk[CHUNK];
	fixture_chunk(n == 5 ? 7 : n, 3, chunk);
	memcpy(buf, chunk, 300);
	if (n % 2)
		memset(buf + 100, (int)n, 200);
}

static void add_small(const char *dir, struct chunk_id ids[6])
{
	struct repo *repo;
	struct repo_writer *writer;
	struct sealer *sealer;
	char id[65];
	uint64_t stored;
	ok(repo_open(dir, NULL, &repo, err));
	ok(repo_writer_new(repo, &writer, err));
	ok(sealer_new(repo, 1, &sealer, err));
	for (unsigned int i = 0; i < 6; i++) {
		uint8_t buf[300], sealed_buf[300];
		struct sealed sealed = { .buf = sealed_buf };
		small_chunk(i, buf);
		ok(repo_identify(repo, buf, sizeof(buf), &ids[i], err));
		ok(sealer_seal(sealer, &ids[i], buf, sizeof(buf), &sealed, err));
		assert_int_equal(sealed.codec, i % 2 ? CODEC_ZSTD : CODEC_STORED);
		ok(repo_writer_add(writer, &ids[i], &sealed, sizeof(buf), &stored, err));
		assert_true(stored > 0);
	}
	json_t *point = fixture_point("x", TIME, 1, &ids[0]);
	ok(repo_writer_commit(writer, point, id, err));
	json_decref(point);
	sealer_free(sealer);
	repo_writer_free(writer);
	repo_close(repo);
}

/* Returns how many of the chunks are refused; what is read is right. */
static unsigned int read_small(struct repo *repo, const struct chunk_id ids[6])
{
	unsigned int refused = 0;
	for (unsigned int i = 0; i < 6; i++) {
		uint8_t buf[300], want[300];
		int rc = repo_read(repo, &ids[i], buf, sizeof(buf), NULL);
		if (rc < 0) {
			assert_int_equal(rc, -EUCLEAN);
			refused++;
			continue;
		}
		small_chunk(i, want);
		assert_memory_equal(buf, want, sizeof(buf));
	}
	return refused;
}

static void no_changed_byte_of_a_pack_gives_wrong_data(void **state)
{
	struct chunk_id ids[6];
	struct repo *repo;
	add_small(*state, ids);
	ok(repo_open(*state, NULL, &repo, err));
	assert_int_equal(read_small(repo, ids), 0);
	int fd = fixture_open_rw(find_file(*state, "/packs/"));
	struct stat st;
	unsigned int refused = 0;
	assert_int_equal(fstat(fd, &st), 0);
	for (off_t i = 0; i < st.st_size; i++) {
		uint8_t was, is;
		assert_int_equal(pread(fd, &was, 1, i), 1);
		is = was ^ 0x20;
		assert_int_equal(pwrite(fd, &is, 1, i), 1);
		unsigned int now = read_small(repo, ids);
		assert_true(now <= 1); /* a byte is in one chunk at most */
		refused += now;
		assert_int_equal(pwrite(fd, &was, 1, i), 1);
	}
	assert_int_equal(read_small(repo, ids), 0);
	close(fd);
	repo_close(repo);
	assert_true(refused >= 3 * 300); /* all bytes of those that are stored as they are */
}

static void nothing_is_read_under_another_length(void **state)
{
	struct chunk_id ids[6];
	struct repo *repo;
	uint8_t buf[400];
	add_small(*state, ids);
	ok(repo_open(*state, NULL, &repo, err));
	for (unsigned int i = 0; i < 6; i++) {
		assert_int_equal(repo_read(repo, &ids[i], buf, 400, NULL), -EUCLEAN);
		assert_int_equal(repo_read(repo, &ids[i], buf, 0, NULL), -EUCLEAN);
	}
	struct chunk_id unknown = { { 5 } };
	assert_int_equal(repo_read(repo, &unknown, buf, 400, NULL), -ENOENT);
	repo_close(repo);
}

static void ids_are_spelled_in_hexadecimal(void **state)
{
	(void)state;
	struct chunk_id id = { { 0x01, 0xab, 0xff } }, back;
	char hex[65];
	chunk_id_hex(&id, hex);
	assert_memory_equal(hex, "01abff00", 8);
	assert_true(chunk_id_parse(hex, &back));
	assert_memory_equal(&id, &back, sizeof(id));
	hex[3] = 'B';
	assert_false(chunk_id_parse(hex, &back));
	assert_false(chunk_id_parse("01ab", &back));
	assert_false(chunk_id_parse("", &back));
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_was_stored_is_read_back),
		TEST(what_is_known_is_not_stored_again),
		TEST(an_abandoned_backup_leaves_no_point),
		TEST(an_abandoned_backup_is_found_again),
		TEST(the_same_disks_make_the_same_objects),
		TEST(what_is_not_a_repository_is_told),
		TEST(a_missing_pack_is_told_and_stored_again),
		TEST(a_pack_that_was_cut_is_told_and_stored_again),
		TEST(a_damaged_index_is_told_and_hides_nothing_else),
		TEST(an_index_that_is_damaged_as_a_whole_heals_too),
		TEST(chunks_that_came_after_opening_are_found),
		TEST(one_must_know_the_features_for_writing_to_write),
		TEST(no_changed_byte_of_a_pack_gives_wrong_data),
		TEST(nothing_is_read_under_another_length),
		cmocka_unit_test(ids_are_spelled_in_hexadecimal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
