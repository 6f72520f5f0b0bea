/* SPDX-License-Identifier: GPL-3.0-or-later */
/* umount - `lunette umount`: takes a mount away, and returns when it is really gone. */
#include "old.h"
#include "lunette/mount.h"

static int run(int argc, char **argv, struct error *err)
{
	static const struct option options[] = { { 0 } };
	if (getopt_long(argc, argv, ":", options, NULL) != -1)
		return cmd_usage(err, "%s: there is no such option", argv[optind - 1]);
	if (argc - optind != 1)
		return cmd_usage(err, "exactly one DIR is needed");
	int rc = mount_end(argv[optind], err);
	return rc < 0 ? rc : STATUS_DONE;
}

const struct command cmd_umount = {
	.name = "umount",
	.summary = "take a mount away",
	.help = "Usage: lunette umount DIR\n"
		"Unmounts what `lunette mount` has mounted on DIR, and returns when the process that\n"
		"served it has ended, so that the disks are free. Cleans up after a process that died, too.\n"
		"\n"
		"Exit status: 0 done, 1 failed, 2 wrong usage.\n",
	.main = run,
};
