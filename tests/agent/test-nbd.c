/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the agent's NBD server says of a disk that cannot be read. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lunette/bytes.h"
#include "nbd-wire.h"
#include "nbd.h"

/* A disk of which each read fails in the same way. */
struct broken {
	struct blk blk;
	int rc;
};

static int broken_read(struct blk *blk, void *buf, size_t len, uint64_t off, struct error *err)
{
	(void)buf;
	(void)len;
	(void)off;
	return error_set(err, ((struct broken *)blk)->rc, "it is broken");
}

static void broken_destroy(struct blk *blk)
{
	(void)blk;
}

static const struct blk_ops broken_ops = {
	.name = "broken", .leaf = true, .read = broken_read, .destroy = broken_destroy
};

static uint8_t *put_request(uint8_t *p, unsigned int type, uint64_t off, uint32_t len)
{
	p = nbd_set16(nbd_set16(nbd_set32(p, NBD_REQUEST), 0), type);
	return nbd_set32(nbd_set64(nbd_set64(p, 77), off), len);
}

static uint8_t *put_option(uint8_t *p, enum nbd_option option)
{
	return nbd_set32(nbd_set32(nbd_set64(p, NBD_OPTION_MAGIC), option), 0);
}

/* A conversation of one read. Return: how long the answers are; the last one ends @answer. */
static size_t talk(int failure, bool structured, uint64_t off, uint8_t *answer, size_t room)
{
	struct broken broken = { .rc = failure };
	uint8_t words[256], *p = nbd_set32(words, NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES);
	blk_init(&broken.blk, &broken_ops, 1 << 20, 512);
	if (structured)
		p = put_option(p, NBD_OPT_STRUCTURED);
	p = put_option(p, NBD_OPT_EXPORT_NAME);
	p = put_request(p, NBD_CMD_READ, off, 4096);
	p = put_request(p, NBD_CMD_DISCONNECT, 0, 0);
	CLEANUP(close_cleanup) int in = memfd_create("client", MFD_CLOEXEC);
	CLEANUP(close_cleanup) int out = memfd_create("server", MFD_CLOEXEC);
	assert_int_equal(write(in, words, (size_t)(p - words)), p - words);
	lseek(in, 0, SEEK_SET);
	struct error err = { 0 };
	assert_int_equal(nbd_serve(in, out, &broken.blk, &err), 0);
	ssize_t n = pread(out, answer, room, 0);
	assert_true(n > 0);
	return (size_t)n;
}

/* The code of a simple reply, or of a chunk with a reason. */
static unsigned int code(int failure, bool structured, uint64_t off, const char *why)
{
	uint8_t answer[1024];
	size_t n = talk(failure, structured, off, answer, sizeof(answer));
	size_t len = structured ? 20 + 6 + strlen(why) : 16;
	assert_true(n > len);
	const uint8_t *reply = answer + n - len;
	assert_int_equal(get_be(reply, 4), structured ? NBD_CHUNK : NBD_SIMPLE);
	if (!structured) {
		assert_int_equal(get_be(reply + 8, 8), 77);
		return (unsigned int)get_be(reply + 4, 4);
	}
	assert_int_equal(get_be(reply + 4, 2), NBD_CHUNK_DONE);
	assert_int_equal(get_be(reply + 6, 2), NBD_CHUNK_ERROR);
	assert_int_equal(get_be(reply + 8, 8), 77);
	assert_int_equal(get_be(reply + 16, 4), 6 + strlen(why));
	assert_int_equal(get_be(reply + 24, 2), strlen(why));
	assert_memory_equal(reply + 26, why, strlen(why));
	return (unsigned int)get_be(reply + 20, 4);
}

static void only_bytes_that_cannot_be_read_are_eio(void **state)
{
	(void)state;
	static const struct {
		int failure;
		enum nbd_errno code;
	} cases[] = {
		{ -EIO, NBD_EIO },
		{ -EACCES, NBD_EPERM },
		{ -EPERM, NBD_EPERM },
		{ -ENOMEM, NBD_ENOMEM },
		{ -EINVAL, NBD_EINVAL },
		{ -EOVERFLOW, NBD_EOVERFLOW },
		{ -EOPNOTSUPP, NBD_ENOTSUP },
		{ -ESHUTDOWN, NBD_ESHUTDOWN },
		{ -ENODEV, NBD_ESHUTDOWN },
		{ -EREMOTEIO, NBD_ESHUTDOWN },
		{ -ETIMEDOUT, NBD_ESHUTDOWN },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(code(cases[i].failure, false, 0, ""), cases[i].code);
		assert_int_equal(code(cases[i].failure, true, 0, "it is broken"), cases[i].code);
	}
}

static void what_lies_behind_the_end_is_the_clients_mistake(void **state)
{
	(void)state;
	assert_int_equal(code(-EIO, false, 1 << 20, ""), NBD_EINVAL);
	assert_int_equal(code(-EIO, true, 1 << 20, "the disk is not that large"), NBD_EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_bytes_that_cannot_be_read_are_eio),
		cmocka_unit_test(what_lies_behind_the_end_is_the_clients_mistake),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
