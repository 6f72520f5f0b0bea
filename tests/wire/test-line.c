/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines through real pipes, whole and in all kinds of pieces. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "lunette/clock.h"
#include "lunette/json.h"
#include "lunette/line.h"

/* A pipe of which we have both ends, and a reader of it. */
struct pipe {
	int in;
	struct line_reader reader;
};

static void pipe_open(struct pipe *p)
{
	int ends[2];
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	*p = (struct pipe){ .in = ends[1], .reader = { .fd = ends[0] } };
}

static void pipe_close(struct pipe *p)
{
	line_reader_clear(&p->reader);
	close(p->reader.fd);
	if (p->in >= 0)
		close(p->in);
}

static void send_text(struct pipe *p, const char *text)
{
	assert_int_equal(write(p->in, text, strlen(text)), strlen(text));
}

/* The next line is @text; NULL: there is none yet. */
static void next_is(struct pipe *p, const char *text)
{
	char *line = NULL;
	size_t len = 0;
	struct error err = { 0 };
	assert_int_equal(line_next(&p->reader, &line, &len, &err), text ? 1 : 0);
	if (!text)
		return;
	assert_string_equal(line, text);
	assert_int_equal(len, strlen(text));
}

static void several_lines_come_in_one_read(void **state)
{
	(void)state;
	struct pipe p;
	pipe_open(&p);
	send_text(&p, "one\n\nthree\nfo");
	assert_int_equal(line_fill(&p.reader, NULL), 0);
	next_is(&p, "one");
	next_is(&p, "");
	next_is(&p, "three");
	next_is(&p, NULL);
	send_text(&p, "ur\n");
	assert_int_equal(line_fill(&p.reader, NULL), 0);
	next_is(&p, "four");
	next_is(&p, NULL);
	pipe_close(&p);
}

static void a_line_comes_byte_by_byte(void **state)
{
	(void)state;
	struct pipe p;
	pipe_open(&p);
	for (const char *c = "slow"; *c; c++) {
		assert_int_equal(write(p.in, c, 1), 1);
		assert_int_equal(line_fill(&p.reader, NULL), 0);
		next_is(&p, NULL);
	}
	send_text(&p, "\n");
	assert_int_equal(line_fill(&p.reader, NULL), 0);
	next_is(&p, "slow");
	pipe_close(&p);
}

static void what_is_cut_at_the_end_is_a_line(void **state)
{
	(void)state;
	struct pipe p;
	char *line;
	size_t len;
	pipe_open(&p);
	send_text(&p, "whole\ncut");
	close(p.in);
	p.in = -1;
	assert_int_equal(line_read(&p.reader, &line, &len, NULL), 1);
	assert_string_equal(line, "whole");
	assert_int_equal(line_read(&p.reader, &line, &len, NULL), 1);
	assert_string_equal(line, "cut");
	assert_int_equal(line_read(&p.reader, &line, &len, NULL), 0);
	assert_true(p.reader.ended);
	pipe_close(&p);
}

static void nothing_to_read_is_no_end(void **state)
{
	(void)state;
	struct pipe p;
	pipe_open(&p);
	fcntl(p.reader.fd, F_SETFL, O_NONBLOCK);
	assert_int_equal(line_fill(&p.reader, NULL), 0);
	assert_false(p.reader.ended);
	next_is(&p, NULL);
	pipe_close(&p);
}

/* @n bytes and, perhaps, an end. */
struct flood {
	int fd;
	size_t n;
	const char *end;
};

static void *flood(void *arg)
{
	struct flood *f = arg;
	char piece[65536];
	memset(piece, 'x', sizeof(piece));
	for (size_t done = 0; done < f->n;) {
		ssize_t n = write(f->fd, piece, MIN(f->n - done, sizeof(piece)));
		if (n < 0)
			return NULL; /* nobody reads any more */
		done += (size_t)n;
	}
	(void)!write(f->fd, f->end, strlen(f->end));
	close(f->fd);
	return NULL;
}

/* Reads a line of @n bytes. */
static int read_flood(size_t n, const char *end, size_t *ret_len, struct error *err)
{
	struct pipe p;
	pthread_t thread;
	char *line;
	pipe_open(&p);
	struct flood f = { p.in, n, end };
	p.in = -1;
	pthread_create(&thread, NULL, flood, &f);
	int rc = line_read(&p.reader, &line, ret_len, err);
	pipe_close(&p);
	pthread_join(thread, NULL);
	return rc;
}

static void a_line_has_a_bound(void **state)
{
	(void)state;
	struct error err = { 0 };
	size_t len = 0;
	assert_int_equal(read_flood(LINE_MAX_BYTES, "\n", &len, &err), 1);
	assert_int_equal(len, LINE_MAX_BYTES);
	assert_int_equal(read_flood(LINE_MAX_BYTES + 1, "\n", &len, &err), -EMSGSIZE);
	assert_string_equal(err.msg, "a line is longer than 4 MiB");
	assert_int_equal(read_flood(LINE_MAX_BYTES * 3, "", &len, &err), -EMSGSIZE);
}

/* ---- writing ---- */

static json_t *text_of(size_t n)
{
	char *text = malloc(n + 1);
	memset(text, 'y', n);
	text[n] = '\0';
	json_t *object = json_pack("{s:s}", "t", text);
	free(text);
	return object;
}

struct out {
	int fd;
	json_t *object;
	int rc;
};

static void *write_out(void *arg)
{
	struct out *out = arg;
	out->rc = line_write(out->fd, out->object, LINE_NO_LIMIT, NULL, NULL, NULL);
	return NULL;
}

static void what_is_longer_than_a_pipe_is_written_wholly(void **state)
{
	(void)state;
	for (int flags = 0; flags <= O_NONBLOCK; flags += O_NONBLOCK) {
		struct pipe p;
		pthread_t thread;
		char *line;
		size_t len;
		pipe_open(&p);
		fcntl(p.in, F_SETFL, flags);
		struct out out = { .fd = p.in, .object = text_of(1000000) };
		pthread_create(&thread, NULL, write_out, &out);
		assert_int_equal(line_read(&p.reader, &line, &len, NULL), 1);
		assert_int_equal(len, 1000000 + strlen("{\"t\":\"\"}"));
		pthread_join(thread, NULL);
		assert_int_equal(out.rc, 0);
		json_decref(out.object);
		pipe_close(&p);
	}
}

static void who_does_not_read_is_waited_for_until_the_deadline(void **state)
{
	(void)state;
	struct pipe p;
	struct error err = { 0 };
	CLEANUP(json_decref_cleanup) json_t *object = text_of(1000000);
	pipe_open(&p);
	int64_t begin = clock_now_ms();
	assert_int_equal(line_write(p.in, object, begin + 200, NULL, NULL, &err), -ETIMEDOUT);
	assert_true(clock_now_ms() - begin >= 200);
	pipe_close(&p);
}

static void who_has_gone_is_noticed(void **state)
{
	(void)state;
	struct pipe p;
	struct error err = { 0 };
	CLEANUP(json_decref_cleanup) json_t *object = text_of(10);
	pipe_open(&p);
	close(p.reader.fd);
	p.reader.fd = -1;
	assert_int_equal(line_write(p.in, object, LINE_NO_LIMIT, NULL, NULL, &err), -EPIPE);
	pipe_close(&p);
}

static void what_is_too_long_is_not_begun(void **state)
{
	(void)state;
	struct pipe p;
	struct error err = { 0 };
	CLEANUP(json_decref_cleanup) json_t *object = text_of(LINE_MAX_BYTES);
	pipe_open(&p);
	fcntl(p.reader.fd, F_SETFL, O_NONBLOCK);
	assert_int_equal(line_write(p.in, object, LINE_NO_LIMIT, NULL, NULL, &err), -EMSGSIZE);
	assert_int_equal(line_fill(&p.reader, NULL), 0);
	assert_int_equal(p.reader.len, 0);
	pipe_close(&p);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(several_lines_come_in_one_read),
		cmocka_unit_test(a_line_comes_byte_by_byte),
		cmocka_unit_test(what_is_cut_at_the_end_is_a_line),
		cmocka_unit_test(nothing_to_read_is_no_end),
		cmocka_unit_test(a_line_has_a_bound),
		cmocka_unit_test(what_is_longer_than_a_pipe_is_written_wholly),
		cmocka_unit_test(who_does_not_read_is_waited_for_until_the_deadline),
		cmocka_unit_test(who_has_gone_is_noticed),
		cmocka_unit_test(what_is_too_long_is_not_begun),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
