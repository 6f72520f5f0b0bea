/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hook - see hook.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "command.h"
#include "hook.h"
#include "lunette/child.h"

int hook_check(const char *path, struct error *err)
{
	struct stat st;
	if (path[0] != '/')
		return error_set(err, -EINVAL, "hook '%s': its path must begin with /", path);
	if (stat(path, &st) < 0)
		return error_set(err, -errno, "hook '%s': %m", path);
	if (!S_ISREG(st.st_mode) || access(path, X_OK) < 0)
		return error_set(err, -EINVAL, "hook '%s' is not a program that may be run", path);
	if (st.st_mode & S_IWOTH)
		return error_set(err, -EINVAL, "hook '%s' may be changed by anybody", path);
	return 0;
}

/**
 * struct running - a hook, and who is told of it
 */
struct running {
	const struct hook *hook;
	struct channel *ch;
};

static void on_line(void *ctx, const char *line)
{
	const struct running *r = ctx;
	char text[CHILD_LINE_MAX + 1];
	snprintf(text, sizeof(text), "%s", line);
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || (unsigned char)*p >= 0x7f)
			*p = '?';
	channel_log(r->ch, false, "%s: %s", r->hook->phase, text);
}

/* Requests come in meanwhile, and one of them may be that it is given up. */
static int wait_for(void *ctx, struct pollfd *fds, size_t n, int64_t until, struct error *err)
{
	const struct running *r = ctx;
	int rc = channel_wait(r->ch, fds, n, until, err);
	if (rc == 0 && r->hook->stop && (*r->hook->stop || r->ch->ended))
		return error_set(err, -ECANCELED, "it was given up");
	return rc;
}

int hook_run(const struct hook *hook, struct channel *ch, struct error *err)
{
	_Static_assert(CHILD_WAIT_MAX <= CHANNEL_MORE_MAX, "a hook is waited for in the channel");
	char name[400], session[160], phase[64];
	snprintf(name, sizeof(name), "%s hook '%.300s'", hook->phase, hook->path);
	snprintf(session, sizeof(session), "LUNETTE_SESSION=%s", hook->session);
	snprintf(phase, sizeof(phase), "LUNETTE_PHASE=%s", hook->phase);
	struct running r = { hook, ch };
	struct child_run run = {
		.how = { .argv = (const char *const[]){ hook->path, NULL },
			 .env = (const char *const[]){ COMMAND_PATH, COMMAND_LANG, session, phase,
						       NULL },
			 .log_to_out = true },
		.name = name,
		.limit_ms = hook->limit_ms,
		.kill = CHILD_KILL_LATE, /* what it leaves running on purpose */
		.line = on_line,
		.wait = wait_for,
		.ctx = &r,
	};
	int rc = child_run(&run, err);
	child_run_clear(&run);
	return rc;
}
