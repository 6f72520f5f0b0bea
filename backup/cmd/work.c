/* SPDX-License-Identifier: GPL-3.0-or-later */
/* work - what commands that take long share: being stopped, and showing how far they are. */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "lunette/clock.h"

/* ---- signals ----------------------------------------------------------------------------------
 */

/* What comes so soon after the first is the same wish: timeout(1) tells the process and then its
 * group, a lost session the kernel and then the shell. */
#define ECHO_NS UINT64_C(1000000000)

static atomic_bool stop;
static _Atomic uint64_t first; /* when it came */

/* Whoever asks again does not want to wait. */
static void on_signal(int sig)
{
	uint64_t now = clock_now_ns(), before = 0;
	if (atomic_compare_exchange_strong(&first, &before, now)) {
		atomic_store_explicit(&stop, true, memory_order_relaxed);
	} else if (now >= before + ECHO_NS) {
		signal(sig, SIG_DFL);
		raise(sig);
	}
}

const atomic_bool *cmd_stop_on_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	/* A session that is lost; but nohup wants the work to go on without it. */
	struct sigaction hangup;
	if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN)
		sigaction(SIGHUP, &action, NULL);
	return &stop;
}

/* ---- threads ----------------------------------------------------------------------------------
 */

/* Some wait for a disk or a LUN while others compute. */
#define WAITING_THREADS 3

unsigned int cmd_cpus(void)
{
	cpu_set_t set;
	int cpus = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
	return MIN((unsigned int)cpus, CMD_THREADS_MAX);
}

unsigned int cmd_threads(void)
{
	return MIN(cmd_cpus() + WAITING_THREADS, CMD_THREADS_MAX);
}

double cmd_seconds(void)
{
	return (double)clock_now_ns() / 1e9;
}

/* ---- progress ---------------------------------------------------------------------------------
 */

#define INTERVAL      0.2 /* seconds between lines on a terminal */
#define INTERVAL_JSON 1.0
#define RATE_SECONDS  5.0 /* that a rate is of */

/* Takes "json", "none", or nothing. */
static int take_mode(const struct option_row *row, void *to, const char *arg, struct error *err)
{
	enum cmd_progress_mode *mode = to;
	if (!arg)
		*mode = CMD_PROGRESS_LINE;
	else if (strcmp(arg, "json") == 0)
		*mode = CMD_PROGRESS_JSON;
	else if (strcmp(arg, "none") == 0)
		*mode = CMD_PROGRESS_NONE;
	else
		return cmd_usage(err, "--%s '%s': json and none are possible", row->name, arg);
	return 0;
}

static const struct option_row rows[] = {
	{ "progress", "json|none",
	  "show progress although standard error is no terminal, or as lines of JSON, or not at all",
	  OPTION_CALL(struct cmd_progress, mode, enum cmd_progress_mode, take_mode),
	  .optional = true },
	CMD_QUIET_OPTION(struct cmd_progress, quiet),
	{ 0 },
};

static void end_progress(void *progress)
{
	cmd_progress_end(progress);
}

const struct option_group cmd_progress_options = { .rows = rows, .free = end_progress };

bool cmd_progress_begin(struct cmd_progress *progress)
{
	if (progress->mode == CMD_PROGRESS_AUTO)
		progress->mode = isatty(STDERR_FILENO) && !progress->quiet ? CMD_PROGRESS_LINE
									   : CMD_PROGRESS_NONE;
	progress->start = cmd_seconds();
	return progress->mode != CMD_PROGRESS_NONE;
}

/* Of the last seconds rather than of all: what is left depends on how it goes now. */
static void measure(struct cmd_progress *progress, double now)
{
	double since = progress->shown > 0 ? progress->shown : progress->start;
	double elapsed = now - since;
	if (elapsed <= 0)
		return;
	double rate = (double)(progress->done - progress->shown_done) / elapsed;
	double weight = progress->shown > 0 ? elapsed / (elapsed + RATE_SECONDS) : 1;
	progress->rate += (rate - progress->rate) * weight;
	progress->shown = now;
	progress->shown_done = progress->done;
}

/* Below zero when nobody knows. */
static double seconds_left(const struct cmd_progress *progress)
{
	uint64_t rest = progress->total - progress->done;
	return progress->rate > 0 ? (double)rest / progress->rate : -1;
}

static void show_line(const struct cmd_progress *progress)
{
	char part[CMD_SIZE_MAX], all[CMD_SIZE_MAX], rate[CMD_SIZE_MAX], ratio[32] = "",
									left[32] = "";
	double percent =
		progress->total ? 100.0 * (double)progress->done / (double)progress->total : 100;
	if (progress->stored > 0)
		snprintf(ratio, sizeof(ratio), ", %.2f : 1",
			 (double)progress->done / (double)progress->stored);
	if (seconds_left(progress) >= 0 && progress->shown - progress->start > 1) {
		unsigned long long s = (unsigned long long)(seconds_left(progress) + 0.5);
		snprintf(left, sizeof(left), ", %llu:%02llu:%02llu left", s / 3600, s / 60 % 60,
			 s % 60);
	}
	fprintf(stderr, "\r%3.0f %%  %s of %s, %s/s%s%s\033[K", percent,
		cmd_size(progress->done, part), cmd_size(progress->total, all),
		cmd_size((uint64_t)progress->rate, rate), ratio, left);
	fflush(stderr);
}

static void show_json(const struct cmd_progress *progress)
{
	double left = seconds_left(progress);
	json_t *line = json_pack(
		"{s:{s:I, s:I, s:f, s:f, s:o, s:o}}", "progress", "bytes_done",
		(json_int_t)progress->done, "bytes_total", (json_int_t)progress->total, "seconds",
		progress->shown - progress->start, "rate", progress->rate, "ratio",
		progress->stored > 0 ? json_real((double)progress->done / (double)progress->stored)
				     : json_null(),
		"seconds_left", left < 0 ? json_null() : json_real(left));
	CLEANUP(free_cleanup)
	char *text = line ? json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
	json_decref(line);
	if (text)
		fprintf(stderr, "%s\n", text);
}

void cmd_progress_show(struct cmd_progress *progress, uint64_t done)
{
	if (progress->mode == CMD_PROGRESS_NONE)
		return;
	progress->done = MIN(done, progress->total);
	double now = cmd_seconds();
	bool json = progress->mode == CMD_PROGRESS_JSON;
	if (now - progress->shown < (json ? INTERVAL_JSON : INTERVAL))
		return;
	measure(progress, now);
	(json ? show_json : show_line)(progress);
}

void cmd_progress_of(void *progress, uint64_t done, uint64_t total)
{
	((struct cmd_progress *)progress)->total = total;
	cmd_progress_show(progress, done);
}

void cmd_progress_end(struct cmd_progress *progress)
{
	if (progress->shown > 0 && progress->mode == CMD_PROGRESS_LINE) {
		fputs("\r\033[K", stderr);
		fflush(stderr);
	}
	if (progress->shown > 0 && progress->mode == CMD_PROGRESS_JSON) {
		measure(progress, cmd_seconds());
		show_json(progress);
	}
	progress->shown = 0;
}
