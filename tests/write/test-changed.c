/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists of changes: which chunks they name, and which texts are no lists. */
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

#include "blk-mem.h"
#include "changed.h"

#define CHUNK  65536u
#define SIZE   (10 * CHUNK + 512) /* eleven chunks, the last one short */
#define PARENT "0123456789abcdef"
#define HEAD   "{\"format\":\"lunette-changed\",\"version\":1,\"disks\":[\"disk0\"]}\n"

static struct layout_disk disks[2];

static int set_up(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		snprintf(disks[i].name, sizeof(disks[i].name), "disk%d", i);
		disks[i].blk = &blk_mem_new(SIZE, 512)->blk;
	}
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++)
		blk_unref(disks[i].blk);
	return 0;
}

static int read_text(const char *text, struct changed **ret, struct error *err)
{
	char empty[] = "\n";
	size_t len = strlen(text);
	FILE *in = fmemopen(len ? (void *)text : empty, len ? len : 1, "r");
	assert_non_null(in);
	if (len == 0)
		(void)fgetc(in);
	int rc = changed_read(in, disks, 2, CHUNK, PARENT, ret, err);
	fclose(in);
	return rc;
}

/* The chunks of the first disk, as digits. */
static void assert_chunks(const char *text, const char *wanted)
{
	struct changed *changed = NULL;
	struct error err = { 0 };
	if (read_text(text, &changed, &err) < 0)
		fail_msg("%s", err.msg);
	char got[12] = "";
	for (uint64_t i = 0; i < 11; i++)
		got[i] = changed_has(changed, 0, i) ? '1' : '0';
	assert_string_equal(got, wanted);
	assert_true(changed_lists(changed, 0));
	assert_false(changed_lists(changed, 1));
	changed_free(changed);
}

#define RANGE(start, length) "{\"disk\":\"disk0\",\"start\":" start ",\"length\":" length "}\n"

static void every_chunk_that_a_range_touches_has_changed(void **state)
{
	(void)state;
	assert_chunks(HEAD "{\"end\":0}\n", "00000000000");
	assert_chunks(HEAD "{\"end\":0}", "00000000000");
	assert_chunks(HEAD RANGE("0", "1") "{\"end\":1}\n", "10000000000");
	assert_chunks(HEAD RANGE("65535", "1") "{\"end\":1}\n", "10000000000");
	assert_chunks(HEAD RANGE("65535", "2") "{\"end\":1}\n", "11000000000");
	assert_chunks(HEAD RANGE("65536", "65536") "{\"end\":1}\n", "01000000000");
	assert_chunks(HEAD RANGE("655360", "512") "{\"end\":1}\n", "00000000001");
	assert_chunks(HEAD RANGE("0", "655872") "{\"end\":1}\n", "11111111111");
	/* In any order, and more than once. */
	assert_chunks(HEAD RANGE("196608", "9") RANGE("0", "70000")
			      RANGE("60000", "9") "{\"end\":3}\n",
		      "11010000000");
	assert_chunks(
		"{\"format\":\"lunette-changed\",\"version\":1,\"parent\":\"" PARENT
		"\",\"disks\":[\"disk0\",\"disk0\"],\"since\":\"snap7\"}\n{\"end\":0,\"x\":1}\n",
		"00000000000");
}

static void what_is_no_list_is_refused_with_its_line(void **state)
{
	(void)state;
	static const struct {
		const char *text, *phrase;
	} cases[] = {
		{ "", "no end after line 0" },
		{ HEAD, "no end after line 1" },
		{ HEAD RANGE("0", "1"), "no end after line 2" },
		{ HEAD "{\"end\":1}\n", "line 2: the list ends after 0 ranges" },
		{ HEAD "{\"end\":\"0\"}\n", "line 2: the list ends" },
		{ HEAD "{\"end\":0}\n\n", "line 3: it comes after" },
		{ HEAD "\n{\"end\":0}\n", "line 2: it is not a JSON object" },
		{ HEAD "[]\n", "line 2: it is not a JSON object" },
		{ HEAD "{\"end\":0}{\n", "line 2: it is not a JSON object" },
		{ HEAD HEAD, "line 2: it does not name a disk" },
		{ "{\"end\":0}\n", "line 1: it does not begin a list" },
		{ "{\"format\":\"lunette-changed\",\"version\":1}\n", "line 1: \"disks\"" },
		{ "{\"format\":\"lunette-changed\",\"version\":1,\"disks\":[7]}\n", "name a disk" },
		{ HEAD "{\"disk\":\"disk1\",\"start\":0,\"length\":1}\n", "disk1 is not among" },
		{ HEAD "{\"disk\":\"disk0\",\"disk\":\"disk0\",\"start\":0,\"length\":1}\n",
		  "line 2: it is not a JSON object" },
		{ HEAD RANGE("655360", "513"), "line 2: 513 bytes at 655360 are not inside" },
		{ HEAD RANGE("655872", "1"), "are not inside" },
		{ HEAD RANGE("1", "9223372036854775807"), "are not inside" },
		{ HEAD RANGE("0", "18446744073709551616"), "line 2" },
		{ HEAD RANGE("0", "1.0"), "line 2: \"start\" and \"length\"" },
		{ HEAD "{\"disk\":\"disk0\",\"start\":0}\n", "line 2: \"start\" and \"length\"" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct changed *changed = NULL;
		struct error err = { 0 };
		if (read_text(cases[i].text, &changed, &err) != -EINVAL)
			fail_msg("'%s' is taken for a list", cases[i].text);
		if (!strstr(err.msg, cases[i].phrase))
			fail_msg("'%s': %s", cases[i].text, err.msg);
		assert_null(changed);
	}
}

int main(void)
{
#define test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		test(every_chunk_that_a_range_touches_has_changed),
		test(what_is_no_list_is_refused_with_its_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
