/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lun.h"

#define T "iqn.2024-01.test:arr"

static void well_formed_names_are_taken_apart(void **state)
{
	(void)state;
	static const struct {
		const char *spec, *user, *host, *port, *target;
		int lun;
	} cases[] = {
		{ "iscsi://array/" T "/1", "", "array", "3260", T, 1 },
		{ "iscsi://10.0.0.1:860/" T "/0", "", "10.0.0.1", "860", T, 0 },
		{ "iscsi://bob@array.example.com:3261/" T "/16383", "bob", "array.example.com",
		  "3261", T, 16383 },
		{ "iscsi://[::1]/" T "/7", "", "::1", "3260", T, 7 },
		{ "iscsi://bob@[fe80::1%eth0]:1/eui.02004567A425678D/7", "bob", "fe80::1%eth0", "1",
		  "eui.02004567A425678D", 7 },
		{ "iscsi://iqn.1993-08.org.debian:01:ab@h/" T "/2", "iqn.1993-08.org.debian:01:ab",
		  "h", "3260", T, 2 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct lun_url url;
		struct error err = { 0 };
		assert_true(lun_is_url(cases[i].spec));
		assert_int_equal(lun_url_parse(cases[i].spec, &url, &err), 0);
		assert_string_equal(url.user, cases[i].user);
		assert_string_equal(url.host, cases[i].host);
		assert_string_equal(url.port, cases[i].port);
		assert_string_equal(url.target, cases[i].target);
		assert_int_equal(url.lun, cases[i].lun);
	}
}

static void what_is_not_plainly_right_is_refused(void **state)
{
	(void)state;
	static const char *const specs[] = {
		"iscsi:",
		"iscsi:/array/" T "/1",
		"ISCSI://array/" T "/1",
		"iscsi://",
		"iscsi:///" T "/1",
		"iscsi://array",
		"iscsi://array/",
		"iscsi://array/" T,
		"iscsi://array/" T "/",
		"iscsi://array/" T "/x",
		"iscsi://array/" T "/-1",
		"iscsi://array/" T "/ 1",
		"iscsi://array/" T "/01",
		"iscsi://array/" T "/1/",
		"iscsi://array/" T "/1?x",
		"iscsi://array/" T "/16384",
		"iscsi://array/" T "/99999999999999999999999",
		"iscsi://array/disk/1",
		"iscsi://array/iqn.a b/1",
		"iscsi://array:/" T "/1",
		"iscsi://array:0/" T "/1",
		"iscsi://array:65536/" T "/1",
		"iscsi://array:3260x/" T "/1",
		"iscsi://@array/" T "/1",
		"iscsi://::1/" T "/1",
		"iscsi://[::1/" T "/1",
		"iscsi://[]/" T "/1",
		"iscsi://[::1]3260/" T "/1",
		"iscsi://[array]/" T "/1",
		"iscsi://ar ray/" T "/1",
	};
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		struct lun_url url = { .lun = 77 };
		struct error err = { 0 };
		assert_true(lun_is_url(specs[i]));
		if (lun_url_parse(specs[i], &url, &err) != -EINVAL)
			fail_msg("'%s' was taken", specs[i]);
		assert_int_equal(err.code, -EINVAL);
		assert_int_equal(url.lun, 77);
	}
}

static void a_secret_is_refused_and_never_repeated(void **state)
{
	(void)state;
	static const char *const specs[] = {
		"iscsi://bob%hunter2@array/" T "/1",
		"iscsi://bob:hunter2@array/" T "/1",
		"iscsi://bob:hunter2/@x@array/" T "/1",
		"iscsi://bob%hunter2@array",
		"iscsi://bob:hunter2@",
		"iscsi:bob:hunter2@array/" T "/1",
	};
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		struct lun_url url;
		struct error err = { 0 };
		assert_int_equal(lun_url_parse(specs[i], &url, &err), -EINVAL);
		assert_null(strstr(err.msg, "hunter2"));
	}
	struct error err = { 0 };
	struct source *source = NULL;
	assert_int_equal(source_open(specs[0], NULL, &source, &err), -EINVAL);
	assert_null(strstr(err.msg, "hunter2"));
	assert_non_null(strstr(err.msg, "--chap-secret-file"));
}

static void names_that_do_not_fit_are_not_cut_off(void **state)
{
	(void)state;
	char spec[2048];
	char name[LUN_NAME_MAX + 1];
	memset(name, 'a', sizeof(name));
	name[LUN_NAME_MAX] = '\0';
	struct lun_url url;
	snprintf(spec, sizeof(spec), "iscsi://%s/" T "/1", name);
	assert_int_equal(lun_url_parse(spec, &url, NULL), -EINVAL);
	snprintf(spec, sizeof(spec), "iscsi://%s@array/" T "/1", name);
	assert_int_equal(lun_url_parse(spec, &url, NULL), -EINVAL);
	snprintf(spec, sizeof(spec), "iscsi://array/iqn.%s/1", name);
	assert_int_equal(lun_url_parse(spec, &url, NULL), -EINVAL);
	name[LUN_NAME_MAX - 1] = '\0';
	snprintf(spec, sizeof(spec), "iscsi://%s/" T "/1", name);
	assert_int_equal(lun_url_parse(spec, &url, NULL), 0);
}

static void paths_are_not_luns(void **state)
{
	(void)state;
	assert_false(lun_is_url("/dev/sda"));
	assert_false(lun_is_url("./iscsi:x"));
	assert_false(lun_is_url("iscsi"));
	assert_false(lun_is_url(""));
}

static void places_have_fewer_parts(void **state)
{
	(void)state;
	static const struct {
		const char *spec, *target;
	} cases[] = { { "iscsi://array", "" },   { "iscsi://bob@array:3261", "" },
		      { "iscsi://array/", "" },  { "iscsi://[::1]", "" },
		      { "iscsi://array/" T, T }, { "iscsi://array/" T "/", T } };
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct lun_url url;
		struct error err = { 0 };
		assert_int_equal(lun_url_parse_place(cases[i].spec, &url, &err), 0);
		assert_string_equal(url.target, cases[i].target);
		assert_int_equal(url.lun, -1);
		assert_int_equal(lun_url_parse(cases[i].spec, &url, &err), -EINVAL);
		assert_non_null(strstr(err.msg, "names no LUN"));
		assert_non_null(strstr(err.msg, "lunette probe iscsi://"));
	}
	struct lun_url url;
	assert_int_equal(lun_url_parse_place("iscsi://", &url, NULL), -EINVAL);
	assert_int_equal(lun_url_parse_place("iscsi:///" T, &url, NULL), -EINVAL);
	assert_int_equal(lun_url_parse_place("iscsi://array/x", &url, NULL), -EINVAL);
	assert_int_equal(lun_url_parse_place("iscsi://array//1", &url, NULL), -EINVAL);
	assert_int_equal(lun_url_parse_place("iscsi://array/" T "/x", &url, NULL), -EINVAL);
}

static void what_is_printed_is_what_was_taken_apart(void **state)
{
	(void)state;
	static const char *const specs[] = {
		"iscsi://array/" T "/1",
		"iscsi://bob@array:860/" T "/16383",
		"iscsi://bob@[fe80::1%eth0]:1/eui.02004567A425678D/0",
		"iscsi://[::1]/" T "/7",
	};
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		struct lun_url url;
		char text[LUN_URL_MAX];
		assert_int_equal(lun_url_parse(specs[i], &url, NULL), 0);
		lun_url_print(&url, text);
		assert_string_equal(text, specs[i]);
	}
}

static void numbers_become_the_addresses_that_targets_have(void **state)
{
	(void)state;
	assert_int_equal(lun_address(0), 0);
	assert_int_equal(lun_address(255), 0x00ff);
	assert_int_equal(lun_address(256), 0x4100);
	assert_int_equal(lun_address(16383), 0x7fff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(well_formed_names_are_taken_apart),
		cmocka_unit_test(what_is_not_plainly_right_is_refused),
		cmocka_unit_test(places_have_fewer_parts),
		cmocka_unit_test(what_is_printed_is_what_was_taken_apart),
		cmocka_unit_test(numbers_become_the_addresses_that_targets_have),
		cmocka_unit_test(a_secret_is_refused_and_never_repeated),
		cmocka_unit_test(names_that_do_not_fit_are_not_cut_off),
		cmocka_unit_test(paths_are_not_luns),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
