/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Real children, in shell: what they must not be able to do to us. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "lunette/clock.h"
#include "lunette/lines.h"

#define LONG_MS 20000

struct heard {
	char log[4096];
	char events[256];
};

static void on_log(void *ctx, const char *line)
{
	struct heard *heard = ctx;
	size_t len = strlen(heard->log);
	snprintf(heard->log + len, sizeof(heard->log) - len, "%s|", line);
}

static void on_event(void *ctx, const char *event, const json_t *object)
{
	struct heard *heard = ctx;
	(void)object;
	size_t len = strlen(heard->events);
	snprintf(heard->events + len, sizeof(heard->events) - len, "%s|", event);
}

static struct lines *shell(const char *script, struct heard *heard, const json_t *secrets)
{
	const char *const argv[] = { "sh", "-c", script, NULL };
	struct lines_options options = {
		.name = "child",
		.argv = argv,
		.secrets = secrets,
		.log = heard ? on_log : NULL,
		.event = heard ? on_event : NULL,
		.ctx = heard,
	};
	struct lines *lines = NULL;
	struct error err = { 0 };
	if (lines_start(&options, &lines, &err) < 0)
		fail_msg("%s", err.msg);
	return lines;
}

/* One call to a child that does @script must end with @rc, and @words must be in the sentence. */
static void call_ends(const char *script, unsigned int limit_ms, int rc, const char *words)
{
	struct lines *lines = shell(script, NULL, NULL);
	struct error err = { 0 };
	int got = lines_call(lines, "verb", NULL, limit_ms, NULL, &err);
	bool alive = lines_alive(lines);
	lines_free(lines);
	if (got != rc || (words && !strstr(err.msg, words)))
		fail_msg("'%s': %d instead of %d: %s", script, got, rc, err.msg);
	if (rc == -EPROTO || rc == -ETIMEDOUT || rc == -EPIPE)
		assert_false(alive);
	else
		assert_true(alive);
}

static void a_reply_is_given_to_who_asked(void **state)
{
	(void)state;
	struct lines *lines =
		shell("read a; echo '{\"id\":\"1\",\"ok\":true,\"result\":{\"n\":7}}'; "
		      "read b; echo '{\"id\":\"2\",\"ok\":true,\"result\":{}}'; cat",
		      NULL, NULL);
	struct error err = { 0 };
	json_t *result = NULL;
	assert_int_equal(lines_call(lines, "one", NULL, LONG_MS, &result, &err), 0);
	assert_int_equal(json_integer_value(json_object_get(result, "n")), 7);
	json_decref(result);
	assert_int_equal(lines_call(lines, "two", NULL, LONG_MS, NULL, &err), 0);
	lines_free(lines);
}

static void a_refusal_is_its_code_and_its_sentence(void **state)
{
	(void)state;
	struct lines *lines = shell(
		"read a; echo '{\"id\":\"1\",\"ok\":false,\"error\":{\"code\":\"BUSY\",\"retry\":true,"
		"\"message\":\"come back later\"}}'; cat",
		NULL, NULL);
	struct error err = { 0 };
	assert_int_equal(lines_call(lines, "one", NULL, LONG_MS, NULL, &err), -EBUSY);
	assert_string_equal(err.msg, "child: one: come back later (BUSY)");
	assert_true(lines_may_retry(lines));
	lines_free(lines);
}

static void replies_may_come_in_any_order_and_between_events(void **state)
{
	(void)state;
	struct heard heard = { 0 };
	struct lines *lines = shell("read a; echo '{\"event\":\"now\"}'; read b; "
				    "echo '{\"id\":\"2\",\"ok\":true,\"result\":{}}'; "
				    "echo '{\"event\":\"then\"}'; "
				    "echo '{\"id\":\"1\",\"ok\":true,\"result\":{}}'; cat",
				    &heard, NULL);
	struct error err = { 0 };
	unsigned int one, two;
	assert_int_equal(lines_send(lines, "one", NULL, LONG_MS, &one, &err), 0);
	assert_int_equal(lines_event(lines, "now", one, LONG_MS, &err), 0);
	assert_int_equal(lines_send(lines, "two", NULL, LONG_MS, &two, &err), 0);
	assert_int_equal(lines_reply(lines, one, NULL, &err), 0);
	assert_int_equal(lines_reply(lines, two, NULL, &err), 0);
	assert_string_equal(heard.events, "now|then|");
	lines_free(lines);
}

static void a_reply_instead_of_the_event_is_told(void **state)
{
	(void)state;
	struct lines *lines =
		shell("read a; echo '{\"id\":\"1\",\"ok\":true,\"result\":{}}'; cat", NULL, NULL);
	struct error err = { 0 };
	unsigned int id;
	assert_int_equal(lines_send(lines, "one", NULL, LONG_MS, &id, &err), 0);
	assert_int_equal(lines_event(lines, "now", id, LONG_MS, &err), -ENOMSG);
	assert_int_equal(lines_reply(lines, id, NULL, &err), 0);
	lines_free(lines);
}

static void what_breaks_the_protocol_is_killed(void **state)
{
	(void)state;
	call_ends("read a; echo hello; cat", LONG_MS, -EPROTO, "not JSON");
	call_ends("read a; echo '[]'; cat", LONG_MS, -EPROTO, "not an object");
	call_ends("read a; echo '{}'; cat", LONG_MS, -EPROTO, "neither a reply nor an event");
	call_ends("read a; echo '{\"id\":\"2\",\"ok\":true,\"result\":{}}'; cat", LONG_MS, -EPROTO,
		  "answers nothing");
	call_ends("read a; echo '{\"id\":1,\"ok\":true,\"result\":{}}'; cat", LONG_MS, -EPROTO,
		  "answers nothing");
	call_ends("read a; echo '{\"id\":\"1\",\"ok\":true}'; cat", LONG_MS, -EPROTO,
		  "neither yes");
	call_ends("read a; echo '{\"id\":\"1\",\"ok\":false,\"error\":{\"code\":\"OOPS\"}}'; cat",
		  LONG_MS, -EPROTO, "no code");
	call_ends("read a; head -c 6000000 /dev/zero | tr '\\0' x; cat", LONG_MS, -EPROTO,
		  "longer than 4 MiB");
}

static void whoever_goes_away_is_missed(void **state)
{
	(void)state;
	call_ends("read a; exit 3", LONG_MS, -EPIPE, "ended without being told to");
	call_ends("exec <&-; sleep 0.2", LONG_MS, -EPIPE, NULL);
}

static void a_missed_deadline_kills_the_whole_group(void **state)
{
	(void)state;
	struct heard heard = { 0 };
	struct lines *lines = shell("sleep 600 & echo $! >&2; read a; sleep 600", &heard, NULL);
	struct error err = { 0 };
	int64_t begin = clock_now_ms();
	assert_int_equal(lines_call(lines, "verb", NULL, 400, NULL, &err), -ETIMEDOUT);
	assert_true(clock_now_ms() - begin >= 400);
	assert_true(clock_now_ms() - begin < LONG_MS);
	int grandchild = atoi(heard.log);
	assert_true(grandchild > 1);
	int tries = 0; /* a killed orphan is there until init has taken note of it */
	char state_of[64] = "";
	for (; tries < 500 && kill(grandchild, 0) == 0 && !strstr(state_of, ") Z"); tries++) {
		char path[64];
		snprintf(path, sizeof(path), "/proc/%d/stat", grandchild);
		FILE *f = fopen(path, "re");
		if (f) {
			if (!fgets(state_of, sizeof(state_of), f))
				state_of[0] = '\0';
			fclose(f);
		}
		usleep(10000);
	}
	assert_true(tries < 500);
	lines_free(lines);
}

static void a_child_that_does_not_read_cannot_hold_us_up(void **state)
{
	(void)state;
	struct lines *lines = shell("sleep 600", NULL, NULL);
	struct error err = { 0 };
	char *big = malloc(1 << 20);
	memset(big, 'x', (1 << 20) - 1);
	big[(1 << 20) - 1] = '\0';
	json_t *params = json_pack("{s:s}", "big", big);
	free(big);
	assert_int_equal(lines_call(lines, "verb", params, 300, NULL, &err), -ETIMEDOUT);
	json_decref(params);
	lines_free(lines);
}

static void its_log_is_heard_line_by_line_and_does_not_block_it(void **state)
{
	(void)state;
	struct heard heard = { 0 };
	struct lines *lines = shell(
		"read a; i=0; while [ $i -lt 3000 ]; do echo "
		"'a line that fills the pipe, a line that fills the pipe' >&2; i=$((i+1)); done; "
		"echo '{\"id\":\"1\",\"ok\":true,\"result\":{}}'; cat",
		&heard, NULL);
	struct error err = { 0 };
	assert_int_equal(lines_call(lines, "verb", NULL, LONG_MS, NULL, &err), 0);
	assert_non_null(strstr(heard.log, "fills the pipe|a line"));
	lines_free(lines);
}

static void a_stop_ends_the_waiting_and_not_the_child(void **state)
{
	(void)state;
	atomic_bool stop = true;
	const char *const argv[] = {
		"sh", "-c", "read a; read b; echo '{\"id\":\"2\",\"ok\":true,\"result\":{}}'; cat",
		NULL
	};
	struct lines_options options = { .name = "child", .argv = argv, .stop = &stop };
	struct lines *lines = NULL;
	struct error err = { 0 };
	assert_int_equal(lines_start(&options, &lines, &err), 0);
	assert_int_equal(lines_call(lines, "one", NULL, LONG_MS, NULL, &err), -EINTR);
	lines_ignore_stop(lines);
	assert_int_equal(lines_call(lines, "abort", NULL, LONG_MS, NULL, &err), 0);
	lines_free(lines);
}

static void secrets_come_by_descriptor_or_in_the_first_line(void **state)
{
	(void)state;
	struct heard heard = { 0 };
	json_t *secrets = json_pack("{s:s}", "password", "open sesame");
	struct lines *lines = shell("eval \"cat <&$LUNETTE_SECRETS_FD\" >&2; echo >&2; read a; "
				    "echo '{\"id\":\"1\",\"ok\":true,\"result\":{}}'; cat",
				    &heard, secrets);
	struct error err = { 0 };
	assert_int_equal(lines_call(lines, "verb", NULL, LONG_MS, NULL, &err), 0);
	assert_string_equal(heard.log, "{\"password\":\"open sesame\"}|");
	lines_free(lines);

	heard = (struct heard){ 0 };
	const char *const argv[] = { "sh", "-c",
				     "read s; echo \"$s\" >&2; read a; "
				     "echo '{\"id\":\"1\",\"ok\":true,\"result\":{}}'; cat",
				     NULL };
	struct lines_options options = { .name = "child",
					 .argv = argv,
					 .secrets = secrets,
					 .secrets_on_stdin = true,
					 .log = on_log,
					 .ctx = &heard };
	assert_int_equal(lines_start(&options, &lines, &err), 0);
	assert_int_equal(lines_call(lines, "verb", NULL, LONG_MS, NULL, &err), 0);
	assert_string_equal(heard.log, "{\"secrets\":{\"password\":\"open sesame\"}}|");
	lines_free(lines);
	json_decref(secrets);
}

static void a_program_that_is_not_there_is_told_at_once(void **state)
{
	(void)state;
	const char *const argv[] = { "/nonexistent/plugin", NULL };
	struct lines_options options = { .name = "child", .argv = argv };
	struct lines *lines = NULL;
	struct error err = { 0 };
	assert_int_equal(lines_start(&options, &lines, &err), -ENOENT);
	assert_string_equal(err.msg, "child: run '/nonexistent/plugin': No such file or directory");
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reply_is_given_to_who_asked),
		cmocka_unit_test(a_refusal_is_its_code_and_its_sentence),
		cmocka_unit_test(replies_may_come_in_any_order_and_between_events),
		cmocka_unit_test(a_reply_instead_of_the_event_is_told),
		cmocka_unit_test(what_breaks_the_protocol_is_killed),
		cmocka_unit_test(whoever_goes_away_is_missed),
		cmocka_unit_test(a_missed_deadline_kills_the_whole_group),
		cmocka_unit_test(a_child_that_does_not_read_cannot_hold_us_up),
		cmocka_unit_test(its_log_is_heard_line_by_line_and_does_not_block_it),
		cmocka_unit_test(a_stop_ends_the_waiting_and_not_the_child),
		cmocka_unit_test(secrets_come_by_descriptor_or_in_the_first_line),
		cmocka_unit_test(a_program_that_is_not_there_is_told_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
