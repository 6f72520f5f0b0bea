/* SPDX-License-Identifier: GPL-3.0-or-later */
/* command - see command.h. */
#include "command.h"
#include "lunette/child.h"

/* More than any list of logical volumes has. */
#define OUTPUT_MAX (1u << 20)

int command_run(const char *const *argv, int limit_ms, char **ret, struct error *err)
{
	static const char *const env[] = { COMMAND_PATH, COMMAND_LANG, NULL };
	struct child_run run = { .how = { .argv = argv, .env = env },
				 .limit_ms = limit_ms,
				 .out_max = OUTPUT_MAX };
	int rc = child_run(&run, err);
	if (rc == 0 && ret)
		*ret = steal(&run.out);
	child_run_clear(&run);
	return rc;
}
