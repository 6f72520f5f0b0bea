/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Real programs, in shell, run to their end: what they must not be able to do to us. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lunette/child.h"
#include "lunette/clock.h"

#define LONG_MS 20000

/* A run of @script; its argv lives as long as the program. */
static struct child_run shell(const char *script)
{
	static const char *argv[] = { "sh", "-c", NULL, NULL };
	argv[2] = script;
	return (struct child_run){ .how = { .argv = argv },
				   .name = "the script",
				   .limit_ms = LONG_MS,
				   .out_max = 1 << 20 };
}

/* What @script prints, to be freed; it must end well. */
static char *output_of(const char *script)
{
	struct child_run run = shell(script);
	struct error err = { 0 };
	if (child_run(&run, &err) < 0)
		fail_msg("%s", err.msg);
	return run.out;
}

/* Has it ended, or will it within a while? Who is not ours is a zombie until init takes note. */
static bool is_gone(pid_t pid)
{
	for (int i = 0; i < 500; i++, usleep(10000)) {
		char path[64], stat[128] = "";
		snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
		FILE *f = fopen(path, "re");
		if (!f)
			return true;
		bool zombie = fgets(stat, sizeof(stat), f) && strstr(stat, ") Z");
		fclose(f);
		if (zombie)
			return true;
	}
	return false;
}

/* ---- what comes of it ---- */

static void what_it_prints_is_taken(void **state)
{
	(void)state;
	struct error err = { 0 };
	char *out = output_of("echo one; echo two");
	assert_string_equal(out, "one\ntwo\n");
	free(out);
	out = output_of(":");
	assert_string_equal(out, "");
	free(out);
	struct child_run run = shell("head -c 300000 /dev/zero | tr '\\0' x");
	assert_int_equal(child_run(&run, &err), 0);
	assert_int_equal(run.out_len, 300000);
	child_run_clear(&run);
}

static void how_it_ended_is_a_sentence(void **state)
{
	(void)state;
	struct error err = { 0 };
	struct child_run run = shell("exit 3");
	assert_int_equal(child_run(&run, &err), -ECHILD);
	assert_string_equal(err.msg, "the script ended with status 3");
	assert_int_equal(WEXITSTATUS(run.status), 3);
	child_run_clear(&run);
	run = shell("kill -9 $$");
	assert_int_equal(child_run(&run, &err), -ECHILD);
	assert_string_equal(err.msg, "the script was ended by signal 9");
	child_run_clear(&run);
}

static void what_it_complains_of_is_in_the_sentence_but_for_warnings(void **state)
{
	(void)state;
	struct error err = { 0 };
	struct child_run run =
		shell("printf '  WARNING: it rains\\n  no\\troom\\n\\nat all' >&2; exit 5");
	assert_int_equal(child_run(&run, &err), -ECHILD);
	assert_string_equal(err.msg, "the script ended with status 5: no room; at all");
	child_run_clear(&run);
	run = shell(
		"i=0; while [ $i -lt 9999 ]; do echo 'a very long complaint'; i=$((i+1)); done >&2; exit 1");
	assert_int_equal(child_run(&run, &err), -ECHILD);
	assert_int_equal(strlen(run.said), sizeof(run.said) - 1);
	child_run_clear(&run);
}

static void a_program_that_is_not_there_is_told(void **state)
{
	(void)state;
	const char *const argv[] = { "/nonexistent/program", NULL };
	struct child_run run = { .how = { .argv = argv }, .limit_ms = LONG_MS };
	struct error err = { 0 };
	assert_int_equal(child_run(&run, &err), -ENOENT);
	assert_string_equal(err.msg, "run '/nonexistent/program': No such file or directory");
}

/* ---- bounds ---- */

static void more_than_it_may_say_ends_it(void **state)
{
	(void)state;
	struct error err = { 0 };
	struct child_run run = shell("yes");
	run.out_max = 100000;
	assert_int_equal(child_run(&run, &err), -EMSGSIZE);
	assert_string_equal(err.msg, "the script says more than 100000 bytes");
	assert_true(run.out_len <= run.out_max);
	child_run_clear(&run);
	run = shell("printf 12345");
	run.out_max = 5;
	assert_int_equal(child_run(&run, &err), 0);
	assert_string_equal(run.out, "12345");
	child_run_clear(&run);
}

static void input_may_be_larger_than_a_pipe(void **state)
{
	(void)state;
	struct error err = { 0 };
	size_t len = 5000000;
	char *in = malloc(len);
	memset(in, 'x', len);
	struct child_run run = shell("cat");
	run.in = in;
	run.in_len = len;
	run.out_max = len;
	assert_int_equal(child_run(&run, &err), 0);
	assert_int_equal(run.out_len, len);
	assert_memory_equal(run.out, in, len);
	child_run_clear(&run);
	/* Nor need it be read. */
	run = shell("exec <&-; echo enough");
	run.in = in;
	run.in_len = len;
	assert_int_equal(child_run(&run, &err), 0);
	assert_string_equal(run.out, "enough\n");
	child_run_clear(&run);
	free(in);
}

static void the_deadline_is_kept_whatever_it_ignores(void **state)
{
	(void)state;
	struct error err = { 0 };
	struct child_run run = shell("trap '' TERM; echo $$; while :; do sleep 600; done");
	int64_t begin = clock_now_ms();
	run.limit_ms = 400;
	assert_int_equal(child_run(&run, &err), -ETIMEDOUT);
	assert_string_equal(err.msg, "the script did not end within 400 ms and was killed");
	assert_true(clock_now_ms() - begin >= 400);
	assert_true(clock_now_ms() - begin < LONG_MS);
	assert_true(!run.out || is_gone(atoi(run.out)));
	child_run_clear(&run);
}

static void a_stop_ends_it(void **state)
{
	(void)state;
	struct error err = { 0 };
	atomic_bool stop = true;
	struct child_run run = shell("sleep 600");
	run.stop = &stop;
	assert_int_equal(child_run(&run, &err), -EINTR);
	assert_string_equal(err.msg, "the script was interrupted");
	child_run_clear(&run);
}

static void sigterm_comes_before_the_end_by_force(void **state)
{
	(void)state;
	const char *const gentle[] = { "sh", "-c",
				       "trap 'exit 7' TERM; echo; while :; do sleep 0.01; done",
				       NULL };
	const char *const stubborn[] = { "sh", "-c",
					 "trap '' TERM; echo; while :; do sleep 600; done", NULL };
	struct error err = { 0 };
	struct child child;
	assert_int_equal(child_start(&(struct child_options){ .argv = gentle }, &child, &err), 0);
	assert_int_equal(poll(&(struct pollfd){ .fd = child.out, .events = POLLIN }, 1, LONG_MS),
			 1);
	assert_int_equal(WEXITSTATUS(child_end(&child, 1000)), 7);
	assert_int_equal(child_start(&(struct child_options){ .argv = stubborn }, &child, &err), 0);
	assert_int_equal(poll(&(struct pollfd){ .fd = child.out, .events = POLLIN }, 1, LONG_MS),
			 1);
	assert_int_equal(WTERMSIG(child_end(&child, 100)), SIGKILL);
}

/* ---- what it leaves ---- */

struct told {
	int number;
	atomic_bool stop;
};

static void on_number(void *ctx, const char *line)
{
	struct told *told = ctx;
	told->number = atoi(line);
	told->stop = true;
}

static void who_holds_the_pipe_is_not_waited_for(void **state)
{
	(void)state;
	struct error err = { 0 };
	struct child_run run = shell("sleep 600 & echo $!");
	assert_int_equal(child_run(&run, &err), 0);
	assert_true(is_gone(atoi(run.out)));
	child_run_clear(&run);

	run = shell("sleep 600 & echo $!");
	run.kill = CHILD_KILL_LATE;
	assert_int_equal(child_run(&run, &err), 0);
	pid_t left = atoi(run.out);
	assert_int_equal(kill(left, 0), 0);
	child_run_clear(&run);
	kill(left, SIGKILL);

	/* But not when it did not end itself. */
	struct told told = { 0 };
	run = shell("sleep 600 & echo $!; wait");
	run.kill = CHILD_KILL_LATE;
	run.line = on_number;
	run.ctx = &told;
	run.stop = &told.stop;
	assert_int_equal(child_run(&run, &err), -EINTR);
	assert_true(is_gone(told.number));
	child_run_clear(&run);
}

static void who_must_not_be_killed_comes_to_its_end(void **state)
{
	(void)state;
	struct error err = { 0 };
	char out[] = "/tmp/test-child-XXXXXX";
	int fd = mkostemp(out, O_CLOEXEC);
	struct child_run run = shell("sleep 0.5; echo done");
	run.how.out = fd;
	run.how.log = fd;
	run.kill = CHILD_KILL_NEVER;
	run.limit_ms = 100;
	assert_int_equal(child_run(&run, &err), -ETIMEDOUT);
	assert_string_equal(err.msg, "the script did not end within 100 ms");
	assert_int_equal(waitpid(-1, NULL, 0) > 0, 1);
	char text[16] = "";
	assert_int_equal(pread(fd, text, sizeof(text) - 1, 0), 5);
	assert_string_equal(text, "done\n");
	child_run_clear(&run);
	close(fd);
	unlink(out);
}

/* ---- what it is given ---- */

static void of_our_descriptors_it_has_none_but_those_it_is_given(void **state)
{
	(void)state;
	struct error err = { 0 };
	int leaked = open("/dev/null", O_RDONLY); /* as a library may */
	int high = fcntl(leaked, F_DUPFD, 500);
	char *out = output_of("cd /proc/self/fd; echo *");
	assert_string_equal(out, "0 1 2 3\n"); /* and the folder that is read */
	free(out);
	struct child_run run =
		shell("for f in /proc/$$/fd/*; do readlink $f; done | grep -c /dev/null");
	run.how.keep = high;
	assert_int_equal(child_run(&run, &err), 0);
	assert_string_equal(run.out, "1\n");
	child_run_clear(&run);
	close(leaked);
	close(high);
}

static void its_standard_descriptors_are_open_also_when_ours_are_not(void **state)
{
	(void)state;
	int saved[3];
	for (int fd = 0; fd < 3; fd++) {
		saved[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 10);
		close(fd);
	}
	struct child_run run = shell("cat; echo complaint >&2; exit 4");
	struct error err = { 0 };
	run.in = "input";
	run.in_len = 5;
	int rc = child_run(&run, &err);
	for (int fd = 0; fd < 3; fd++) {
		dup2(saved[fd], fd);
		close(saved[fd]);
	}
	assert_int_equal(rc, -ECHILD);
	assert_string_equal(run.out, "input");
	assert_string_equal(run.said, "complaint");
	child_run_clear(&run);
}

static void its_signals_are_as_they_are_by_default(void **state)
{
	(void)state;
	sigset_t usr1, before;
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, &before); /* and SIGPIPE is ignored, see main() */
	/* 32 and 33 are the C library's own, and what make starts by posix_spawn() ignores them. */
	char *out = output_of("while read -r name mask; do case $name in SigBlk:|SigIgn:) "
			      "printf '%s%x ' $name $((0x$mask & ~0x180000000));; esac; "
			      "done </proc/self/status");
	sigprocmask(SIG_SETMASK, &before, NULL);
	assert_string_equal(out, "SigBlk:0 SigIgn:0 ");
	free(out);
}

static void its_environment_and_its_path_are_those_it_is_given(void **state)
{
	(void)state;
	struct error err = { 0 };
	const char *const argv[] = { "env", NULL };
	const char *const env[] = { "PATH=/usr/bin:/bin", "ONE=1", NULL };
	const char *const nowhere[] = { "PATH=/nonexistent", NULL };
	struct child_run run = { .how = { .argv = argv, .env = env },
				 .limit_ms = LONG_MS,
				 .out_max = 4096 };
	assert_int_equal(child_run(&run, &err), 0);
	assert_string_equal(run.out, "PATH=/usr/bin:/bin\nONE=1\n");
	child_run_clear(&run);
	run.how.env = nowhere;
	assert_int_equal(child_run(&run, &err), -ENOENT);
	child_run_clear(&run);
}

static void of_our_environment_it_gets_what_is_no_secret(void **state)
{
	(void)state;
	struct error err = { 0 };
	char *const path = strdup(getenv("PATH"));
	setenv("LUNETTE_CHAP_SECRET", "a secret", 1);
	setenv("PATHS", "also", 1);
	setenv("LC_TIME", "C", 1);
	setenv("TZ", "UTC", 1);
	const char *const argv[] = { "sh", "-c", "env | grep -E '^(LUN|PATHS|LC_TIME|TZ)' | sort",
				     NULL };
	struct child_run run = { .how = { .argv = argv, .secrets = "{}" },
				 .limit_ms = LONG_MS,
				 .out_max = 4096 };
	assert_int_equal(child_run(&run, &err), 0);
	assert_string_equal(run.out, "LC_TIME=C\nLUNETTE_SECRETS_FD=3\nTZ=UTC\n");
	child_run_clear(&run);

	unsetenv("PATH"); /* as below some supervisors */
	assert_int_equal(child_run(&run, &err), 0);
	child_run_clear(&run);
	setenv("PATH", path, 1);
	free(path);
}

static void on_line(void *ctx, const char *line)
{
	char *heard = ctx;
	snprintf(heard + strlen(heard), 256, "%.100s|", line);
}

static void its_lines_are_told_one_by_one_whatever_they_go_to(void **state)
{
	(void)state;
	struct error err = { 0 };
	char heard[4096] = "";
	struct child_run run =
		shell("echo one; echo two >&2; echo; printf 'th\\0ree\\nand no end'");
	run.how.log_to_out = true;
	run.line = on_line;
	run.ctx = heard;
	assert_int_equal(child_run(&run, &err), 0);
	assert_string_equal(heard, "one|two|th?ree|and no end|");
	child_run_clear(&run);
}

/* Serves nobody, but could. */
static int wait_and_count(void *ctx, struct pollfd *fds, size_t n, int64_t until, struct error *err)
{
	int *count = ctx;
	if (++*count == 3)
		return error_set(err, -ECANCELED, "it was given up");
	poll(fds, n, (int)(MIN(until, clock_now_ms() + 20) - clock_now_ms()));
	return 0;
}

static void whoever_waits_in_our_place_may_give_up(void **state)
{
	(void)state;
	struct error err = { 0 };
	int count = 0;
	struct child_run run = shell("sleep 600");
	run.wait = wait_and_count;
	run.ctx = &count;
	assert_int_equal(child_run(&run, &err), -ECANCELED);
	assert_string_equal(err.msg, "the script: it was given up");
	assert_int_equal(count, 3);
	child_run_clear(&run);
}

/* ---- old kernels ---- */

/* From here on there are neither pidfds nor close_range(), as before Linux 5.3. */
static bool become_old(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
	};
	struct sock_fprog program = { .len = ARRAY_SIZE(code), .filter = code };
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void the_kernel_was_a_new_one(void **state)
{
	(void)state;
	if (!become_old())
		skip();
	assert_int_equal(syscall(SYS_pidfd_open, getpid(), 0), -1);
}

#define RUNS                                                                                     \
	cmocka_unit_test(what_it_prints_is_taken), cmocka_unit_test(how_it_ended_is_a_sentence), \
		cmocka_unit_test(what_it_complains_of_is_in_the_sentence_but_for_warnings),      \
		cmocka_unit_test(a_program_that_is_not_there_is_told),                           \
		cmocka_unit_test(more_than_it_may_say_ends_it),                                  \
		cmocka_unit_test(input_may_be_larger_than_a_pipe),                               \
		cmocka_unit_test(the_deadline_is_kept_whatever_it_ignores),                      \
		cmocka_unit_test(a_stop_ends_it),                                                \
		cmocka_unit_test(sigterm_comes_before_the_end_by_force),                         \
		cmocka_unit_test(who_holds_the_pipe_is_not_waited_for),                          \
		cmocka_unit_test(who_must_not_be_killed_comes_to_its_end),                       \
		cmocka_unit_test(of_our_descriptors_it_has_none_but_those_it_is_given),          \
		cmocka_unit_test(its_standard_descriptors_are_open_also_when_ours_are_not),      \
		cmocka_unit_test(its_signals_are_as_they_are_by_default),                        \
		cmocka_unit_test(its_environment_and_its_path_are_those_it_is_given),            \
		cmocka_unit_test(of_our_environment_it_gets_what_is_no_secret),                  \
		cmocka_unit_test(its_lines_are_told_one_by_one_whatever_they_go_to),             \
		cmocka_unit_test(whoever_waits_in_our_place_may_give_up)

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = { RUNS, cmocka_unit_test(the_kernel_was_a_new_one),
					    RUNS };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
