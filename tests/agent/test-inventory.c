/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "cluster.h"
#include "inventory.h"
#include "session.h"

/* A made-up machine: a tree of the small files that the kernel would show. */
static char top[64];

static void put(const char *path, const void *bytes, size_t len)
{
	char full[512];
	snprintf(full, sizeof(full), "%s%s", top, path);
	for (char *p = full + strlen(top) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		mkdir(full, 0755);
		*p = '/';
	}
	int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	close(fd);
}

static void put_text(const char *path, const char *text)
{
	put(path, text, strlen(text));
}

/* A block device: @where is its folder below /sys/devices. */
static void device(const char *where, unsigned int major, unsigned int minor, const char *sectors)
{
	char path[512], from[512], to[512];
	const char *name = strrchr(where, '/') + 1;
	snprintf(path, sizeof(path), "/sys/devices/%s/size", where);
	put_text(path, sectors);
	snprintf(path, sizeof(path), "/sys/devices/%s/queue/logical_block_size", where);
	put_text(path, "512\n");
	put_text("/sys/class/block/.keep", "");
	put_text("/sys/dev/block/.keep", "");
	snprintf(to, sizeof(to), "../../devices/%s", where);
	snprintf(from, sizeof(from), "%s/sys/class/block/%s", top, name);
	assert_int_equal(symlink(to, from), 0);
	snprintf(from, sizeof(from), "%s/sys/dev/block/%u:%u", top, major, minor);
	assert_int_equal(symlink(to, from), 0);
}

static void on(const char *upper, const char *lower)
{
	char path[512];
	snprintf(path, sizeof(path), "/sys/devices/%s/slaves/%s", upper, lower);
	put_text(path, "");
}

static void put_page(const char *path, char last)
{
	char page[24] = { 0, (char)0x83, 0, 20, 1, 3, 0, 16, 0x60 };
	page[23] = last;
	put(path, page, sizeof(page));
}

static int setup(void **state)
{
	(void)state;
	strcpy(top, "/tmp/lunette-machine.XXXXXX");
	assert_non_null(mkdtemp(top));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	char command[128];
	snprintf(command, sizeof(command), "rm -rf %s", top);
	return system(command);
}

static struct inventory *look(const char *mounts, const char *identities)
{
	struct inventory *inv = NULL;
	struct error err = { 0 };
	put_text("/proc/self/mountinfo", mounts);
	json_t *ids = identities ? json_loads(identities, 0, NULL) : NULL;
	if (inventory_read(top, ids, &inv, &err) < 0)
		fail_msg("%s", err.msg);
	json_decref(ids);
	return inv;
}

/* The names of the disks that carry a file system, in the order of the machine. */
static const char *disks_of(const struct inventory *inv, const char *point)
{
	static char text[256];
	ssize_t fs = inventory_find(inv, point);
	assert_true(fs >= 0);
	text[0] = '\0';
	for (size_t i = 0; i < inv->n_disks; i++)
		if (inventory_set_has(&inv->filesystems[fs].disks, i)) {
			strcat(text, text[0] ? " " : "");
			strcat(text, inv->disks[i].name);
		}
	return text;
}

static void a_partition_is_carried_by_its_disk(void **state)
{
	(void)state;
	device("pci/block/sda", 8, 0, "2048\n");
	device("pci/block/sda/sda1", 8, 1, "1024\n");
	put_text("/sys/devices/pci/block/sda/sda1/partition", "1\n");
	put_page("/sys/devices/pci/block/sda/device/vpd_pg83", 7);
	put_text("/sys/devices/pci/block/sda/device/vendor", "ACME \033[2J \n");
	struct inventory *inv = look("21 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
				     "22 1 8:1 /sub /mnt\\040x rw - ext4 /dev/sda1 rw\n"
				     "23 1 0:5 / /proc rw - proc proc rw\n",
				     NULL);
	assert_int_equal(inv->n_filesystems, 1);
	assert_string_equal(disks_of(inv, "/"), "/dev/sda");
	assert_string_equal(disks_of(inv, "/mnt x"), "/dev/sda");
	assert_string_equal(inv->filesystems[0].point, "/");
	assert_int_equal(inv->filesystems[0].size, 1024 * 512);
	assert_string_equal(inv->disks[0].identity, "naa.60000000000000000000000000000007");
	assert_string_equal(inv->disks[0].vendor, "ACME ?[2J");
	inventory_free(inv);
}

static void volumes_are_carried_by_all_disks_below(void **state)
{
	(void)state;
	device("a/sda", 8, 0, "2048\n");
	device("b/sdb", 8, 16, "2048\n");
	device("c/sdc", 8, 32, "2048\n");
	device("v/md0", 9, 0, "4096\n");
	on("v/md0", "sda");
	on("v/md0", "sdb");
	device("v/dm-0", 253, 0, "4096\n");
	put_text("/sys/devices/v/dm-0/dm/uuid", "LVM-x\n");
	on("v/dm-0", "md0");
	on("v/dm-0", "sdc");
	struct inventory *inv = look("21 1 253:0 / /srv rw - xfs /dev/mapper/vg-srv rw\n", NULL);
	assert_string_equal(disks_of(inv, "/srv"), "/dev/sda /dev/sdb /dev/sdc");
	assert_int_equal(inv->n_disks, 3);
	inventory_free(inv);
}

static void paths_to_one_disk_are_one_disk(void **state)
{
	(void)state;
	device("a/sda", 8, 0, "2048\n");
	device("b/sdb", 8, 16, "2048\n");
	put_page("/sys/devices/a/sda/device/vpd_pg83", 1);
	put_page("/sys/devices/b/sdb/device/vpd_pg83", 1);
	device("v/dm-0", 253, 0, "2048\n");
	put_text("/sys/devices/v/dm-0/dm/uuid", "mpath-3600\n");
	put_text("/sys/devices/v/dm-0/dm/name", "mpatha\n");
	on("v/dm-0", "sda");
	on("v/dm-0", "sdb");
	put_text("/sys/devices/a/sda/holders/dm-0", "");
	put_text("/sys/devices/b/sdb/holders/dm-0", "");
	struct inventory *inv = look("21 1 253:0 / /srv rw - xfs /dev/mapper/mpatha rw\n", NULL);
	assert_int_equal(inv->n_disks, 1);
	assert_string_equal(disks_of(inv, "/srv"), "/dev/mapper/mpatha");
	assert_string_equal(inv->disks[0].identity, "naa.60000000000000000000000000000001");
	inventory_free(inv);
}

static void btrfs_is_carried_by_all_its_devices(void **state)
{
	(void)state;
	device("a/sda", 8, 0, "2048\n");
	device("b/sdb", 8, 16, "2048\n");
	put_text("/sys/fs/btrfs/0000/devices/sda", "");
	put_text("/sys/fs/btrfs/0000/devices/sdb", "");
	put_text("/sys/fs/btrfs/features/x", "");
	struct inventory *inv = look("21 1 0:40 /@ / rw - btrfs /dev/sda rw\n"
				     "22 1 0:40 / /top rw - btrfs /dev/sda rw\n",
				     NULL);
	assert_int_equal(inv->n_filesystems, 1);
	assert_string_equal(disks_of(inv, "/"), "/dev/sda /dev/sdb");
	assert_string_equal(inv->filesystems[0].point, "/top");
	inventory_free(inv);
}

#define STACK                                             \
	"21 1 8:0 / /data rw - xfs /dev/sda rw\n"         \
	"22 1 7:0 / /mid rw - ext4 /dev/loop0 rw\n"       \
	"23 1 7:1 / /high ro - btrfs /dev/loop1 ro,x=1\n" \
	"24 1 8:16 / /old rw - vfat /dev/sdb rw\n"

static void make_stack(void)
{
	device("a/sda", 8, 0, "2048\n");
	device("b/sdb", 8, 16, "2048\n");
	device("l/loop0", 7, 0, "512\n");
	put_text("/sys/devices/l/loop0/loop/backing_file", "/data/images/a.img\n");
	device("l/loop1", 7, 1, "512\n");
	put_text("/sys/devices/l/loop1/loop/backing_file", "/mid/b.img\n");
}

static void a_file_system_on_a_file_lies_on_the_disks_below(void **state)
{
	(void)state;
	make_stack();
	struct inventory *inv = look(STACK, NULL);
	assert_string_equal(disks_of(inv, "/high"), "/dev/sda");
	static const unsigned int depths[] = { 0, 1, 2, 0 };
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(inv->filesystems[i].depth, depths[i]);
	assert_true(inventory_set_has(&inv->filesystems[2].below, 1));
	assert_true(inv->filesystems[2].read_only);
	assert_null(inv->filesystems[1].reason);
	assert_non_null(inv->filesystems[3].reason);
	inventory_free(inv);
}

static void a_loop_device_that_is_named_is_a_disk(void **state)
{
	(void)state;
	make_stack();
	struct inventory *inv = look(STACK, "{\"/dev/loop0\":\"naa.1\"}");
	assert_string_equal(disks_of(inv, "/mid"), "/dev/loop0");
	assert_string_equal(disks_of(inv, "/high"), "/dev/loop0");
	assert_int_equal(inv->filesystems[1].depth, 0);
	inventory_free(inv);
}

static void what_lies_on_itself_is_an_error(void **state)
{
	(void)state;
	device("l/loop0", 7, 0, "512\n");
	put_text("/sys/devices/l/loop0/loop/backing_file", "/mid/b.img\n");
	put_text("/proc/self/mountinfo", "22 1 7:0 / /mid rw - ext4 /dev/loop0 rw\n");
	struct inventory *inv = NULL;
	assert_int_equal(inventory_read(top, NULL, &inv, NULL), -ELOOP);
	device("v/dm-0", 253, 0, "4096\n");
	on("v/dm-0", "dm-0");
	put_text("/proc/self/mountinfo", "22 1 253:0 / /mid rw - ext4 /dev/dm-0 rw\n");
	assert_int_equal(inventory_read(top, NULL, &inv, NULL), -ELOOP);
}

static void pages_that_are_none_identify_nothing(void **state)
{
	(void)state;
	device("a/sda", 8, 0, "2048\n");
	static const char whole[] = "\0\x83\0\x14\1\3\0\x10\x60"
				    "aaaaaaaaaaaaaaa";
	for (size_t len = 0; len < sizeof(whole) - 1; len++) {
		put("/sys/devices/a/sda/device/vpd_pg83", whole, len);
		struct device disk;
		device_describe(top, "sda", &disk);
		assert_string_equal(disk.identity, "");
	}
	put("/sys/devices/a/sda/device/vpd_pg83", "\0\x80\0\x14\1\3\0\x10\x60zzzzzzzzzzzzzzz", 24);
	struct device disk;
	device_describe(top, "sda", &disk);
	assert_string_equal(disk.identity, "");
}

/* One of them that nobody asks for must not keep the others from being told. */
static void a_mount_point_need_not_be_utf8(void **state)
{
	(void)state;
	device("a/sda", 8, 0, "2048\n");
	device("a/sdb", 8, 16, "2048\n");
	struct inventory *inv = look("21 1 8:0 / / rw - ext4 /dev/sda rw\n"
				     "22 1 8:16 / /mnt/\xff rw - ext4 /dev/sdb rw\n",
				     NULL);
	struct error err = { 0 };
	json_t *info = json_object();
	assert_int_equal(inventory_json(inv, info, &err), 0);
	const json_t *told = json_object_get(info, "filesystems");
	assert_int_equal(json_array_size(told), 2);
	assert_string_equal(json_string_value(json_object_get(json_array_get(told, 1), "name")),
			    "/mnt/\xef\xbf\xbd");
	assert_true(inventory_find(inv, "/mnt/\xff") >= 0);
	json_decref(info);
	inventory_free(inv);
}

static void what_a_session_says_is_text(void **state)
{
	(void)state;
	char point[] = "/mnt/\xff";
	struct session_volume volume = { .point = point };
	json_t *warnings = json_array();
	session_warn(warnings, "of '%s'", point);
	const struct session session = { .n_volumes = 1, .volumes = &volume, .warnings = warnings };
	json_t *prepared = session_prepared_json(&session);
	char *text = json_dumps(prepared, JSON_SORT_KEYS | JSON_COMPACT);
	assert_string_equal(text, "{\"disks\":[],\"volumes\":[\"/mnt/\xef\xbf\xbd\"],"
				  "\"warnings\":[\"of '/mnt/\xef\xbf\xbd'\"]}");
	free(text);
	json_decref(prepared);
	json_decref(warnings);
}

static void a_cluster_is_known_by_what_it_leaves(void **state)
{
	(void)state;
	struct mounts none = { 0 };
	assert_string_equal(cluster_kind(top, &none), "");
	char gfs2[] = "gfs2";
	struct mount_entry m = { .type = gfs2 };
	assert_string_equal(cluster_kind(top, &(struct mounts){ .n = 1, .list = &m }), "gfs2");
	put_text("/etc/corosync/corosync.conf", "");
	assert_string_equal(cluster_kind(top, &none), "corosync");
	put_text("/var/lib/pacemaker/cib/cib.xml", "");
	assert_string_equal(cluster_kind(top, &none), "pacemaker");
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_partition_is_carried_by_its_disk),
		TEST(volumes_are_carried_by_all_disks_below),
		TEST(paths_to_one_disk_are_one_disk),
		TEST(btrfs_is_carried_by_all_its_devices),
		TEST(a_file_system_on_a_file_lies_on_the_disks_below),
		TEST(a_loop_device_that_is_named_is_a_disk),
		TEST(what_lies_on_itself_is_an_error),
		TEST(pages_that_are_none_identify_nothing),
		TEST(a_mount_point_need_not_be_utf8),
		TEST(what_a_session_says_is_text),
		TEST(a_cluster_is_known_by_what_it_leaves),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
