/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * child-run - a program from its start to its end. See child.h.
 *
 * When it ends is told by a descriptor, where the kernel has such (5.3), and otherwise by looking
 * every now and then: agents run on old servers, too.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lunette/child.h"
#include "lunette/clock.h"
#include "wait-private.h"

#define PIECE         16384
#define LOG_MAX       4096
#define LOOK_MS       10  /* how soon its end is noticed, where nobody tells */
#define STOP_SLICE_MS 100 /* how soon a stop is */
#define REST_PIECES   256 /* what is in a pipe of the largest size, and a little more */

/**
 * struct work - what is known while it runs
 * @left: of its input
 * @size: of run->out
 * @line: begun and not ended
 * @log: the beginning of what it complained of
 */
struct work {
	struct child_run *run;
	const char *name;
	struct child child;
	int pidfd;
	int64_t until;
	const char *in;
	size_t left;
	size_t size;
	size_t n_line;
	char line[CHILD_LINE_MAX + 1];
	size_t n_log;
	char log[LOG_MAX + 1];
};

/* ---- what it says -----------------------------------------------------------------------------
 */

static void end_line(struct work *w)
{
	w->line[w->n_line] = '\0';
	if (w->n_line)
		w->run->line(w->run->ctx, w->line);
	w->n_line = 0;
}

static void take_lines(struct work *w, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (text[i] != '\n')
			w->line[w->n_line++] = text[i] ? text[i] : '?';
		if (text[i] == '\n' || w->n_line == CHILD_LINE_MAX)
			end_line(w);
	}
}

static int take_text(struct work *w, const char *text, size_t n, struct error *err)
{
	struct child_run *run = w->run;
	if (n > run->out_max - run->out_len)
		return error_set(err, -EMSGSIZE, "%s says more than %zu bytes", w->name,
				 run->out_max);
	if (run->out_len + n + 1 > w->size) {
		size_t size = MAX(w->size * 2, (size_t)2 * PIECE);
		char *out = realloc(run->out, size);
		if (!out)
			return error_set(err, -ENOMEM, "%s: %m", w->name);
		run->out = out;
		w->size = size;
	}
	memcpy(run->out + run->out_len, text, n);
	run->out_len += n;
	run->out[run->out_len] = '\0';
	return 0;
}

static void take_log(struct work *w, const char *text, size_t n)
{
	n = MIN(n, LOG_MAX - w->n_log);
	memcpy(w->log + w->n_log, text, n);
	w->n_log += n;
}

/* One piece of a stream, which is closed at its end. Return: 1 when there may be more at once. */
static int take(struct work *w, int *fd, struct error *err)
{
	char piece[PIECE];
	int rc = 0;
	ssize_t n = *fd < 0 ? 0 : read(*fd, piece, sizeof(piece));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		close_cleanup(fd);
		*fd = -1;
		return 0;
	}
	if (fd == &w->child.log)
		take_log(w, piece, (size_t)n);
	else if (w->run->line)
		take_lines(w, piece, (size_t)n);
	else if (w->run->out_max)
		rc = take_text(w, piece, (size_t)n, err);
	return rc < 0 ? rc : 1;
}

/* What it left in its pipes. Somebody else may write to them for ever. */
static int take_rest(struct work *w, int *fd, struct error *err)
{
	int rc = 1;
	for (int i = 0; rc > 0 && i < REST_PIECES; i++)
		rc = take(w, fd, err);
	return MIN(rc, 0);
}

/* Its complaints on one line, the warnings among them left out. */
static void sum_up(struct work *w)
{
	char *said = w->run->said, *rest = w->log;
	size_t size = sizeof(w->run->said), len = 0;
	for (char *line; (line = strsep(&rest, "\r\n")) && len < size - 1;) {
		line += strspn(line, " \t");
		if (*line && strncasecmp(line, "warning", 7) != 0)
			len += (size_t)snprintf(said + len, size - len, "%s%s", len ? "; " : "",
						line);
	}
	for (; *said; said++)
		if ((unsigned char)*said < ' ' || *said == 0x7f)
			*said = ' ';
}

/* A file of the caller's, from its beginning. */
static void read_log_file(struct work *w)
{
	ssize_t n = pread(w->run->how.log, w->log, LOG_MAX, 0);
	w->n_log = n > 0 ? (size_t)n : 0;
}

/* ---- until it ends ----------------------------------------------------------------------------
 */

static void feed(struct work *w)
{
	ssize_t n = w->left ? write(w->child.in, w->in, w->left) : 0;
	if (n > 0) {
		w->in += n;
		w->left -= (size_t)n;
	}
	/* Whoever does not want to read it says by its status why. */
	if (w->left == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		close(steal_fd(&w->child.in));
}

/* Something to do, its end, or the next time to look. */
static int await(struct work *w, struct pollfd fds[CHILD_WAIT_MAX], struct error *err)
{
	const struct child_run *run = w->run;
	int64_t look = w->pidfd < 0 ? LOOK_MS : run->stop ? STOP_SLICE_MS : INT_MAX;
	int64_t until = MIN(w->until, clock_now_ms() + look);
	int rc = run->wait ? run->wait(run->ctx, fds, CHILD_WAIT_MAX, until, err)
			   : wait_by_poll(fds, CHILD_WAIT_MAX, until, err);
	if (rc < 0)
		return error_wrap(err, rc, "%s", w->name);
	if (run->stop && atomic_load_explicit(run->stop, memory_order_relaxed))
		return error_set(err, -EINTR, "%s was interrupted", w->name);
	return 0;
}

static int serve(struct work *w, struct error *err)
{
	while (!child_has_ended(&w->child)) {
		struct child *c = &w->child;
		struct pollfd fds[CHILD_WAIT_MAX] = { { .fd = w->pidfd, .events = POLLIN },
						      { .fd = c->in, .events = POLLOUT },
						      { .fd = c->out, .events = POLLIN },
						      { .fd = c->log, .events = POLLIN } };
		int rc = await(w, fds, err);
		if (rc == 0 && fds[1].revents)
			feed(w);
		if (rc == 0 && fds[2].revents)
			rc = take(w, &c->out, err);
		if (rc >= 0 && fds[3].revents)
			rc = take(w, &c->log, err);
		if (rc < 0)
			return rc;
		if (clock_now_ms() >= w->until && !child_has_ended(c))
			return error_set(err, -ETIMEDOUT, "%s did not end within %lld ms%s",
					 w->name, (long long)w->run->limit_ms,
					 w->run->kill == CHILD_KILL_NEVER ? "" : " and was killed");
	}
	int rc = take_rest(w, &w->child.out, err);
	if (rc == 0)
		rc = take_rest(w, &w->child.log, err);
	/* A text also when it says nothing. */
	return rc == 0 && w->run->out_max ? take_text(w, "", 0, err) : rc;
}

static int judge(const struct work *w, struct error *err)
{
	const struct child_run *run = w->run;
	const char *colon = run->said[0] ? ": " : "";
	if (WIFEXITED(run->status))
		return WEXITSTATUS(run->status) == 0
			       ? 0
			       : error_set(err, -ECHILD, "%s ended with status %d%s%s", w->name,
					   WEXITSTATUS(run->status), colon, run->said);
	if (WIFSIGNALED(run->status))
		return error_set(err, -ECHILD, "%s was ended by signal %d%s%s", w->name,
				 WTERMSIG(run->status), colon, run->said);
	return error_set(err, -ECHILD, "%s ended, and nobody knows how", w->name);
}

static void end(struct work *w, bool in_time)
{
	enum child_kill kill = w->run->kill;
	if (!in_time && kill == CHILD_KILL_NEVER) {
		close_cleanup(&w->child.in);
		close_cleanup(&w->child.out);
		close_cleanup(&w->child.log);
		return;
	}
	w->run->status = !in_time || kill == CHILD_KILL_GROUP ? child_end(&w->child, 0)
							      : child_reap(&w->child);
}

int child_run(struct child_run *run, struct error *err)
{
	char name[128];
	struct error why = { 0 };
	snprintf(name, sizeof(name), "'%.100s'", run->how.argv[0]);
	struct work w = {
		.run = run, .name = run->name ? run->name : name, .in = run->in, .left = run->in_len
	};
	run->status = -1;
	w.until = clock_now_ms() + run->limit_ms;
	int rc = child_start(&run->how, &w.child, &why);
	if (rc < 0)
		return run->name ? error_set(err, rc, "%s: %s", run->name, why.msg)
				 : error_copy(err, rc, &why);
	if (w.left == 0)
		close(steal_fd(&w.child.in));
	w.pidfd = (int)syscall(SYS_pidfd_open, w.child.pid, 0);
	rc = serve(&w, &why);
	close_cleanup(&w.pidfd);
	end(&w, rc == 0);
	if (w.n_line)
		end_line(&w);
	if (run->how.log)
		read_log_file(&w);
	sum_up(&w);
	if (rc < 0)
		return error_copy(err, rc, &why);
	return judge(&w, err);
}

void child_run_clear(struct child_run *run)
{
	free(steal(&run->out));
	run->out_len = 0;
}
