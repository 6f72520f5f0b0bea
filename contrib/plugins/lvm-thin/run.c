/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * run - programs of LVM and its thin-provisioning tools.
 *
 * A program that changes something must not be stopped half way: LVM suspends devices while it
 * works. So no signal to our process group reaches it, it writes to files and not to us, and is
 * left to itself when the time is over.
 */
#include <errno.h>
#include <signal.h>

#include "lunette/child.h"
#include "lunette/clock.h"
#include "lvm-thin.h"

int run_program(enum run_kind kind, const char *const *argv, int lock, int64_t deadline, FILE **ret,
		struct error *err)
{
	CLEANUP(file_cleanup) FILE *out = tmpfile();
	CLEANUP(file_cleanup) FILE *log = tmpfile();
	struct error why = { 0 };
	if (!out || !log)
		return error_set(err, -errno, "make a temporary file: %m");
	static const char *const env[] = { CHILD_PATH, "LC_ALL=C",
					   "LVM_SUPPRESS_FD_WARNINGS=1", /* of the lock */
					   NULL };
	struct child_run run = {
		.how = { .argv = argv,
			 .env = env,
			 .dies_with_us = kind == RUN_READS ? SIGKILL : 0,
			 .out = fileno(out),
			 .log = fileno(log),
			 .keep = lock },
		.limit_ms = MAX(deadline - clock_now_ms(), (int64_t)0),
		.kill = kind == RUN_READS ? CHILD_KILL_GROUP : CHILD_KILL_NEVER,
	};
	int rc = child_run(&run, &why);
	child_run_clear(&run);
	/* An errno of the program's start would say something of the storage. */
	if (rc < 0)
		return error_set(err, rc == -ETIMEDOUT ? rc : -EIO, "%s", why.msg);
	if (!ret)
		return 0;
	rewind(out);
	*ret = steal(&out);
	return 0;
}
