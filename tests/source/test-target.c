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
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "image-path.h"
#include "lunette/target.h"

#define MIB (1024 * 1024)

static void a_new_file_is_sparse_private_and_of_the_size(void **state)
{
	(void)state;
	struct error err = { 0 };
	struct target *target = NULL;
	assert_int_equal(target_file_create(image_path, 100 * MIB + 7, &target, &err), 0);
	struct stat st;
	assert_int_equal(stat(image_path, &st), 0);
	assert_int_equal(st.st_size, 100 * MIB + 7);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_true(st.st_blocks * 512 < MIB);
	assert_int_equal(target_flush(target, &err), 0);
	target_free(target);
}

static void what_is_there_is_never_overwritten(void **state)
{
	(void)state;
	struct error err = { 0 };
	struct target *target = NULL;
	close(open(image_path, O_WRONLY | O_CREAT, 0600));
	assert_int_equal(target_file_create(image_path, MIB, &target, &err), -EEXIST);
	assert_non_null(strstr(err.msg, image_path));
	assert_null(target);
}

static void written_bytes_and_zeros_are_there(void **state)
{
	(void)state;
	struct target *target = NULL;
	assert_int_equal(target_file_create(image_path, 4 * MIB, &target, NULL), 0);
	char *data = malloc(2 * MIB);
	memset(data, 'x', 2 * MIB);
	assert_int_equal(target_write(target, data, 2 * MIB, MIB, NULL), 0);
	/* Unaligned on purpose: a page is cut in the middle on both sides. */
	assert_int_equal(target_zero(target, MIB, MIB + 100, NULL), 0);
	assert_int_equal(target_zero(target, MIB, 3 * MIB, NULL), 0);
	assert_int_equal(target_flush(target, NULL), 0);
	target_free(target);
	FILE *f = fopen(image_path, "re");
	assert_non_null(f);
	for (int off = 0; off < 4 * MIB; off++) {
		bool x = (off >= MIB && off < MIB + 100) || (off >= 2 * MIB + 100 && off < 3 * MIB);
		assert_int_equal(fgetc(f), x ? 'x' : 0);
	}
	assert_int_equal(fgetc(f), EOF);
	fclose(f);
	free(data);
}

static void nothing_reaches_past_the_end(void **state)
{
	(void)state;
	struct error err = { 0 };
	struct target *target = NULL;
	assert_int_equal(target_file_create(image_path, MIB, &target, NULL), 0);
	assert_int_equal(target_write(target, "xy", 2, MIB - 1, &err), -ERANGE);
	assert_int_equal(target_write(target, "x", 1, UINT64_MAX, &err), -ERANGE);
	assert_int_equal(target_zero(target, UINT64_MAX, 1, &err), -ERANGE);
	assert_int_equal(target_write(target, "", 0, MIB, &err), 0);
	target_free(target);
	struct stat st;
	assert_int_equal(stat(image_path, &st), 0);
	assert_int_equal(st.st_size, MIB);
}

/* By another process, until there is no more; it ends with 0 if all is as it should be. */
static pid_t read_stream(int from, int other, size_t len)
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	close(other);
	size_t n = 0;
	for (unsigned char c; read(from, &c, 1) == 1; n++)
		if (c != (n >= 100 && n < 103 ? 'x' : 0))
			_exit(1);
	_exit(n == len ? 0 : 2);
}

static void a_stream_gets_all_of_it_in_order(void **state)
{
	(void)state;
	int fds[2], status;
	struct error err = { 0 };
	struct target *target = NULL;
	assert_int_equal(pipe(fds), 0);
	pid_t pid = read_stream(fds[0], fds[1], MIB);
	close(fds[0]);
	/* More than a pipe takes, of one that does not wait. */
	assert_int_equal(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(target_stream_open(fds[1], MIB, &target, &err), 0);
	assert_int_equal(target_write(target, "xxx", 3, 100, &err), -ESPIPE);
	assert_int_equal(target_zero(target, 100, 0, &err), 0);
	assert_int_equal(target_write(target, "xxx", 3, 100, &err), 0);
	assert_int_equal(target_zero(target, MIB - 103, 103, &err), 0);
	assert_int_equal(target_write(target, "xxx", 3, 100, &err), -ESPIPE);
	assert_int_equal(target_flush(target, &err), 0);
	target_free(target);
	close(fds[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void a_stream_that_nobody_reads_is_an_error(void **state)
{
	(void)state;
	int fds[2];
	struct error err = { 0 };
	struct target *target = NULL;
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(target_stream_open(fds[1], MIB, &target, &err), 0);
	assert_int_equal(target_write(target, "xxx", 3, 0, &err), 0);
	close(fds[0]);
	assert_int_equal(target_write(target, "xxx", 3, 3, &err), -EPIPE);
	assert_string_equal(err.msg, "nobody reads standard output any more, after 3 bytes");
	target_free(target);
	close(fds[1]);
}

static void a_size_no_file_can_have_leaves_nothing_behind(void **state)
{
	(void)state;
	struct error err = { 0 };
	struct target *target = NULL;
	assert_int_equal(target_file_create(image_path, UINT64_MAX, &target, &err), -EFBIG);
	assert_int_equal(target_file_create(image_path, INT64_MAX, &target, &err), -EFBIG);
	assert_int_equal(access(image_path, F_OK), -1);
	assert_null(target);
}

static void only_block_devices_are_devices(void **state)
{
	(void)state;
	struct error err = { 0 };
	struct target *target = NULL;
	assert_int_equal(target_device_open("/dev/null", MIB, &target, &err), -ENOTBLK);
	assert_int_equal(target_device_open(image_path, MIB, &target, &err), -ENOENT);
	close(open(image_path, O_WRONLY | O_CREAT, 0600));
	assert_int_equal(target_device_open(image_path, MIB, &target, &err), -ENOTBLK);
	assert_null(target);
}

static void no_file_is_made_among_the_devices(void **state)
{
	(void)state;
	static const char *const paths[] = { "/dev/lunette-none", "/dev/../dev/lunette-none" };
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct error err = { 0 };
		struct target *target = NULL;
		assert_int_equal(target_file_create(paths[i], MIB, &target, &err), -ENODEV);
		assert_non_null(strstr(err.msg, paths[i]));
		assert_int_equal(access(paths[i], F_OK), -1);
		assert_null(target);
	}
	/* By another way, too. */
	struct target *target = NULL;
	assert_int_equal(symlink("/dev", image_path), 0);
	char through[sizeof(image_path) + 16];
	snprintf(through, sizeof(through), "%s/lunette-none", image_path);
	assert_int_equal(target_file_create(through, MIB, &target, NULL), -ENODEV);
	/* What is there and no device is as anywhere. */
	assert_int_equal(target_file_create("/dev/null", MIB, &target, NULL), -EEXIST);
}

/* The loop device over the image, or "" where there are none. */
static void attach_loop(char *device, int room)
{
	char cmd[sizeof(image_path) + 64];
	snprintf(cmd, sizeof(cmd), "losetup -f --show %s 2>/dev/null", image_path);
	FILE *f = popen(cmd, "re");
	if (!f || !fgets(device, room, f))
		*device = '\0';
	if (f)
		pclose(f);
	device[strcspn(device, "\n")] = '\0';
}

static void a_device_is_written_zeroed_and_held(void **state)
{
	(void)state;
	char *data = malloc(2 * MIB);
	memset(data, 'x', 2 * MIB);
	int fd = open(image_path, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(pwrite(fd, data, 2 * MIB, 0), 2 * MIB);
	close(fd);
	free(data);
	char device[64];
	attach_loop(device, sizeof(device));
	if (!*device) {
		print_message("# skipped: no loop device\n");
		skip();
	}
	struct error err = { 0 };
	struct target *target = NULL, *second = NULL, *big = NULL;
	int opened = target_device_open(device, 2 * MIB, &target, &err);
	int again = target_device_open(device, 2 * MIB, &second, NULL);
	int wrote = target ? target_write(target, "abc", 3, 1000, &err) : -1;
	/* Aligned, so the device does it; and a part of a sector, which it cannot. */
	int zeroed = target ? target_zero(target, MIB, 512 * 1024, &err) : -1;
	int nibbled = target ? target_zero(target, 5, 2000, &err) : -1;
	int flushed = target ? target_flush(target, &err) : -1;
	target_free(target);
	int small = target_device_open(device, 2 * MIB + 1, &big, NULL);
	char cmd[96];
	snprintf(cmd, sizeof(cmd), "losetup -d %s", device);
	assert_int_equal(system(cmd), 0);
	assert_int_equal(opened, 0);
	assert_int_equal(again, -EBUSY);
	assert_int_equal(small, -ENOSPC);
	assert_true(wrote == 0 && zeroed == 0 && nibbled == 0 && flushed == 0);

	FILE *f = fopen(image_path, "re");
	assert_non_null(f);
	for (int off = 0; off < 2 * MIB; off++) {
		int want = 'x';
		if (off >= 1000 && off < 1003)
			want = "abc"[off - 1000];
		if ((off >= 512 * 1024 && off < 512 * 1024 + MIB) || (off >= 2000 && off < 2005))
			want = 0;
		assert_int_equal(fgetc(f), want);
	}
	fclose(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_gets_all_of_it_in_order),
		cmocka_unit_test(a_stream_that_nobody_reads_is_an_error),
		cmocka_unit_test_teardown(a_new_file_is_sparse_private_and_of_the_size,
					  image_remove),
		cmocka_unit_test_teardown(what_is_there_is_never_overwritten, image_remove),
		cmocka_unit_test_teardown(written_bytes_and_zeros_are_there, image_remove),
		cmocka_unit_test_teardown(nothing_reaches_past_the_end, image_remove),
		cmocka_unit_test_teardown(a_size_no_file_can_have_leaves_nothing_behind,
					  image_remove),
		cmocka_unit_test_teardown(only_block_devices_are_devices, image_remove),
		cmocka_unit_test_teardown(no_file_is_made_among_the_devices, image_remove),
		cmocka_unit_test_teardown(a_device_is_written_zeroed_and_held, image_remove),
	};
	return cmocka_run_group_tests(tests, image_dir_make, image_dir_remove);
}
