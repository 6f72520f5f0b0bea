/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The front of file systems: listings, and names that no path can have. */
#include "front-fixture.h"

static void a_listing_goes_on_where_it_was_stopped(void **state)
{
	(void)state;
	for (size_t step = 1; step < 8; step++) {
		struct seen seen = { 0 };
		for (size_t before = SIZE_MAX; before != seen.n;) {
			before = seen.n;
			seen.stop_at = seen.n + step;
			seen.stopped = false;
			assert_int_equal(fs_readdir(fs, TOY_ROOT, seen.next, see, &seen, NULL), 0);
		}
		assert_int_equal(seen.n, 5);
		assert_string_equal(seen.names[0], "dir");
		assert_string_equal(seen.names[4], "link");
	}
}

static void listings_that_do_not_go_on_are_damage(void **state)
{
	struct seen seen = { .stop_at = 32 };
	(void)state;
	toy_driver.readdir = wrong_readdir_stuck;
	expect_damage(fs_readdir(fs, TOY_ROOT, 0, see, &seen, &err));
	assert_int_equal(seen.n, 1);
	expect_damage(fs_readdir(fs, TOY_ROOT, seen.next, see, &seen, &err));
	toy_driver.readdir = wrong_readdir_restarts;
	expect_damage(fs_readdir(fs, TOY_ROOT, 4, see, &seen, &err));
	assert_int_equal(seen.n, 1);
}

static void a_driver_that_does_not_stop_is_not_listened_to(void **state)
{
	struct seen seen = { .stop_at = 2 };
	(void)state;
	toy_driver.readdir = wrong_readdir_deaf;
	assert_int_equal(fs_readdir(fs, TOY_ROOT, 0, see, &seen, NULL), 0);
	seen.stop_at = 32;
	seen.stopped = false;
	assert_int_equal(fs_readdir(fs, TOY_ROOT, seen.next, see, &seen, NULL), 0);
	assert_int_equal(seen.n, 5);
}

static void names_that_are_none_are_left_out_and_told(void **state)
{
	struct seen seen = { .stop_at = 32 };
	(void)state;
	toy_driver.readdir = wrong_readdir_names;
	expect_damage(fs_readdir(fs, TOY_ROOT, 0, see, &seen, &err));
	assert_int_equal(seen.n, 2);
	assert_string_equal(seen.names[0], "plain");
	assert_string_equal(seen.names[1], "zeros");
}

/* Names that no path can have, and those that they could be taken for. */
static struct {
	char bytes[256];
	size_t len;
} strange[] = { { "a/b", 3 },
		{ "a\xe2\x88\x95"
		  "b",
		  5 },
		{ "a%\xe2\x88\x95"
		  "b",
		  6 },
		{ "a\0b", 3 },
		{ "a", 1 },
		{ ".", 1 },
		{ "..", 2 },
		{ "%.", 2 },
		{ "", 255 } };

static int strange_readdir(struct fs *of, uint64_t dir, uint64_t pos, fs_emit_fn *emit, void *ctx,
			   struct error *err)
{
	(void)of, (void)dir, (void)err;
	memset(strange[ARRAY_SIZE(strange) - 1].bytes, '/', 255);
	for (uint64_t i = pos; i < ARRAY_SIZE(strange); i++)
		if (emit(ctx, strange[i].bytes, strange[i].len, 100 + i, S_IFREG, i + 1))
			break;
	return 0;
}

static int strange_lookup(struct fs *of, uint64_t dir, const char *name, size_t len, uint64_t *ret,
			  struct error *err)
{
	(void)of, (void)dir;
	for (uint64_t i = 0; i < ARRAY_SIZE(strange); i++)
		if (strange[i].len == len && memcmp(strange[i].bytes, name, len) == 0) {
			*ret = 100 + i;
			return 0;
		}
	return error_set(err, -ENOENT, "%m");
}

static int strange_links(struct fs *of, uint64_t ino, fs_link_fn *fn, void *ctx, struct error *err)
{
	(void)of;
	return fn(ctx, TOY_ROOT, strange[ino - 100].bytes, strange[ino - 100].len, err);
}

struct found {
	size_t n;
	char names[ARRAY_SIZE(strange)][FS_NAME_MAX + 1];
};

static int take_name(void *ctx, const char *name, size_t len, uint64_t ino, uint32_t type,
		     uint64_t next)
{
	struct found *found = ctx;
	(void)type, (void)next;
	assert_int_equal(strlen(name), len);
	assert_int_equal(ino, 100 + found->n);
	strcpy(found->names[found->n++], name);
	return 0;
}

static int same_name(void *ctx, uint64_t dir, const char *name, size_t len, struct error *err)
{
	(void)dir, (void)err;
	assert_string_equal(ctx, name);
	assert_int_equal(strlen(name), len);
	return 0;
}

static void no_name_is_hidden_and_each_leads_to_its_own_file(void **state)
{
	static struct found found;
	uint64_t ino;
	(void)state;
	toy_driver.readdir = strange_readdir;
	toy_driver.lookup = strange_lookup;
	toy_driver.links = strange_links;
	assert_int_equal(fs_readdir(fs, TOY_ROOT, 0, take_name, &found, NULL), 0);
	assert_int_equal(found.n, ARRAY_SIZE(strange));
	for (size_t i = 0; i < found.n; i++) {
		assert_null(strchr(found.names[i], '/'));
		assert_int_equal(fs_lookup(fs, TOY_ROOT, found.names[i], &ino, NULL), 0);
		assert_int_equal(ino, 100 + i);
		assert_int_equal(fs_links(fs, ino, same_name, found.names[i], NULL), 0);
	}
	assert_string_equal(found.names[1], strange[1].bytes);
	assert_string_equal(found.names[6], "%..");
}

/* Three entries of one name, of which two are of one file; and a name that looks like theirs. */
static int twins_readdir(struct fs *of, uint64_t dir, uint64_t pos, fs_emit_fn *emit, void *ctx,
			 struct error *err)
{
	static const struct {
		const char *name;
		uint64_t ino;
	} entries[] = { { "..", 3 }, { "..", 4 }, { "..", 3 }, { "..%#4", 5 } };
	(void)of, (void)dir, (void)err;
	for (uint64_t i = pos; i < ARRAY_SIZE(entries); i++)
		if (emit(ctx, entries[i].name, strlen(entries[i].name), entries[i].ino, 0, i + 1))
			break;
	return 0;
}

static int twins_lookup(struct fs *of, uint64_t dir, const char *name, size_t len, uint64_t *ret,
			struct error *err)
{
	(void)of, (void)dir;
	if (len != 2 && len != 5)
		return error_set(err, -ENOENT, "%m");
	assert_memory_equal(name, "..%#4", len);
	*ret = len == 2 ? 3 : 5;
	return 0;
}

static void files_that_damage_gave_one_name_are_told_apart(void **state)
{
	static const struct {
		const char *shown;
		uint64_t ino;
	} twins[] = { { "%..", 3 }, { "%..%#4", 4 }, { "%..", 3 }, { "..%%#4", 5 } };
	struct seen seen = { .stop_at = 32 };
	uint64_t ino;
	(void)state;
	toy_driver.readdir = twins_readdir;
	toy_driver.lookup = twins_lookup;
	assert_int_equal(fs_readdir(fs, TOY_ROOT, 0, see, &seen, NULL), 0);
	assert_int_equal(seen.n, ARRAY_SIZE(twins));
	for (size_t i = 0; i < ARRAY_SIZE(twins); i++) {
		assert_string_equal(seen.names[i], twins[i].shown);
		assert_int_equal(fs_lookup(fs, TOY_ROOT, twins[i].shown, &ino, NULL), 0);
		assert_int_equal(ino, twins[i].ino);
	}
	assert_int_equal(fs_lookup(fs, TOY_ROOT, "%..%#5", &ino, NULL), -ENOENT);
}

/* Which of them the driver finds by the name alone. */
static uint64_t found_alone;

static int any_lookup(struct fs *of, uint64_t dir, const char *name, size_t len, uint64_t *ret,
		      struct error *err)
{
	(void)of, (void)dir, (void)name;
	if (len != 2 || found_alone == 0)
		return error_set(err, -ENOENT, "%m");
	*ret = found_alone;
	return 0;
}

/* Six entries of three names, of which the middle one has four files. */
static int many_readdir(struct fs *of, uint64_t dir, uint64_t pos, fs_emit_fn *emit, void *ctx,
			struct error *err)
{
	static const char *const names[] = { "a", "tw", "tw", "tw", "tw", "z" };
	(void)of, (void)dir, (void)err;
	for (uint64_t i = pos; i < ARRAY_SIZE(names); i++)
		if (emit(ctx, names[i], strlen(names[i]), 10 + i, 0, i + 1))
			break;
	return 0;
}

static void wherever_a_listing_goes_on_names_are_the_same(void **state)
{
	(void)state;
	toy_driver.readdir = many_readdir;
	toy_driver.lookup = any_lookup;
	for (found_alone = 11; found_alone <= 14; found_alone++) {
		struct seen all = { .stop_at = 32 };
		assert_int_equal(fs_readdir(fs, TOY_ROOT, 0, see, &all, NULL), 0);
		assert_int_equal(all.n, 6);
		for (uint64_t i = 1; i < 5; i++) {
			char wanted[32] = "tw";
			uint64_t ino;
			if (10 + i != found_alone)
				snprintf(wanted, sizeof(wanted), "tw%%#%d", (int)(10 + i));
			assert_string_equal(all.names[i], wanted);
			/* Without a listing, too. */
			assert_int_equal(fs_lookup(fs, TOY_ROOT, wanted, &ino, NULL), 0);
			assert_int_equal(ino, 10 + i);
		}
		for (uint64_t pos = 1; pos < 6; pos++)
			for (size_t length = 1; length <= 6 - pos; length++) {
				struct seen some = { .stop_at = length };
				assert_int_equal(fs_readdir(fs, TOY_ROOT, pos, see, &some, NULL),
						 0);
				for (size_t i = 0; i < length; i++)
					assert_string_equal(some.names[i], all.names[pos + i]);
			}
	}
}

static void a_name_that_leads_nowhere_is_listed_as_it_is(void **state)
{
	struct seen seen = { .stop_at = 32 };
	(void)state;
	found_alone = 0;
	toy_driver.readdir = many_readdir;
	toy_driver.lookup = any_lookup;
	assert_int_equal(fs_readdir(fs, TOY_ROOT, 0, see, &seen, NULL), 0);
	assert_int_equal(seen.n, 6);
	assert_string_equal(seen.names[1], "tw");
	assert_string_equal(seen.names[2], "tw%#12");
	assert_string_equal(seen.names[5], "z");
}

int main(void)
{
#define test(f) cmocka_unit_test_setup_teardown(f, up, down)
	const struct CMUnitTest tests[] = {
		test(a_listing_goes_on_where_it_was_stopped),
		test(listings_that_do_not_go_on_are_damage),
		test(a_driver_that_does_not_stop_is_not_listened_to),
		test(names_that_are_none_are_left_out_and_told),
		test(no_name_is_hidden_and_each_leads_to_its_own_file),
		test(files_that_damage_gave_one_name_are_told_apart),
		test(wherever_a_listing_goes_on_names_are_the_same),
		test(a_name_that_leads_nowhere_is_listed_as_it_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
