/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Names that NTFS can have and no path can: files are made with others, which are then replaced in
 * the index and in the records by what sorts at the same place.
 */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>

#include "ntfs-records.h"

#define SLASH  "\xe2\x88\x95"
#define NOUGHT "\xe2\x90\x80"

static const struct strange {
	const char *made;
	size_t n;
	uint16_t from[3], to[3];
	const char *shown;
} strange[] = {
	{ "0.", 2, { '0', '.' }, { '.', '.' }, "%.." }, /* the root calls itself "." there, too */
	{ "b!", 2, { 'b', '!' }, { 'b', 0 }, "b%" NOUGHT },
	{ "b!g", 3, { 'b', '!', 'g' }, { 'b', 0, 'g' }, "b%" NOUGHT "g" },
	{ "b$g", 3, { 'b', '$', 'g' }, { 'b', '/', 'g' }, "b%" SLASH "g" },
	{ "b" SLASH "g", 3, { 'b', 0x2215, 'g' }, { 'b', 0x2215, 'g' }, "b" SLASH "g" },
	/* Half of a surrogate pair, and a whole one. */
	{ "c\xee\x80\x80", 2, { 'c', 0xe000 }, { 'c', 0xd834 }, "c\xed\xa0\xb4" },
	{ "d\xf0\x9d\x84\x9e",
	  3,
	  { 'd', 0xd834, 0xdd1e },
	  { 'd', 0xd834, 0xdd1e },
	  "d\xf0\x9d\x84\x9e" },
};

/* Names of streams, of the first file. */
static const struct {
	const char *name, *shown;
} streams[] = {
	{ "plain", "plain" },
	{ "..", "%.." },
	{ ".", "%." },
	{ "%..", "%%.." },
	{ "a/b", "a%" SLASH "b" },
	{ "a" SLASH "b", "a" SLASH "b" },
	{ "a%" SLASH "b", "a%%" SLASH "b" },
	{ "x%#5", "x%%#5" },
};

/* One that Linux has no room for begins with 252 bytes of these, and has one more to be told by. */
#define KANJI "\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2"
#define LONG  KANJI KANJI KANJI KANJI KANJI KANJI KANJI KANJI KANJI KANJI KANJI KANJI
static const char *const long_streams[] = { LONG "a", LONG "b", LONG "/" };

static void add_stream(const char *dir, const char *name, const char *content)
{
	char file[64], command[512];
	snprintf(file, sizeof(file), "%s/file", dir);
	ntfs_fixture_write(file, content, strlen(content));
	snprintf(command, sizeof(command),
		 "cd '%s' && LC_ALL=C.UTF-8 ntfscp -q -N '%s' image file 0. >/dev/null 2>&1", dir,
		 name);
	ntfs_fixture_do(strdup(command));
}

static void add_files(uint8_t *bytes)
{
	char dir[] = "/tmp/lunette-test.XXXXXX", image[64], file[64], command[256];
	if (!mkdtemp(dir))
		exit(1);
	snprintf(image, sizeof(image), "%s/image", dir);
	snprintf(file, sizeof(file), "%s/file", dir);
	ntfs_fixture_write(image, bytes, NTFS_SIZE);
	for (size_t i = 0; i < ARRAY_SIZE(strange); i++) {
		ntfs_fixture_write(file, strange[i].shown, strlen(strange[i].shown));
		snprintf(command, sizeof(command),
			 "cd '%s' && LC_ALL=C.UTF-8 ntfscp -q image file '%s' >/dev/null 2>&1", dir,
			 strange[i].made);
		ntfs_fixture_do(strdup(command));
	}
	for (size_t i = 0; i < ARRAY_SIZE(streams); i++)
		add_stream(dir, streams[i].name, streams[i].shown);
	for (size_t i = 0; i < ARRAY_SIZE(long_streams); i++)
		add_stream(dir, long_streams[i], &long_streams[i][sizeof(LONG) - 1]);
	FILE *f = fopen(image, "r");
	if (!f || fread(bytes, 1, NTFS_SIZE, f) != NTFS_SIZE)
		exit(1);
	fclose(f);
	ntfs_fixture_do(NTFS_FIXTURE_TEXT("rm -r '%s'", dir));
}

/* Wherever the name stands behind its length and its kind. Returns how often that was. */
static int rename_file(uint8_t *bytes, const struct strange *s)
{
	int found = 0;
	for (size_t at = 0; at + 8 <= NTFS_SIZE; at += 2) {
		bool same = bytes[at] == s->n && bytes[at + 1] <= 3;
		for (size_t i = 0; same && i < s->n; i++)
			same = get(bytes + at + 2 + 2 * i, 2) == s->from[i];
		for (size_t i = 0; same && i < s->n; i++)
			put(bytes + at + 2 + 2 * i, 2, s->to[i]);
		found += same;
	}
	return found;
}

static int make_strange(void **state)
{
	make_volume(state);
	add_files(volume);
	for (size_t i = 0; i < ARRAY_SIZE(strange); i++)
		if (rename_file(volume, &strange[i]) < 2)
			return -1;
	return 0;
}

/* ---- tests ---- */

struct listed {
	size_t n;
	char names[32][64];
};

static int take_name(void *ctx, const char *name, size_t len, uint64_t ino, uint32_t type,
		     uint64_t next)
{
	struct listed *listed = ctx;
	(void)ino, (void)type, (void)next;
	assert_in_range(len, 1, 63);
	strcpy(listed->names[listed->n++], name);
	return 0;
}

static int take_link(void *ctx, uint64_t dir, const char *name, size_t len, struct error *err)
{
	(void)dir, (void)len, (void)err;
	strcpy(ctx, name);
	return 0;
}

static void each_is_shown_and_leads_to_its_own_file(void **state)
{
	(void)state;
	struct blk_mem *mem = ntfs_fixture_blk(volume);
	struct fs *fs = open_fs(mem);
	struct listed listed = { 0 };
	assert_int_equal(fs_readdir(fs, fs->root, 0, take_name, &listed, NULL), 0);
	assert_int_equal(listed.n, ARRAY_SIZE(strange) + 2);
	for (size_t i = 0; i < ARRAY_SIZE(strange); i++) {
		const char *shown = strange[i].shown;
		char text[64] = "";
		size_t n = 0, at = 0;
		while (at < listed.n && strcmp(listed.names[at], shown) != 0)
			at++;
		assert_in_range(at, 0, listed.n - 1);
		uint64_t ino = find(fs, shown);
		assert_int_equal(fs_read(fs, ino, text, sizeof(text) - 1, 0, &n, NULL), 0);
		assert_string_equal(text, shown);
		assert_int_equal(fs_links(fs, ino, take_link, text, NULL), 0);
		assert_string_equal(text, shown);
	}
	fs_close(fs);
	blk_unref(&mem->blk);
}

static void other_spellings_are_not_there(void **state)
{
	(void)state;
	static const char *const names[] = {
		"b",
		"b%",
		"b" NOUGHT,
		"b%%" SLASH "g",
		"c\xee\x80\x80",
		"d\xed\xa0\xb4\xed\xb4\x9e", /* each half for itself */
		"b\xf0\x82\x88\x95g",        /* longer than need be */
		"big\xc0\x80",
		"\xf8\x88\x80\x80\x80",
		"\xf4\x90\x80\x80",
		"b\xe2\x88",
	};
	struct blk_mem *mem = ntfs_fixture_blk(volume);
	struct fs *fs = open_fs(mem);
	uint64_t ino;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (fs_lookup(fs, fs->root, names[i], &ino, NULL) != -ENOENT)
			fail_msg("case %zu", i);
	fs_close(fs);
	blk_unref(&mem->blk);
}

static void streams_are_listed_as_what_they_are_asked_for_by(void **state)
{
	(void)state;
	struct blk_mem *mem = ntfs_fixture_blk(volume);
	struct fs *fs = open_fs(mem);
	uint64_t ino = find(fs, "%.."); /* made as "0." */
	char list[4096], name[64], text[64], ends[4] = "";
	size_t size, n, found = 0, n_ends = 0;
	assert_int_equal(fs_listxattr(fs, ino, list, sizeof(list), &size, NULL), 0);
	for (size_t at = 0; at < size; at += strlen(list + at) + 1, found++) {
		assert_null(strchr(list + at, '/'));
		n = 0;
		if (strlen(list + at) > 200) {
			assert_in_range(strlen(list + at), 240, 255);
			assert_int_equal(
				fs_getxattr(fs, ino, list + at, text, sizeof(text), &n, NULL), 0);
			assert_int_equal(n, 1);
			assert_in_range(n_ends, 0, sizeof(ends) - 2);
			ends[n_ends++] = text[0];
			found--;
			continue;
		}
		assert_int_equal(fs_getxattr(fs, ino, list + at, text, sizeof(text), &n, NULL), 0);
		snprintf(name, sizeof(name), "user.%.*s", (int)n, text);
		assert_string_equal(list + at, name);
	}
	assert_int_equal(found, ARRAY_SIZE(streams));
	assert_int_equal(n_ends, ARRAY_SIZE(long_streams));
	assert_true(strchr(ends, 'a') && strchr(ends, 'b') && strchr(ends, '/'));
	for (size_t i = 0; i < ARRAY_SIZE(streams); i++) {
		snprintf(name, sizeof(name), "user.%s", streams[i].shown);
		assert_int_equal(fs_getxattr(fs, ino, name, text, sizeof(text), &n, NULL), 0);
		assert_int_equal(n, strlen(streams[i].shown));
	}
	/* What is not shown so is not there. */
	static const char *const others[] = { "user...",   "user..",        "user.a/b",
					      "user.x%#5", "user.plain%#3", "plain",
					      "user.",     "user.%",        "system.plain",
					      "user.nil",  "user." LONG "a" };
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (fs_getxattr(fs, ino, others[i], text, sizeof(text), &n, NULL) != -ENODATA)
			fail_msg("%s", others[i]);
	fs_close(fs);
	blk_unref(&mem->blk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_shown_and_leads_to_its_own_file),
		cmocka_unit_test(other_spellings_are_not_there),
		cmocka_unit_test(streams_are_listed_as_what_they_are_asked_for_by),
	};
	return cmocka_run_group_tests(tests, make_strange, free_volume);
}
