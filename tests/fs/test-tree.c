/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>
#include <pthread.h>
#include <sys/stat.h>

#include "lunette/moment.h"
#include "lunette/tree.h"
#include "ntfs-fixture.h"
#include "pool.h"

static uint8_t *volume;

/* ---- a fake repository: restore points whose disk is the volume, or nothing ---- */

#define POINTS_MAX 64

static atomic_int disks_open, most_open;

static void disk_gone(struct blk *blk)
{
	disks_open--;
	free(blk);
}

static int disk_read(struct blk *blk, void *buf, size_t len, uint64_t off, struct error *err)
{
	(void)blk;
	(void)err;
	memcpy(buf, volume + off, len);
	return 0;
}

static const struct blk_ops disk_ops = {
	.name = "fake",
	.leaf = true,
	.read = disk_read,
	.destroy = disk_gone,
};

static struct layout *fake_layout(void)
{
	struct blk *disk = calloc(1, sizeof(*disk));
	struct layout *layout = NULL;
	if (!disk)
		abort();
	blk_init(disk, &disk_ops, NTFS_SIZE, 512);
	int open = ++disks_open;
	if (open > most_open)
		most_open = open;
	struct layout_input input = { .blk = disk, .source = "fake" };
	if (layout_new(&input, 1, NULL, &layout, NULL) != 0 || fs_identify(layout, NULL) != 0)
		abort();
	blk_unref(disk);
	return layout;
}

struct fake {
	struct points points;
	int broken; /* what a listing ends with */
	size_t n;
	struct {
		const char *name, *time;
		bool gone;
	} all[POINTS_MAX];
	atomic_int opened;
};

static int fake_list(struct points *points, points_emit_fn *emit, void *ctx, struct error *err)
{
	struct fake *fake = (struct fake *)points;
	if (fake->broken)
		return error_set(err, fake->broken, "it is away");
	for (size_t i = 0; i < fake->n; i++) {
		struct point_name point = { .name = fake->all[i].name, .time = fake->all[i].time };
		snprintf(point.id, sizeof(point.id), "%064zu", i);
		int rc = fake->all[i].gone ? 0 : emit(ctx, &point, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int fake_open(struct points *points, const char *id, struct layout **ret, struct error *err)
{
	struct fake *fake = (struct fake *)points;
	size_t n = strtoul(id, NULL, 10);
	if (n >= fake->n || fake->all[n].gone)
		return error_set(err, -ENOENT, "it is gone");
	fake->opened++;
	*ret = fake_layout();
	return 0;
}

static const struct points_ops fake_ops = { .list = fake_list, .open = fake_open };

static struct fake *fake_new(void)
{
	struct fake *fake = calloc(1, sizeof(*fake));
	if (!fake)
		abort();
	fake->points.ops = &fake_ops;
	return fake;
}

static void add(struct fake *fake, const char *name, const char *time)
{
	fake->all[fake->n].name = name;
	fake->all[fake->n++].time = time;
}

/* ---- helpers ---- */

static struct tree *live(void)
{
	struct tree *tree = NULL;
	assert_int_equal(tree_new_layout(fake_layout(), &tree, NULL), 0);
	return tree;
}

static struct tree *over(struct fake *fake)
{
	struct tree *tree = NULL;
	assert_int_equal(tree_new_points(&fake->points, &tree, NULL), 0);
	return tree;
}

/* The node at the end of a path, or a negative errno. */
static int walk(struct tree *tree, const char *path, struct tree_attr *ret)
{
	char text[256];
	char *rest;
	snprintf(text, sizeof(text), "%s", path);
	int rc = tree_stat(tree, TREE_ROOT, ret, NULL);
	for (char *part = strtok_r(text, "/", &rest); part && rc == 0;
	     part = strtok_r(NULL, "/", &rest))
		rc = tree_lookup(tree, ret->stat.ino, part, ret, NULL);
	return rc;
}

struct names {
	size_t n;
	char all[POINTS_MAX][64];
	uint64_t nexts[POINTS_MAX];
};

static int take(void *ctx, const char *name, size_t len, uint64_t node, uint32_t type,
		uint64_t next)
{
	struct names *names = ctx;
	(void)node;
	(void)type;
	assert_int_equal(strlen(name), len);
	snprintf(names->all[names->n], sizeof(names->all[0]), "%s", name);
	names->nexts[names->n++] = next;
	return 0;
}

static int take_one(void *ctx, const char *name, size_t len, uint64_t node, uint32_t type,
		    uint64_t next)
{
	struct names *names = ctx;
	if (names->n == 1)
		return 1;
	return take(ctx, name, len, node, type, next);
}

static struct names list(struct tree *tree, const char *path)
{
	struct tree_attr dir;
	struct names names = { 0 };
	assert_int_equal(walk(tree, path, &dir), 0);
	assert_int_equal(tree_readdir(tree, dir.stat.ino, 0, take, &names, NULL), 0);
	return names;
}

static void assert_names(struct tree *tree, const char *path, const char *wanted)
{
	struct names names = list(tree, path);
	char text[4096] = "";
	for (size_t i = 0; i < names.n; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? " " : "",
			 names.all[i]);
	assert_string_equal(text, wanted);
}

/* ---- one set of disks ---- */

static void the_tree_of_disks_is_as_promised(void **state)
{
	(void)state;
	struct tree *tree = live();
	struct tree_attr attr;
	assert_names(tree, "", "layout.json disks volumes");
	assert_names(tree, "disks", "disk0.img");
	assert_names(tree, "volumes", "disk0");
	assert_names(tree, "volumes/disk0", "image files");
	assert_int_equal(walk(tree, "volumes/disk0/files/big", &attr), 0);
	assert_int_equal(attr.stat.size, NTFS_BIG);
	assert_false(attr.changes);
	assert_int_equal(walk(tree, "volumes/disk0/files/none", &attr), -ENOENT);
	assert_int_equal(walk(tree, "disks/disk1.img", &attr), -ENOENT);
	assert_int_equal(walk(tree, "layout.json/x", &attr), -ENOTDIR);
	assert_int_equal(tree_size(tree), NTFS_SIZE);
	assert_int_equal(tree_read_ahead(tree), BLK_PREFERRED * BLK_DEPTH);
	assert_false(tree_changes(tree));
	tree_free(tree);
	assert_int_equal(disks_open, 0);
}

static void images_and_files_give_the_bytes_below(void **state)
{
	(void)state;
	struct tree *tree = live();
	static uint8_t buf[NTFS_SIZE + 1];
	struct tree_attr attr;
	size_t n;
	static const char *const images[] = { "disks/disk0.img", "volumes/disk0/image" };
	for (size_t i = 0; i < ARRAY_SIZE(images); i++) {
		assert_int_equal(walk(tree, images[i], &attr), 0);
		assert_int_equal(attr.stat.size, NTFS_SIZE);
		assert_int_equal(tree_read(tree, attr.stat.ino, buf, sizeof(buf), 0, &n, NULL), 0);
		assert_int_equal(n, NTFS_SIZE);
		assert_memory_equal(buf, volume, NTFS_SIZE);
		assert_int_equal(tree_read(tree, attr.stat.ino, buf, 10, UINT64_MAX, &n, NULL), 0);
		assert_int_equal(n, 0);
	}
	assert_int_equal(walk(tree, "volumes/disk0/files/big", &attr), 0);
	assert_int_equal(tree_read(tree, attr.stat.ino, buf, sizeof(buf), 1, &n, NULL), 0);
	assert_int_equal(n, NTFS_BIG - 1);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(buf[i], ntfs_fixture_byte(i + 1));
	assert_int_equal(walk(tree, "volumes/disk0/files/small", &attr), 0);
	assert_int_equal(tree_read(tree, attr.stat.ino, buf, sizeof(buf), 0, &n, NULL), 0);
	assert_int_equal(n, strlen(NTFS_SMALL));
	tree_free(tree);
}

static void listing_goes_on_where_it_stopped(void **state)
{
	(void)state;
	struct tree *tree = live();
	static const char *const dirs[] = { "", "volumes/disk0", "volumes/disk0/files" };
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		struct tree_attr dir;
		struct names all = list(tree, dirs[i]);
		assert_int_equal(walk(tree, dirs[i], &dir), 0);
		uint64_t pos = 0;
		for (size_t k = 0; k <= all.n; k++) {
			struct names one = { 0 };
			assert_int_equal(
				tree_readdir(tree, dir.stat.ino, pos, take_one, &one, NULL), 0);
			assert_int_equal(one.n, k < all.n);
			if (one.n)
				assert_string_equal(one.all[0], all.all[k]);
			pos = one.n ? one.nexts[0] : pos;
		}
	}
	tree_free(tree);
}

static void assert_readme(struct tree *tree, const char *volume_dir, const char *says)
{
	char path[128], text[4096];
	struct tree_attr attr;
	size_t n = 0;
	snprintf(path, sizeof(path), "%s/README", volume_dir);
	assert_int_equal(walk(tree, path, &attr), 0);
	assert_false(attr.changes);
	assert_int_equal(attr.stat.mode, S_IFREG | 0444);
	assert_int_equal(tree_read(tree, attr.stat.ino, text, sizeof(text) - 1, 0, &n, NULL), 0);
	assert_int_equal(n, attr.stat.size);
	text[n] = '\0';
	if (!strstr(text, says))
		fail_msg("%s", text);
}

static void a_volume_whose_files_are_shown_has_no_readme(void **state)
{
	(void)state;
	struct tree *tree = live();
	struct tree_attr attr;
	assert_names(tree, "volumes/disk0", "image files");
	assert_int_equal(walk(tree, "volumes/disk0/README", &attr), -ENOENT);
	tree_free(tree);
}

static void a_damaged_volume_still_shows_its_image(void **state)
{
	(void)state;
	uint8_t *sound = volume;
	volume = malloc(NTFS_SIZE);
	assert_non_null(volume);
	memcpy(volume, sound, NTFS_SIZE);
	uint64_t mft;
	memcpy(&mft, volume + 48, 8);
	memset(volume + mft * 1024, 0xba, 4096);
	struct tree *tree = live();
	struct tree_attr attr;
	struct error err = { 0 };
	assert_int_equal(walk(tree, "volumes/disk0/image", &attr), 0);
	assert_int_equal(walk(tree, "volumes/disk0", &attr), 0);
	uint64_t dir = attr.stat.ino;
	for (int i = 0; i < 2; i++) { /* the second time it is remembered */
		assert_int_equal(tree_lookup(tree, dir, "files", &attr, &err), -EUCLEAN);
		assert_non_null(strstr(err.msg, "volume disk0: NTFS: open: "));
	}
	assert_names(tree, "volumes/disk0", "image README");
	assert_readme(tree, "volumes/disk0", "cannot be shown: volume disk0: NTFS: open: ");
	tree_free(tree);

	memset(volume, 0, 512);
	memcpy(volume, "nothing known", 13);
	memcpy(volume + 1080, "\x53\xef", 2); /* ext: known by name only */
	tree = live();
	assert_names(tree, "volumes/disk0", "image README");
	assert_int_equal(walk(tree, "volumes/disk0/files", &attr), -ENOENT);
	assert_readme(tree, "volumes/disk0", "disk0 has ext2 on it");
	tree_free(tree);
	free(volume);
	volume = sound;
}

static void other_disks_are_asked_for_only_where_they_would_help(void **state)
{
	(void)state;
	for (int settled = 0; settled < 2; settled++) {
		struct layout *layout = fake_layout();
		struct tree *tree = NULL;
		blk_unref(layout->volumes[0].blk);
		layout->volumes[0].blk = NULL;
		layout->volumes[0].map = NULL;
		layout->volumes[0].state = LAYOUT_INCOMPLETE;
		layout->volumes[0].settled = settled;
		strcpy(layout->volumes[0].reason, "it is torn");
		assert_int_equal(tree_new_layout(layout, &tree, NULL), 0);
		assert_readme(tree, "volumes/disk0",
			      settled ? "it is torn.\n" : "it is torn.\n\nIt is shown together");
		struct tree_attr attr;
		assert_int_equal(walk(tree, "volumes/disk0/README", &attr), 0);
		if (settled)
			assert_int_equal(attr.stat.size,
					 strlen("Volume disk0 cannot be shown: it is torn.\n"));
		tree_free(tree);
	}
}

/* Numbers come from the kernel, which has them from us; but NFS clients may send anything. */
static void foreign_numbers_are_refused(void **state)
{
	(void)state;
	struct fake *fake = fake_new();
	add(fake, "server", "2026-11-22T17:00:00Z");
	struct tree *trees[] = { live(), over(fake) };
	unsigned int seed = 1;
	for (size_t t = 0; t < ARRAY_SIZE(trees); t++)
		for (int i = 0; i < 20000; i++) {
			uint64_t node = (uint64_t)rand_r(&seed) << 40 ^
					(uint64_t)rand_r(&seed) << 20 ^ (uint64_t)rand_r(&seed);
			node >>= rand_r(&seed) % 64;
			struct tree_attr attr;
			struct blk_extent ext;
			struct names names = { 0 };
			char buf[64];
			size_t n;
			tree_stat(trees[t], node, &attr, NULL);
			tree_lookup(trees[t], node, "files", &attr, NULL);
			tree_readdir(trees[t], node, node, take, &names, NULL);
			tree_read(trees[t], node, buf, sizeof(buf), node, &n, NULL);
			tree_readlink(trees[t], node, buf, sizeof(buf), NULL);
			tree_extent(trees[t], node, node, &ext, NULL);
			tree_listxattr(trees[t], node, buf, sizeof(buf), &n, NULL);
			tree_getxattr(trees[t], node, "user.x", buf, sizeof(buf), &n, NULL);
		}
	struct tree_attr attr;
	assert_int_equal(tree_stat(trees[0], 0, &attr, NULL), -ESTALE);
	assert_int_equal(tree_stat(trees[0], UINT64_MAX, &attr, NULL), -ESTALE);
	assert_int_equal(tree_stat(trees[0], 9ull << FS_INO_BITS | 5, &attr, NULL), -ESTALE);
	tree_free(trees[0]);
	tree_free(trees[1]);
	free(fake);
}

/* ---- finished backups ---- */

static void backups_stand_below_name_and_time(void **state)
{
	(void)state;
	struct fake *fake = fake_new();
	add(fake, "server", "2026-11-21T17:00:00Z");
	add(fake, "a/b", "2026-11-21T18:00:00Z");
	add(fake, "a_b", "2026-11-21T18:00:00Z");
	add(fake, "..", "2026-11-21T18:00:00Z");
	add(fake, "server", "2026-11-22T17:00:00Z");
	add(fake, "server", "2026-11-22T17:00:00Z");
	struct tree *tree = over(fake);
	struct tree_attr attr;
	char link[64];
	assert_names(tree, "", "server a_b a_b~2 __");
	assert_names(tree, "server",
		     "latest 2026-11-21T170000Z 2026-11-22T170000Z 2026-11-22T170000Z~2");
	assert_names(tree, "a_b~2/2026-11-21T180000Z", "layout.json disks volumes");
	assert_int_equal(walk(tree, "server/2026-11-21T170000Z/volumes/disk0/files/big", &attr), 0);
	assert_int_equal(walk(tree, "server/2026-11-21T170000Z/disks/disk0.img", &attr), 0);
	assert_int_equal(attr.stat.mtime.tv_sec, 1795280400);
	assert_int_equal(walk(tree, "server/latest", &attr), 0);
	assert_true(attr.changes);
	assert_int_equal(attr.stat.mode & S_IFMT, S_IFLNK);
	assert_int_equal(tree_readlink(tree, attr.stat.ino, link, sizeof(link), NULL), 0);
	assert_string_equal(link, "2026-11-22T170000Z~2");
	assert_int_equal(walk(tree, "nobody", &attr), -ENOENT);
	assert_int_equal(walk(tree, "server/2020-01-01T000000Z", &attr), -ENOENT);
	assert_true(tree_changes(tree));
	tree_free(tree);
	free(fake);
}

static void the_latest_is_of_the_future_only_where_all_are(void **state)
{
	(void)state;
	struct fake *fake = fake_new();
	add(fake, "server", "2026-11-21T17:00:00Z");
	add(fake, "server", "2099-11-21T17:00:00Z");
	add(fake, "lone", "2099-11-21T18:00:00Z");
	struct tree *tree = over(fake);
	struct tree_attr attr;
	char link[64];
	assert_int_equal(walk(tree, "server/latest", &attr), 0);
	assert_int_equal(tree_readlink(tree, attr.stat.ino, link, sizeof(link), NULL), 0);
	assert_memory_equal(link, "2026", 4);
	assert_int_equal(walk(tree, "lone/latest", &attr), 0);
	assert_int_equal(tree_readlink(tree, attr.stat.ino, link, sizeof(link), NULL), 0);
	assert_memory_equal(link, "2099", 4);
	tree_free(tree);
	free(fake);
}

static void new_restore_points_appear_and_old_ones_go(void **state)
{
	(void)state;
	struct fake *fake = fake_new();
	add(fake, "server", "2026-11-21T17:00:00Z");
	add(fake, "old", "2026-11-21T17:00:00Z");
	struct tree *tree = over(fake);
	struct tree_attr first, again;
	assert_int_equal(walk(tree, "server/2026-11-21T170000Z/volumes/disk0/files/big", &first),
			 0);
	add(fake, "server", "2026-11-22T17:00:00Z");
	fake->all[1].gone = true;
	struct timespec moment = { .tv_nsec = 600000000 };
	nanosleep(&moment, NULL);
	assert_names(tree, "", "server");
	assert_names(tree, "server", "latest 2026-11-21T170000Z 2026-11-22T170000Z");
	assert_int_equal(walk(tree, "old", &again), -ENOENT);
	assert_int_equal(walk(tree, "server/2026-11-21T170000Z/volumes/disk0/files/big", &again),
			 0);
	assert_int_equal(first.stat.ino, again.stat.ino);
	tree_free(tree);
	free(fake);
}

static void a_listing_that_fails_ends_no_directory(void **state)
{
	(void)state;
	static const char *const dirs[] = { "", "server" };
	struct timespec moment = { .tv_nsec = 600000000 };
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		struct fake *fake = fake_new();
		add(fake, "server", "2026-11-21T17:00:00Z");
		add(fake, "other", "2026-11-21T17:00:00Z");
		struct tree *tree = over(fake);
		struct tree_attr dir;
		struct names one = { 0 }, rest = { 0 };
		assert_int_equal(walk(tree, dirs[i], &dir), 0);
		assert_int_equal(tree_readdir(tree, dir.stat.ino, 0, take_one, &one, NULL), 0);
		uint64_t pos = one.nexts[0];
		nanosleep(&moment, NULL);
		fake->broken = -EIO;
		struct tree_attr other;
		assert_int_equal(walk(tree, "other", &other), -EIO);
		assert_int_equal(tree_readdir(tree, dir.stat.ino, pos, take, &rest, NULL), -EIO);
		fake->broken = 0;
		assert_int_equal(tree_readdir(tree, dir.stat.ino, pos, take, &rest, NULL), 0);
		assert_int_equal(rest.n, 1);
		tree_free(tree);
		free(fake);
	}
}

static void numbers_outlive_closing_and_only_so_many_stay_open(void **state)
{
	(void)state;
	struct fake *fake = fake_new();
	static char times[POINTS_MAX][24];
	struct tree_attr attr[POINTS_MAX];
	for (int i = 0; i < POINTS_MAX; i++) {
		snprintf(times[i], sizeof(times[i]), "2026-11-22T17:00:%02dZ", i);
		add(fake, "server", times[i]);
	}
	struct tree *tree = over(fake);
	disks_open = most_open = 0;
	for (int i = 0; i < POINTS_MAX; i++) {
		char path[128], time[MOMENT_TEXT];
		moment_plain(times[i], time);
		snprintf(path, sizeof(path), "server/%s/volumes/disk0/files/big", time);
		assert_int_equal(walk(tree, path, &attr[i]), 0);
		for (int k = 0; k < i; k++)
			assert_int_not_equal(attr[k].stat.ino, attr[i].stat.ino);
	}
	assert_int_equal(fake->opened, POINTS_MAX);
	for (int i = 0; i < POINTS_MAX; i++) {
		uint8_t byte;
		size_t n;
		assert_int_equal(tree_read(tree, attr[i].stat.ino, &byte, 1, 100, &n, NULL), 0);
		assert_int_equal(byte, ntfs_fixture_byte(100));
	}
	/* Restore points and file systems are counted apart, and one more is open while it changes.
	 */
	assert_in_range(most_open, POOL_MAX, 2 * POOL_MAX + 1);
	tree_free(tree);
	assert_int_equal(disks_open, 0);
	free(fake);
}

/* ---- threads ---- */

struct reader {
	struct tree *tree;
	unsigned int seed;
	int wrong;
};

static void *read_at_random(void *arg)
{
	struct reader *reader = arg;
	for (int i = 0; i < 300; i++) {
		char path[128];
		struct tree_attr attr;
		uint8_t buf[1000];
		size_t n = 0;
		uint64_t off = (uint64_t)rand_r(&reader->seed) % (NTFS_BIG - sizeof(buf));
		snprintf(path, sizeof(path), "server/2026-11-22T1700%02dZ/volumes/disk0/files/big",
			 rand_r(&reader->seed) % 40);
		reader->wrong += walk(reader->tree, path, &attr) != 0;
		reader->wrong += tree_read(reader->tree, attr.stat.ino, buf, sizeof(buf), off, &n,
					   NULL) != 0;
		reader->wrong += n != sizeof(buf) || buf[0] != ntfs_fixture_byte(off) ||
				 buf[999] != ntfs_fixture_byte(off + 999);
	}
	return NULL;
}

static void threads_read_what_is_there(void **state)
{
	(void)state;
	struct fake *fake = fake_new();
	static char times[40][24];
	for (int i = 0; i < 40; i++) {
		snprintf(times[i], sizeof(times[i]), "2026-11-22T17:00:%02dZ", i);
		add(fake, "server", times[i]);
	}
	struct tree *tree = over(fake);
	pthread_t threads[8];
	struct reader readers[8];
	for (unsigned int i = 0; i < 8; i++) {
		readers[i] = (struct reader){ .tree = tree, .seed = i };
		assert_int_equal(pthread_create(&threads[i], NULL, read_at_random, &readers[i]), 0);
	}
	int wrong = 0;
	for (int i = 0; i < 8; i++) {
		pthread_join(threads[i], NULL);
		wrong += readers[i].wrong;
	}
	assert_int_equal(wrong, 0);
	tree_free(tree);
	free(fake);
}

static int make_volume(void **state)
{
	(void)state;
	volume = ntfs_fixture_make();
	return 0;
}

static int free_volume(void **state)
{
	(void)state;
	free(volume);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_tree_of_disks_is_as_promised),
		cmocka_unit_test(images_and_files_give_the_bytes_below),
		cmocka_unit_test(listing_goes_on_where_it_stopped),
		cmocka_unit_test(a_volume_whose_files_are_shown_has_no_readme),
		cmocka_unit_test(a_damaged_volume_still_shows_its_image),
		cmocka_unit_test(other_disks_are_asked_for_only_where_they_would_help),
		cmocka_unit_test(foreign_numbers_are_refused),
		cmocka_unit_test(backups_stand_below_name_and_time),
		cmocka_unit_test(the_latest_is_of_the_future_only_where_all_are),
		cmocka_unit_test(new_restore_points_appear_and_old_ones_go),
		cmocka_unit_test(a_listing_that_fails_ends_no_directory),
		cmocka_unit_test(numbers_outlive_closing_and_only_so_many_stay_open),
		cmocka_unit_test(threads_read_what_is_there),
	};
	return cmocka_run_group_tests(tests, make_volume, free_volume);
}
