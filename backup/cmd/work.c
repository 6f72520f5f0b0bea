/* SPDX-License-Identifier: GPL-3.0-or-later */
/* work - what commands that take long share: being stopped, and showing how far they are. */
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cmd.h"

/* ---- signals ----------------------------------------------------------------------------------
 */

static atomic_bool stop;

static void on_signal(int sig)
{
	(void)sig;
	atomic_store_explicit(&stop, true, memory_order_relaxed);
}

const atomic_bool *cmd_stop_on_signals(void)
{
	/* SA_RESETHAND: whoever asks twice does not want to wait. */
	struct sigaction action = { .sa_handler = on_signal,
				    .sa_flags = SA_RESTART | (int)SA_RESETHAND };
	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	return &stop;
}

/* ---- threads ----------------------------------------------------------------------------------
 */

/* Some wait for a disk or a LUN while others compute. */
#define WAITING_THREADS 3
#define THREADS_MAX     32u

unsigned int cmd_threads(void)
{
	cpu_set_t set;
	int cpus = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
	return MIN((unsigned int)cpus + WAITING_THREADS, THREADS_MAX);
}

double cmd_seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- progress ---------------------------------------------------------------------------------
 */

#define INTERVAL      0.2 /* seconds between lines on a terminal */
#define INTERVAL_JSON 1.0

int cmd_progress_option(struct cmd_progress *progress, const char *arg, struct error *err)
{
	if (!arg)
		progress->mode = CMD_PROGRESS_LINE;
	else if (strcmp(arg, "json") == 0)
		progress->mode = CMD_PROGRESS_JSON;
	else if (strcmp(arg, "none") == 0)
		progress->mode = CMD_PROGRESS_NONE;
	else
		return cmd_usage(err, "--progress '%s': json and none are possible", arg);
	return 0;
}

bool cmd_progress_begin(struct cmd_progress *progress)
{
	if (progress->mode == CMD_PROGRESS_AUTO)
		progress->mode = isatty(STDERR_FILENO) ? CMD_PROGRESS_LINE : CMD_PROGRESS_NONE;
	progress->start = cmd_seconds();
	return progress->mode != CMD_PROGRESS_NONE;
}

static void show_line(const struct cmd_progress *progress, uint64_t done, double seconds)
{
	char part[CMD_SIZE_MAX], all[CMD_SIZE_MAX], rate[CMD_SIZE_MAX], left[32] = "";
	double speed = seconds > 0 ? (double)done / seconds : 0;
	double percent = progress->total ? 100.0 * (double)done / (double)progress->total : 100;
	if (speed > 0 && seconds > 1) {
		uint64_t rest = progress->total > done ? progress->total - done : 0;
		unsigned long long s = (unsigned long long)((double)rest / speed + 0.5);
		snprintf(left, sizeof(left), ", %llu:%02llu:%02llu left", s / 3600, s / 60 % 60,
			 s % 60);
	}
	fprintf(stderr, "\r%3.0f %%  %s of %s, %s/s%s\033[K", MIN(percent, 100.0),
		cmd_size(done, part), cmd_size(progress->total, all),
		cmd_size((uint64_t)speed, rate), left);
}

static void show_json(const struct cmd_progress *progress, uint64_t done, double seconds)
{
	fprintf(stderr,
		"{\"progress\":{\"done\":%" PRIu64 ",\"total\":%" PRIu64 ",\"seconds\":%.1f}}\n",
		done, progress->total, seconds);
}

void cmd_progress_show(struct cmd_progress *progress, uint64_t done)
{
	if (progress->mode == CMD_PROGRESS_NONE)
		return;
	done = MIN(done, progress->total); /* gaps that are read over were not foreseen */
	progress->done = done;
	double now = cmd_seconds();
	bool json = progress->mode == CMD_PROGRESS_JSON;
	if (now - progress->shown < (json ? INTERVAL_JSON : INTERVAL))
		return;
	progress->shown = now;
	(json ? show_json : show_line)(progress, done, now - progress->start);
}

void cmd_progress_end(struct cmd_progress *progress)
{
	if (progress->shown > 0 && progress->mode == CMD_PROGRESS_LINE)
		fputs("\r\033[K", stderr);
	if (progress->shown > 0 && progress->mode == CMD_PROGRESS_JSON)
		show_json(progress, progress->done, cmd_seconds() - progress->start);
	progress->shown = 0;
}
