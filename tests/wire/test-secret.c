/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Secrets from files: what counts, what is refused, and what is told of who else may read them. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "lunette/secret.h"

static char path[] = "/tmp/test-secret.XXXXXX";

static void put(const void *bytes, size_t len, mode_t mode)
{
	FILE *f = fopen(path, "we");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static int line_of(const char *text, char **ret)
{
	put(text, strlen(text), 0600);
	return secret_line(path, "password file", ret, NULL);
}

static void the_first_line_is_the_password(void **state)
{
	(void)state;
	static const char *const files[] = { "one two", "one two\n", "one two\r\n",
					     "one two\nmore" };
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		char *got = NULL;
		assert_int_equal(line_of(files[i], &got), 0);
		assert_string_equal(got, "one two");
		secret_free(got);
	}
}

static void a_password_of_nothing_is_refused(void **state)
{
	(void)state;
	char *got = NULL;
	assert_int_equal(line_of("", &got), -EINVAL);
	assert_int_equal(line_of("\nsecond", &got), -EINVAL);
	assert_null(got);
}

static void what_would_be_cut_is_refused(void **state)
{
	(void)state;
	static char big[SECRET_MAX];
	struct error err = { 0 };
	char *got = NULL;
	memset(big, 'x', sizeof(big));
	put(big, sizeof(big), 0600);
	assert_int_equal(secret_text(path, "key file", &got, &err), -EMSGSIZE);
	assert_non_null(strstr(err.msg, "too long"));
	put("half\0lost", 9, 0600);
	assert_int_equal(secret_text(path, "key file", &got, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "not text"));
	put(big, sizeof(big) - 1, 0600);
	assert_int_equal(secret_text(path, "key file", &got, &err), 0);
	assert_int_equal(strlen(got), sizeof(big) - 1);
	secret_free(got);
}

static void what_others_may_read_or_write_is_refused(void **state)
{
	(void)state;
	static const mode_t open_to_others[] = { 0604, 0620, 0602, 0601, 0644, 0666 };
	struct error err = { 0 };
	char *got = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(open_to_others); i++) {
		put("x", 1, open_to_others[i]);
		assert_int_equal(secret_line(path, "password file", &got, &err), -EACCES);
		assert_non_null(strstr(err.msg, "chmod 600"));
		assert_null(got);
	}
	static const mode_t closed[] = { 0400, 0600, 0640 };
	for (size_t i = 0; i < ARRAY_SIZE(closed); i++) {
		put("x", 1, closed[i]);
		assert_int_equal(secret_line(path, "password file", &got, &err), 0);
		secret_free(steal(&got));
	}
	assert_int_equal(chmod(path, 0600), 0);
}

/* As another user, who may read what root may. */
static int line_as_nobody(char **ret, struct error *err)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2];
	assert_int_equal(seteuid(65534), 0);
	assert_int_equal(syscall(SYS_capget, &head, caps), 0);
	caps[0].effective |= 1u << CAP_DAC_READ_SEARCH;
	assert_int_equal(syscall(SYS_capset, &head, caps), 0);
	int rc = secret_line(path, "password file", ret, err);
	assert_int_equal(seteuid(0), 0);
	return rc;
}

static void it_may_be_roots_but_no_other_users_unless_we_are_root(void **state)
{
	(void)state;
	static const struct {
		uid_t owner;
		int as_root;
		int as_nobody;
	} cases[] = { { 0, 0, 0 }, { 65534, 0, 0 }, { 65533, 0, -EACCES } };
	if (geteuid() != 0) {
		print_message("# skipped: only root can give a file away\n");
		skip();
	}
	put("x", 1, 0600);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = { 0 };
		char *got = NULL;
		assert_int_equal(chown(path, cases[i].owner, (gid_t)-1), 0);
		assert_int_equal(secret_line(path, "password file", &got, &err), cases[i].as_root);
		secret_free(steal(&got));
		assert_int_equal(line_as_nobody(&got, &err), cases[i].as_nobody);
		secret_free(got);
	}
	assert_int_equal(chown(path, 0, (gid_t)-1), 0);
}

static void a_pipe_is_read_too(void **state)
{
	(void)state;
	int ends[2];
	char name[32], *got = NULL;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "from a pipe\n", 12), 12);
	close(ends[1]);
	snprintf(name, sizeof(name), "/dev/fd/%d", ends[0]);
	assert_int_equal(secret_line(name, "password file", &got, NULL), 0);
	assert_string_equal(got, "from a pipe");
	secret_free(got);
	close(ends[0]);
}

static int make_file(void **state)
{
	(void)state;
	int fd = mkstemp(path);
	close_cleanup(&fd);
	return fd < 0;
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

/* ---- from whoever started us ---- */

/* A pipe that holds @text, named to us. */
static int inherit(const char *text, size_t len)
{
	int ends[2];
	char number[16];
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], text, len), len);
	close(ends[1]);
	snprintf(number, sizeof(number), "%d", ends[0]);
	setenv(SECRET_ENV, number, 1);
	return ends[0];
}

static void a_job_hands_its_secrets_over(void **state)
{
	(void)state;
	json_t *got = NULL;
	int fd = inherit("{\"a\":\"b\"}\n", 10);
	assert_int_equal(secret_inherited(&got, NULL), 0);
	assert_string_equal(json_string_value(json_object_get(got, "a")), "b");
	assert_null(getenv(SECRET_ENV));
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	secret_json_free(got);
	assert_int_equal(secret_inherited(&got, NULL), 0);
	assert_null(got);
}

static void what_is_handed_over_must_be_an_object_behind_a_descriptor(void **state)
{
	(void)state;
	static const char *const names[] = { "", "x", "3x", "2", "-1", "99999999999" };
	static char big[SECRET_MAX];
	struct error err = { 0 };
	json_t *got = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		setenv(SECRET_ENV, names[i], 1);
		assert_int_equal(secret_inherited(&got, NULL), -EINVAL);
	}
	setenv(SECRET_ENV, "999", 1);
	assert_int_equal(secret_inherited(&got, &err), -EBADF);
	inherit("[]", 2);
	assert_int_equal(secret_inherited(&got, NULL), -EINVAL);
	inherit("", 0);
	assert_int_equal(secret_inherited(&got, NULL), -EINVAL);
	memset(big, ' ', sizeof(big));
	inherit(big, sizeof(big));
	assert_int_equal(secret_inherited(&got, &err), -EMSGSIZE);
	assert_non_null(strstr(err.msg, "too long"));
	assert_null(got);
}

static void nothing_of_an_object_stays(void **state)
{
	(void)state;
	json_t *json = json_pack("{s:{s:s}}", "in", "password", "open sesame");
	json_t *text = json_incref(json_object_get(json_object_get(json, "in"), "password"));
	secret_json_free(json);
	assert_string_equal(json_string_value(text), "");
	json_decref(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_line_is_the_password),
		cmocka_unit_test(a_password_of_nothing_is_refused),
		cmocka_unit_test(what_would_be_cut_is_refused),
		cmocka_unit_test(a_job_hands_its_secrets_over),
		cmocka_unit_test(what_is_handed_over_must_be_an_object_behind_a_descriptor),
		cmocka_unit_test(nothing_of_an_object_stays),
		cmocka_unit_test(what_others_may_read_or_write_is_refused),
		cmocka_unit_test(it_may_be_roots_but_no_other_users_unless_we_are_root),
		cmocka_unit_test(a_pipe_is_read_too),
	};
	return cmocka_run_group_tests(tests, make_file, remove_file);
}
