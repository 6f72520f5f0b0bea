/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "lunette/moment.h"
#include "open-fixture.h"

#define TIME  "2026-11-22T17:00:00Z"
#define LATER "2026-11-22T18:00:00Z"

static json_t *manifest(const char *name, const char *time)
{
	struct chunk_id root = { { 1, 2, 3 } };
	return fixture_point(name, time, 10, &root);
}

/* A restore point without a backup: only the manifest matters here. */
static void put(struct fixture *f, const char *name, const char *time, const char *finished,
		char id[65])
{
	json_t *point = manifest(name, time);
	if (finished)
		json_object_set_new(point, "finished", json_string(finished));
	ok(point_put(f->repo, point, id, err));
	json_decref(point);
}

static int find(struct fixture *f, const char *spec, char id[65], struct error *err)
{
	json_t *point;
	int rc = repo_point_find(f->repo, spec, id, &point, err);
	if (rc == 0)
		json_decref(point);
	return rc;
}

static int find_for(struct fixture *f, enum repo_point_use use, const char *spec, char id[65],
		    struct error *err)
{
	struct repo_point_search search = { .spec = spec, .use = use };
	int rc = repo_point_search(f->repo, &search, err);
	json_decref(search.point);
	memcpy(id, search.id, sizeof(search.id));
	return rc;
}

static void a_manifest_says_what_its_disks_are(void **state)
{
	struct fixture *f = *state;
	char id[65], found[65];
	json_t *point;
	struct repo_disk disk;
	put(f, "srv", TIME, NULL, id);
	ok(repo_point_find(f->repo, id, found, &point, err));
	assert_string_equal(repo_point_name(point), "srv");
	assert_string_equal(repo_point_time(point), TIME);
	assert_int_equal(repo_point_disks(point), 1);
	repo_point_disk(point, 0, &disk);
	assert_string_equal(disk.name, "disk0");
	assert_int_equal(disk.size, 10 * CHUNK);
	assert_int_equal(disk.sector_size, 512);
	assert_int_equal(disk.chunk_size, CHUNK);
	assert_int_equal(disk.n_chunks, 10);
	assert_memory_equal(disk.root.bytes, "\1\2\3\0", 4);
	json_decref(point);
}

static void a_point_is_found_by_what_the_user_writes(void **state)
{
	struct fixture *f = *state;
	char a[65], b[65], c[65], id[65], prefix[65];
	put(f, "srv", LATER, NULL, b);
	put(f, "srv", TIME, NULL, a);
	put(f, "odd@name", TIME, NULL, c);
	ok(find(f, "srv@latest", id, err));
	assert_string_equal(id, b);
	ok(find(f, "srv@" TIME, id, err));
	assert_string_equal(id, a);
	ok(find(f, "odd@name@latest", id, err));
	assert_string_equal(id, c);
	ok(find(f, "srv", id, err));
	assert_string_equal(id, b);
	snprintf(prefix, sizeof(prefix), "%.8s", a);
	ok(find(f, prefix, id, err));
	assert_string_equal(id, a);
	prefix[7] = '\0';
	assert_int_equal(find(f, prefix, id, NULL), -ENOENT);
	ok(find(f, a, id, err));
	assert_string_equal(id, a);
}

static void a_time_may_be_begun_and_lack_its_colons(void **state)
{
	static const char *const of_a[] = { TIME, "2026-11-22T170000Z", "2026-11-22T17:00",
					    "2026-11-22T170", "2026-11-22T17" };
	static const char *const of_b[] = { LATER, "2026-11-22T1", "2026-11-22", "2026", "2" };
	static const char *const of_none[] = { "1", "latest ", "T", "2026-11-22T17:00:00Zz" };
	struct fixture *f = *state;
	char a[65], b[65], id[65], spec[64];
	put(f, "srv", TIME, NULL, a);
	put(f, "srv", LATER, NULL, b);
	for (size_t i = 0; i < ARRAY_SIZE(of_a); i++) {
		snprintf(spec, sizeof(spec), "srv@%s", of_a[i]);
		ok(find(f, spec, id, err));
		assert_string_equal(id, a);
		assert_int_equal(find_for(f, REPO_POINT_REMOVE, spec, id, NULL),
				 i < 2 ? 0 : -EINVAL);
	}
	for (size_t i = 0; i < ARRAY_SIZE(of_b); i++) {
		snprintf(spec, sizeof(spec), "srv@%s", of_b[i]);
		ok(find(f, spec, id, err));
		assert_string_equal(id, b);
	}
	for (size_t i = 0; i < ARRAY_SIZE(of_none); i++) {
		snprintf(spec, sizeof(spec), "srv@%s", of_none[i]);
		assert_int_equal(find(f, spec, id, NULL), -ENOENT);
	}
}

static void what_removes_wants_a_whole_time_or_an_id(void **state)
{
	static const char *const vague[] = { "srv", "srv@latest", "srv@2026-11-22" };
	struct fixture *f = *state;
	char a[65], id[65];
	put(f, "srv", TIME, NULL, a);
	for (size_t i = 0; i < ARRAY_SIZE(vague); i++) {
		struct error why = { 0 };
		assert_int_equal(find_for(f, REPO_POINT_REMOVE, vague[i], id, &why), -EINVAL);
		assert_non_null(strstr(why.msg, "srv@" TIME));
	}
	ok(find_for(f, REPO_POINT_REMOVE, a, id, err));
	ok(find_for(f, REPO_POINT_REMOVE, "srv@" TIME, id, err));
	assert_int_equal(find_for(f, REPO_POINT_MARK, "srv", id, NULL), -EINVAL);
	ok(find_for(f, REPO_POINT_MARK, "srv@latest", id, err));
}

/* A server is called "db", and another one's id begins so. */
static void a_short_word_is_a_name_and_never_an_id(void **state)
{
	struct fixture *f = *state;
	char a[65], b[65], id[65], word[9];
	put(f, "web", TIME, NULL, a);
	for (size_t n = 1; n < 8; n++) {
		snprintf(word, sizeof(word), "%.*s", (int)n, a);
		assert_int_equal(find(f, word, id, NULL), -ENOENT);
		put(f, word, TIME, NULL, b);
		ok(find(f, word, id, err));
		assert_string_equal(id, b);
	}
}

static void a_word_that_is_a_name_and_an_id_is_refused(void **state)
{
	struct fixture *f = *state;
	char a[65], b[65], id[65], word[16], spec[32];
	struct error why = { 0 };
	put(f, "web", TIME, NULL, a);
	snprintf(word, sizeof(word), "%.10s", a);
	put(f, word, TIME, NULL, b);
	for (enum repo_point_use use = REPO_POINT_READ; use <= REPO_POINT_REMOVE; use++) {
		assert_int_equal(find_for(f, use, word, id, &why), -ENOTUNIQ);
		assert_non_null(strstr(why.msg, "is a name, and the beginning of the id"));
	}
	snprintf(spec, sizeof(spec), "%s@latest", word);
	ok(find(f, spec, id, err));
	assert_string_equal(id, b);
	ok(find(f, a, id, err));
	assert_string_equal(id, a);
	snprintf(word, sizeof(word), "%.11s", a);
	ok(find(f, word, id, err));
	assert_string_equal(id, a);
}

static void the_latest_is_not_of_the_future(void **state)
{
	struct fixture *f = *state;
	char now[MOMENT_TEXT], past[65], present[65], future[65], only[65];
	put(f, "srv", TIME, NULL, past);
	moment_text(time(NULL) + MOMENT_SLACK / 2, now); /* clocks differ */
	put(f, "srv", now, NULL, present);
	moment_text(time(NULL) + 2 * MOMENT_SLACK, now);
	put(f, "srv", now, NULL, future);
	put(f, "lone", "2099-01-01T00:00:00Z", NULL, only);
	const struct {
		const char *spec, *id, *told;
	} cases[] = {
		{ "srv@latest", present, future }, { "srv", present, future },
		{ "srv@2", present, future },      { future, future, "" },
		{ "srv@2026-11-22T17", past, "" }, { "lone@latest", only, only },
		{ "lone@2099", only, only },       { "lone@2099-01-01T00:00:00Z", only, "" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct repo_point_search search = { .spec = cases[i].spec };
		ok(repo_point_search(f->repo, &search, err));
		assert_string_equal(search.id, cases[i].id);
		assert_string_equal(search.future, cases[i].told);
		json_decref(search.point);
	}
}

static void what_is_not_there_is_explained(void **state)
{
	static const char *const specs[] = {
		"",     "@latest",   "nosuch", "other@latest", "srv@2020-01-01T00:00:00Z",
		"srv@", "0123456789"
	};
	struct fixture *f = *state;
	char id[65];
	put(f, "srv", TIME, NULL, id);
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		struct error why = { 0 };
		assert_int_equal(find(f, specs[i], id, &why), -ENOENT);
		assert_non_null(strstr(why.msg, "NAME@latest"));
	}
}

static void two_of_one_second_are_told_apart_by_when_they_were_finished(void **state)
{
	struct fixture *f = *state;
	char a[65], b[65], c[65], id[65];
	put(f, "srv", TIME, "2026-11-22T17:00:00.500000000Z", b);
	put(f, "srv", TIME, "2026-11-22T17:00:00.400000000Z", a);
	put(f, "srv", TIME, "2026-11-22T17:00:00.600000000Z", c);
	ok(find(f, "srv@latest", id, err));
	assert_string_equal(id, c);
	ok(find(f, "srv@" TIME, id, err));
	assert_string_equal(id, c);
	assert_int_equal(find_for(f, REPO_POINT_REMOVE, "srv@" TIME, id, NULL), -ENOTUNIQ);
}

static void point_path(struct fixture *f, const char *id, char path[256])
{
	snprintf(path, 256, "%s/points/%s", f->dir, id);
}

static void a_prefix_of_several_is_refused(void **state)
{
	struct fixture *f = *state;
	char a[65], twin[65], id[65], spec[16], path[256];
	struct error why = { 0 };
	put(f, "srv", TIME, NULL, a);
	memcpy(twin, a, sizeof(twin));
	twin[63] = twin[63] == '0' ? '1' : '0';
	point_path(f, twin, path);
	fclose(fopen(path, "w"));
	snprintf(spec, sizeof(spec), "%.12s", a);
	assert_int_equal(find(f, spec, id, &why), -ENOTUNIQ);
	assert_non_null(strstr(why.msg, "as much of the id"));
	ok(find(f, a, id, err));
}

struct listed {
	size_t n, damaged;
	char times[8][32];
};

static int note(void *ctx, const char id[65], const json_t *point, struct error *err)
{
	(void)id, (void)err;
	struct listed *listed = ctx;
	snprintf(listed->times[listed->n++], 32, "%s", repo_point_time(point));
	return 0;
}

static void note_damaged(void *ctx, const struct error *why)
{
	assert_non_null(strstr(why->msg, "restore point "));
	((struct listed *)ctx)->damaged++;
}

static int stop(void *ctx, const char id[65], const json_t *point, struct error *err)
{
	(void)id, (void)point;
	++*(int *)ctx;
	return error_set(err, -ECANCELED, "enough");
}

static void points_are_listed_oldest_first(void **state)
{
	struct fixture *f = *state;
	char id[65];
	struct listed all = { 0 }, one = { 0 };
	put(f, "srv", LATER, NULL, id);
	put(f, "other", "2026-11-22T17:30:00Z", NULL, id);
	put(f, "srv", TIME, NULL, id);
	ok(repo_points(f->repo, NULL, note, &all, note_damaged, err));
	assert_int_equal(all.n, 3);
	assert_string_equal(all.times[0], TIME);
	assert_string_equal(all.times[1], "2026-11-22T17:30:00Z");
	assert_string_equal(all.times[2], LATER);
	ok(repo_points(f->repo, "srv", note, &one, note_damaged, err));
	assert_int_equal(one.n, 2);
	int calls = 0;
	assert_int_equal(repo_points(f->repo, NULL, stop, &calls, NULL, NULL), -ECANCELED);
	assert_int_equal(calls, 1);
}

static void a_damaged_point_does_not_hide_the_others(void **state)
{
	struct fixture *f = *state;
	char a[65], b[65], id[65], path[256];
	struct listed listed = { 0 };
	struct error why = { 0 };
	put(f, "srv", TIME, NULL, a);
	put(f, "other", LATER, NULL, b);
	point_path(f, b, path);
	chmod(path, 0600);
	assert_int_equal(truncate(path, 20), 0);
	ok(repo_points(f->repo, NULL, note, &listed, note_damaged, err));
	assert_int_equal(listed.n, 1);
	assert_int_equal(listed.damaged, 1);
	ok(find(f, "srv@latest", id, err));
	assert_string_equal(id, a);
	assert_int_equal(find(f, "other@latest", id, &why), -EUCLEAN);
	assert_non_null(strstr(why.msg, "copy of the repository"));
	assert_int_equal(find(f, b, id, NULL), -EUCLEAN);
}

static void no_byte_can_change_unnoticed(void **state)
{
	struct fixture *f = *state;
	char id[65], path[256];
	json_t *point;
	put(f, "srv", TIME, NULL, id);
	point_path(f, id, path);
	int fd = fixture_open_rw(path);
	struct stat st;
	assert_int_equal(fstat(fd, &st), 0);
	for (off_t i = 0; i < st.st_size; i++) {
		char was, is;
		assert_int_equal(pread(fd, &was, 1, i), 1);
		is = (char)(was ^ 1);
		assert_int_equal(pwrite(fd, &is, 1, i), 1);
		assert_int_equal(point_get(f->repo, id, &point, NULL), -EUCLEAN);
		assert_int_equal(pwrite(fd, &was, 1, i), 1);
	}
	close(fd);
	ok(point_get(f->repo, id, &point, err));
	json_decref(point);
}

static void files_of_others_are_passed_over(void **state)
{
	struct fixture *f = *state;
	char id[65], path[256];
	struct listed listed = { 0 };
	put(f, "srv", TIME, NULL, id);
	point_path(f, "README", path);
	fclose(fopen(path, "w"));
	ok(repo_points(f->repo, NULL, note, &listed, note_damaged, err));
	assert_int_equal(listed.n, 1);
	assert_int_equal(listed.damaged, 0);
}

/* @path: what to replace, as "name" or "disks/0/map/root"; NULL as @value: what to remove */
static void replace(json_t *json, const char *path, const char *value)
{
	char part[32];
	const char *slash;
	while ((slash = strchr(path, '/'))) {
		snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
		json = json_is_array(json) ? json_array_get(json, (size_t)atoi(part))
					   : json_object_get(json, part);
		path = slash + 1;
	}
	if (value)
		json_object_set_new(json, path, json_loads(value, JSON_DECODE_ANY, NULL));
	else
		json_object_del(json, path);
}

static void what_the_format_does_not_allow_is_neither_read_nor_written(void **state)
{
	static const struct {
		const char *path, *value;
	} cases[] = {
		{ "name", NULL },
		{ "name", "\"\"" },
		{ "name", "5" },
		{ "time", NULL },
		{ "time", "\"2026-11-22 17:00:00Z\"" },
		{ "time", "\"2026-11-22T17:00:00\"" },
		{ "time", "\"2026-11-22T17:00:00.5Z\"" },
		{ "time", "\"\"" },
		{ "finished", "\"now\"" },
		{ "finished", "\"2026-11-22T17:00:00Z\"" },
		{ "finished", "\"2026-11-22T17:00:00.5Z\"" },
		{ "finished", "\"2026-11-22T17:00:00.0123456789Z\"" },
		{ "finished", "1" },
		{ "disks", NULL },
		{ "disks", "[]" },
		{ "disks", "{}" },
		{ "disks", "[5]" },
		{ "disks/0/name", "\"../../etc\"" },
		{ "disks/0/name", "\"disk\"" },
		{ "disks/0/name", "\"disk1234567890\"" },
		{ "disks/0/size", "-1" },
		{ "disks/0/size", "1.5" },
		{ "disks/0/size", "655361" },
		{ "disks/0/size", "9223372036854775807" },
		{ "disks/0/sector_size", "511" },
		{ "disks/0/sector_size", "131072" },
		{ "disks/0/chunk_size", "0" },
		{ "disks/0/chunk_size", "65537" },
		{ "disks/0/chunk_size", "8388608" },
		{ "disks/0/map", NULL },
		{ "disks/0/map/chunks", "11" },
		{ "disks/0/map/chunks", NULL },
		{ "disks/0/map/root", "\"abc\"" },
		{ "disks/0/map/root", "null" },
		{ "host", "5" },
		{ "layout", "[]" },
		{ "stats", "5" },
		{ "tags", "{}" },
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char id[65];
		json_t *point = manifest("srv", TIME);
		replace(point, cases[i].path, cases[i].value);
		if (point_put(f->repo, point, id, NULL) != -EINVAL)
			fail_msg("written: %s", cases[i].path);
		json_object_set_new(point, "format", json_string("lunette-point"));
		json_object_set_new(point, "version", json_integer(1));
		json_object_set_new(point, "features", json_array());
		if (point_check(point, NULL) != -EUCLEAN)
			fail_msg("read: %s", cases[i].path);
		json_decref(point);
	}
}

static void two_disks_of_one_name_are_refused(void **state)
{
	struct fixture *f = *state;
	char id[65];
	json_t *point = manifest("srv", TIME), *disks = json_object_get(point, "disks");
	json_array_append_new(disks, json_deep_copy(json_array_get(disks, 0)));
	assert_int_equal(point_put(f->repo, point, id, NULL), -EINVAL);
	json_object_set_new(json_array_get(disks, 1), "name", json_string("disk1"));
	ok(point_put(f->repo, point, id, err));
	json_decref(point);
}

static void a_newer_point_is_refused_politely(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"{\"format\": \"lunette-point\", \"version\": 2, \"features\": []}",
		"{\"format\": \"lunette-point\", \"version\": 1, \"features\": [\"sparse\"]}",
	};
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct error why = { 0 };
		json_t *point = json_loads(texts[i], 0, NULL);
		assert_int_equal(point_check(point, &why), -EPROTONOSUPPORT);
		json_decref(point);
		assert_non_null(strstr(why.msg, "please use a newer one"));
	}
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_manifest_says_what_its_disks_are),
		TEST(a_point_is_found_by_what_the_user_writes),
		TEST(a_time_may_be_begun_and_lack_its_colons),
		TEST(what_removes_wants_a_whole_time_or_an_id),
		TEST(a_short_word_is_a_name_and_never_an_id),
		TEST(a_word_that_is_a_name_and_an_id_is_refused),
		TEST(the_latest_is_not_of_the_future),
		TEST(what_is_not_there_is_explained),
		TEST(two_of_one_second_are_told_apart_by_when_they_were_finished),
		TEST(a_prefix_of_several_is_refused),
		TEST(points_are_listed_oldest_first),
		TEST(a_damaged_point_does_not_hide_the_others),
		TEST(no_byte_can_change_unnoticed),
		TEST(files_of_others_are_passed_over),
		TEST(what_the_format_does_not_allow_is_neither_read_nor_written),
		TEST(two_disks_of_one_name_are_refused),
		TEST(a_newer_point_is_refused_politely),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
