/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How the attributes that a driver tells are shown in a mount. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "mount-private.h"

static const struct mount mount = { .uid = 1234, .gid = 5678 };

static void nobody_may_write_whatever_the_permissions(void **state)
{
	static const struct {
		uint32_t told, shown;
	} modes[] = {
		{ S_IFREG | 0666, S_IFREG | 0444 },   { S_IFREG | 0444, S_IFREG | 0444 },
		{ S_IFREG | 04755, S_IFREG | 04555 }, { S_IFREG | 0200, S_IFREG },
		{ S_IFDIR | 0777, S_IFDIR | 0555 },   { S_IFDIR | 01777, S_IFDIR | 01555 },
		{ S_IFLNK | 0777, S_IFLNK | 0777 },   { S_IFCHR | 0660, S_IFCHR | 0440 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		const struct fs_stat st = { .mode = modes[i].told };
		assert_int_equal(mount_stat(&mount, &st).st_mode, modes[i].shown);
	}
}

static void what_is_nobodys_belongs_to_who_mounts(void **state)
{
	const struct fs_stat nobodys = { .uid = FS_NOBODY, .gid = FS_NOBODY };
	const struct fs_stat roots = { .uid = 0, .gid = 7 };
	struct stat st = mount_stat(&mount, &nobodys);
	(void)state;
	assert_int_equal(st.st_uid, 1234);
	assert_int_equal(st.st_gid, 5678);
	st = mount_stat(&mount, &roots);
	assert_int_equal(st.st_uid, 0);
	assert_int_equal(st.st_gid, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_may_write_whatever_the_permissions),
		cmocka_unit_test(what_is_nobodys_belongs_to_who_mounts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
