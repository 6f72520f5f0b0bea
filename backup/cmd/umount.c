/* SPDX-License-Identifier: GPL-3.0-or-later */
/* umount - `lunette umount`: takes a mount away, and returns when it is really gone. */
#include "cmd.h"
#include "lunette/mount.h"

static int run(void *args, char **words, size_t n, struct error *err)
{
	(void)args, (void)n;
	return mount_end(words[0], err);
}

const struct command cmd_umount = {
	.name = "umount",
	.summary = "take a mount away",
	.words = { "DIR", 1, 1 },
	.help = "Unmounts what `lunette mount` has mounted on DIR, and returns when the process that "
		"served it has ended, so that the disks are free. Cleans up after a process that died, "
		"too.",
	.run = run,
};
