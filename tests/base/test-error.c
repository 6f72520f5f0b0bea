/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>
#include <string.h>

#include "lunette/error.h"

static void set_returns_the_code_and_says_why(void **state)
{
	(void)state;
	struct error err = { 0 };
	errno = EPERM;
	assert_int_equal(error_set(&err, -ENOENT, "open '%s': %m", "x"), -ENOENT);
	assert_string_equal(err.msg, "open 'x': No such file or directory");
	assert_int_equal(err.code, -ENOENT);
	assert_int_equal(errno, EPERM);
}

static void wrap_puts_the_place_in_front(void **state)
{
	(void)state;
	struct error err = { 0 };
	int rc = error_set(&err, -EIO, "read");
	assert_int_equal(error_wrap(&err, rc, "disk %d", 2), -EIO);
	assert_int_equal(error_wrap(&err, rc, "volume '%s'", "C"), -EIO);
	assert_string_equal(err.msg, "volume 'C': disk 2: read");
}

static void a_place_that_does_not_fit_gives_way_to_the_cause(void **state)
{
	(void)state;
	struct error err = { 0 };
	char cause[sizeof(err.msg) - 40];
	memset(cause, 'c', sizeof(cause));
	cause[sizeof(cause) - 1] = '\0';
	char place[sizeof(err.msg) * 2];
	memset(place, 'p', sizeof(place));
	place[sizeof(place) - 1] = '\0';

	int rc = error_set(&err, -EIO, "%s", cause);
	for (int i = 0; i < 3; i++) {
		error_wrap(&err, rc, "%s", place);
		assert_true(strlen(err.msg) < sizeof(err.msg));
		assert_string_equal(err.msg + strlen(err.msg) - strlen(cause), cause);
	}
}

static void a_mark_stays_with_the_cause_that_it_was_put_on(void **state)
{
	(void)state;
	struct error err = { 0 }, other = { 0 };
	int rc = error_mark(&err, error_set(&err, -ENOENT, "none"), ERROR_KIND_NOT_FOUND);
	assert_int_equal(rc, -ENOENT);
	error_wrap(&err, rc, "repository");
	error_copy(&other, rc, &err);
	assert_int_equal(other.kind, ERROR_KIND_NOT_FOUND);
	error_set(&other, -ENOENT, "another");
	assert_int_equal(other.kind, ERROR_KIND_NONE);
	assert_int_equal(error_mark(NULL, -EBUSY, ERROR_KIND_BUSY), -EBUSY);
}

static void copy_passes_on_all_of_it(void **state)
{
	(void)state;
	struct error why = { 0 };
	struct error err = { .code = -EIO, .msg = "of before" };
	char cause[sizeof(why.msg)];
	memset(cause, '%', sizeof(cause));
	cause[sizeof(cause) - 1] = '\0';
	int rc = error_set(&why, -ENOSPC, "%s", cause);
	assert_int_equal(error_copy(&err, rc, &why), -ENOSPC);
	assert_int_equal(err.code, -ENOSPC);
	assert_string_equal(err.msg, cause);
	assert_int_equal(error_copy(&err, -ENOENT, NULL), -ENOENT);
	assert_string_equal(err.msg, "No such file or directory");
}

static void nobody_needs_to_listen(void **state)
{
	(void)state;
	assert_int_equal(error_set(NULL, -EIO, "read"), -EIO);
	assert_int_equal(error_wrap(NULL, -EIO, "disk"), -EIO);
	assert_int_equal(error_copy(NULL, -EIO, &(struct error){ .code = -EIO }), -EIO);
	assert_int_equal(error_copy(NULL, -EIO, NULL), -EIO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_returns_the_code_and_says_why),
		cmocka_unit_test(wrap_puts_the_place_in_front),
		cmocka_unit_test(a_place_that_does_not_fit_gives_way_to_the_cause),
		cmocka_unit_test(a_mark_stays_with_the_cause_that_it_was_put_on),
		cmocka_unit_test(copy_passes_on_all_of_it),
		cmocka_unit_test(nobody_needs_to_listen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
