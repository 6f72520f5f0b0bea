/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The journal, the locks, reservations, and the order of the steps. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lunette/journal.h"
#include "reservation.h"
#include "lunette/shape.h"
#include "lunette/state.h"
#include "steps.h"

static char folder[] = "/tmp/lunette-journal.XXXXXX";

static char *in_folder(const char *name)
{
	static char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void note(struct journal *journal, int n)
{
	struct error err = { 0 };
	assert_int_equal(journal_note(journal, "test", json_pack("{s:i}", "n", n), &err), 0);
}

static json_t *records_of(const char *path)
{
	json_t *records = NULL;
	struct error err = { 0 };
	if (journal_read(path, &records, &err) < 0)
		fail_msg("%s", err.msg);
	return records;
}

static void records_are_read_in_their_order(void **state)
{
	(void)state;
	const char *path = in_folder("order");
	struct journal *journal = NULL;
	struct error err = { 0 };
	assert_int_equal(journal_create(path, &journal, &err), 0);
	for (int i = 0; i < 3; i++)
		note(journal, i);
	journal_close(journal);
	assert_int_equal(journal_create(path, &journal, &err), -EEXIST);
	json_t *records = records_of(path);
	assert_int_equal(json_array_size(records), 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(shape_size(json_array_get(records, (size_t)i), "n"), i);
	assert_int_equal(shape_size(journal_last(records, "test"), "n"), 2);
	assert_null(journal_last(records, "other"));
	json_decref(records);
}

static void a_torn_last_line_is_passed_over_and_cut_off(void **state)
{
	(void)state;
	const char *path = in_folder("torn");
	struct journal *journal = NULL;
	struct error err = { 0 };
	assert_int_equal(journal_create(path, &journal, &err), 0);
	note(journal, 0);
	note(journal, 1);
	journal_close(journal);
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	json_t *whole = records_of(path);
	size_t first = 0;
	FILE *f = fopen(path, "re");
	while (fgetc(f) != '\n')
		first++;
	fclose(f);
	for (off_t size = st.st_size - 1; size > (off_t)first + 1; size--) {
		assert_int_equal(truncate(path, size), 0);
		json_t *records = records_of(path);
		assert_int_equal(json_array_size(records), 1);
		assert_true(json_equal(json_array_get(records, 0), json_array_get(whole, 0)));
		json_decref(records);
	}
	json_decref(whole);
	assert_int_equal(journal_append(path, &journal, &err), 0);
	note(journal, 7);
	journal_close(journal);
	json_t *records = records_of(path);
	assert_int_equal(json_array_size(records), 2);
	assert_int_equal(shape_size(json_array_get(records, 1), "n"), 7);
	json_decref(records);
}

static void a_line_for_which_there_is_no_room_is_taken_back(void **state)
{
	(void)state;
	const char *path = in_folder("full");
	struct journal *journal = NULL;
	struct error err = { 0 };
	struct stat st;
	struct rlimit before;
	assert_int_equal(journal_create(path, &journal, &err), 0);
	note(journal, 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	struct rlimit full = { .rlim_cur = (rlim_t)st.st_size + 10, .rlim_max = before.rlim_max };
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
	int rc = journal_note(journal, "test", json_pack("{s:i}", "n", 1), &err);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(rc, -ENOSPC);
	note(journal, 2);
	journal_close(journal);
	json_t *records = records_of(path);
	assert_int_equal(json_array_size(records), 2);
	assert_int_equal(shape_size(journal_last(records, "test"), "n"), 2);
	json_decref(records);
}

static void damage_before_the_end_is_not_passed_over(void **state)
{
	(void)state;
	const char *path = in_folder("damaged");
	FILE *f = fopen(path, "we");
	fputs("{\"record\":\"start\"}\nnonsense\n{\"record\":\"clean\"}\n", f);
	fclose(f);
	json_t *records = NULL;
	struct error err = { 0 };
	assert_int_equal(journal_read(path, &records, &err), -EUCLEAN);
	assert_non_null(strstr(err.msg, "record 2"));
}

static void what_is_no_journal_is_told_and_never_waited_for(void **state)
{
	(void)state;
	char target[PATH_MAX], kinds[4][PATH_MAX];
	static const char *const names[] = { "pipe", "folder", "link", "garbage" };
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		snprintf(kinds[i], PATH_MAX, "%s", in_folder(names[i]));
	snprintf(target, sizeof(target), "%s", in_folder("order"));
	assert_int_equal(mkfifo(kinds[0], 0600), 0);
	assert_int_equal(mkdir(kinds[1], 0700), 0);
	assert_int_equal(symlink(target, kinds[2]), 0);
	FILE *f = fopen(kinds[3], "we");
	fwrite("\0\xff\n\n{", 1, 5, f);
	fclose(f);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		json_t *records = NULL;
		struct error err = { 0 };
		assert_int_equal(journal_read(kinds[i], &records, &err), -EUCLEAN);
		assert_non_null(strstr(err.msg, names[i]));
	}
}

static void what_is_set_aside_is_no_run_any_more(void **state)
{
	(void)state;
	struct error err = { 0 };
	json_t *runs = NULL;
	assert_int_equal(state_make(folder, "aside", &err), 0);
	assert_int_equal(mkfifo(in_folder("aside/runs/one.journal"), 0600), 0);
	assert_int_equal(state_set_aside(folder, "aside", "one", &err), 0);
	assert_int_equal(state_runs(folder, "aside", &runs, &err), 0);
	assert_int_equal(json_array_size(runs), 0);
	assert_int_equal(access(in_folder("aside/runs/one.unreadable"), F_OK), 0);
	json_decref(runs);
}

static void one_run_of_a_job_at_a_time_and_others_are_free(void **state)
{
	(void)state;
	struct error err = { 0 };
	int one = -1, two = -1;
	assert_int_equal(state_make(folder, "a", &err), 0);
	assert_int_equal(state_make(folder, "b", &err), 0);
	assert_int_equal(state_job_runner(folder, "a"), 0);
	assert_int_equal(state_lock_job(folder, "a", false, &one, &err), 0);
	assert_int_equal(state_job_runner(folder, "a"), getpid());
	assert_int_equal(state_lock_job(folder, "a", false, &two, &err), -EBUSY);
	assert_int_equal(state_lock_job(folder, "b", false, &two, &err), 0);
	close(two);
	close(one);
	assert_int_equal(state_job_runner(folder, "a"), 0);
}

static void a_run_waits_for_who_cleans_up(void **state)
{
	(void)state;
	struct error err = { 0 };
	int fd = -1, pipe_fds[2];
	assert_int_equal(state_make(folder, "dead", &err), 0);
	assert_int_equal(pipe(pipe_fds), 0);
	pid_t pid = fork();
	if (pid == 0) { /* cleans up for longer than it takes to be sure that a job runs */
		int rc = state_lock_job(folder, "dead", true, &fd, &err);
		rc = write(pipe_fds[1], "x", 1) == 1 ? rc : -EIO;
		usleep(1000000);
		_exit(rc == 0 ? 0 : 1);
	}
	char c;
	int status = -1;
	assert_int_equal(read(pipe_fds[0], &c, 1), 1);
	assert_int_equal(state_job_runner(folder, "dead"), 0);
	assert_int_equal(state_lock_job(folder, "dead", true, &fd, &err), -EBUSY);
	assert_int_equal(state_lock_job(folder, "dead", false, &fd, &err), 0);
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	close(fd);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

static void the_base_is_replaced_as_a_whole(void **state)
{
	(void)state;
	struct error err = { 0 };
	json_t *base = json_pack("{s:s}", "name", "x"), *got = NULL;
	assert_int_equal(state_make(folder, "base", &err), 0);
	assert_int_equal(state_base_read(folder, "base", &got, &err), 0);
	assert_null(got);
	/* One who died over it has left more than there will be. */
	char torn[200];
	memset(torn, 'x', sizeof(torn));
	const char *left = in_folder("base/base.json.new");
	FILE *f = fopen(left, "we");
	assert_int_equal(fwrite(torn, sizeof(torn), 1, f), 1);
	fclose(f);
	assert_int_equal(state_base_write(folder, "base", base, &err), 0);
	assert_int_equal(access(left, F_OK), -1);
	assert_int_equal(state_base_read(folder, "base", &got, &err), 0);
	assert_true(json_equal(base, got));
	json_decref(got);
	json_decref(base);
	assert_int_equal(state_base_write(folder, "base", NULL, &err), 0);
	assert_int_equal(state_base_read(folder, "base", &got, &err), 0);
	assert_null(got);
}

/* ---- reservations ---- */

static int list(void *ctx, json_t **ret, struct error *err)
{
	(void)err;
	*ret = json_incref(ctx);
	return 0;
}

static int reserve(const char *name, const char *volume, uint64_t most, json_t *objects, int *fd)
{
	json_t *volumes = json_pack("[s]", volume);
	const struct reservation r = { .state = folder,
				       .array = "array",
				       .name = name,
				       .volumes = volumes,
				       .most = most,
				       .list = list,
				       .ctx = objects };
	struct error err = { 0 };
	int rc = reservation_take(&r, fd, &err);
	json_decref(volumes);
	return rc;
}

static void what_is_written_in_part_is_not_put_into_its_place(void **state)
{
	(void)state;
	struct error err = { 0 };
	struct rlimit before;
	char text[200];
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	const char *path = in_folder("whole");
	assert_int_equal(state_replace_file(path, "old", 0600, &err), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	struct rlimit full = { .rlim_cur = 100, .rlim_max = before.rlim_max };
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
	errno = 0;
	int rc = state_replace_file(path, text, 0600, &err);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(rc, -ENOSPC);
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 3);
}

static void the_last_place_is_given_once(void **state)
{
	(void)state;
	json_t *objects =
		json_pack("[{s:s,s:s,s:s}]", "kind", "snapshot", "name", "old", "volume", "v");
	int one = -1, two = -1;
	assert_int_equal(reserve("one", "v", 2, objects, &one), 0);
	assert_int_equal(reserve("two", "v", 2, objects, &two), -EMLINK);
	assert_int_equal(reserve("two", "w", 2, objects, &two), 0);
	close(two);
	/* Once its snapshot is listed, it counts once. */
	json_array_append_new(objects, json_pack("{s:s,s:s,s:s}", "kind", "snapshot", "name", "one",
						 "volume", "v"));
	assert_int_equal(reserve("two", "v", 3, objects, &two), 0);
	close(two);
	close(one);
	json_decref(objects);
}

static void a_dead_process_reserves_nothing(void **state)
{
	(void)state;
	json_t *objects = json_array();
	pid_t pid = fork();
	if (pid == 0) {
		int fd = -1;
		_exit(reserve("dead", "u", 1, objects, &fd) == 0 ? 0 : 1);
	}
	int status = -1, fd = -1;
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	assert_int_equal(reserve("alive", "u", 1, objects, &fd), 0);
	close(fd);
	json_decref(objects);
}

/* ---- the table ---- */

static size_t place(const char *name)
{
	for (size_t i = 0; i < steps_n; i++)
		if (strcmp(steps_table[i].name, name) == 0)
			return i;
	fail_msg("there is no step '%s'", name);
	return 0;
}

static void what_is_made_is_undone_before_what_it_is_made_of(void **state)
{
	(void)state;
	/* Undoing goes upwards: unmount and close, log out, unmap, lun-delete, snap-delete, abort.
	 */
	static const char *const order[] = { "storage", "disks", "reserve",  "snapshot", "luns",
					     "server",  "map",   "software", "connect",  "backup" };
	for (size_t i = 1; i < ARRAY_SIZE(order); i++)
		assert_true(place(order[i - 1]) < place(order[i]));
	for (size_t i = 0; i < steps_n; i++) {
		assert_non_null(steps_table[i].go);
		/* What makes something on the storage can undo it, and the sweep finds it. */
		bool makes = i >= place("reserve") && i <= place("map");
		assert_int_equal(!!(steps_table[i].flags & STEP_SWEPT), makes);
		if (makes)
			assert_non_null(steps_table[i].undo);
	}
}

static void places_to_be_killed_at_are_steps(void **state)
{
	(void)state;
	struct steps_stop stop = { 0 };
	struct error err = { 0 };
	assert_int_equal(steps_parse_stop("snapshot:before", &stop, &err), 0);
	assert_string_equal(stop.step, "snapshot");
	assert_false(stop.after);
	assert_int_equal(steps_parse_stop("map:after", &stop, &err), 0);
	assert_true(stop.after);
	assert_int_equal(steps_parse_stop("map:later", &stop, &err), -EINVAL);
	assert_int_equal(steps_parse_stop("maps:after", &stop, &err), -EINVAL);
	assert_int_equal(steps_parse_stop("map", &stop, &err), -EINVAL);
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	char command[128];
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_are_read_in_their_order),
		cmocka_unit_test(a_torn_last_line_is_passed_over_and_cut_off),
		cmocka_unit_test(a_line_for_which_there_is_no_room_is_taken_back),
		cmocka_unit_test(damage_before_the_end_is_not_passed_over),
		cmocka_unit_test(what_is_no_journal_is_told_and_never_waited_for),
		cmocka_unit_test(what_is_set_aside_is_no_run_any_more),
		cmocka_unit_test(one_run_of_a_job_at_a_time_and_others_are_free),
		cmocka_unit_test(a_run_waits_for_who_cleans_up),
		cmocka_unit_test(the_base_is_replaced_as_a_whole),
		cmocka_unit_test(what_is_written_in_part_is_not_put_into_its_place),
		cmocka_unit_test(the_last_place_is_given_once),
		cmocka_unit_test(a_dead_process_reserves_nothing),
		cmocka_unit_test(what_is_made_is_undone_before_what_it_is_made_of),
		cmocka_unit_test(places_to_be_killed_at_are_steps),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
