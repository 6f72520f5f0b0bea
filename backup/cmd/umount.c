/* SPDX-License-Identifier: GPL-3.0-or-later */
/* umount - `lunette umount`: takes a mount away, and returns when it is really gone. */
#include "cmd.h"
#include "lunette/mount.h"
#include "lunette/json.h"

struct umount_args {
	bool json;
};

static const struct option_row options[] = {
	CMD_JSON_OPTION(struct umount_args, json),
	{ 0 },
};

static int run(void *ctx, char **words, size_t n, struct error *err)
{
	(void)n;
	const struct umount_args *args = ctx;
	int rc = mount_end(words[0], err);
	if (rc < 0)
		return rc;
	cmd_done();
	return args->json ? cmd_print_json(json_pack("{s:o}", "dir", json_text(words[0])), err) : 0;
}

const struct command cmd_umount = {
	.name = "umount",
	.summary = "take a mount away",
	.words = { "DIR", 1, 1 },
	.help = "Unmounts what `lunette mount` has mounted on DIR, and returns when the process that "
		"served it has ended, so that the disks are free. Cleans up after a process that died, "
		"too.",
	.status = "0 done, 1 failed, 2 wrong usage, 12 a program has something of it open.",
	.options = options,
	.args_size = sizeof(struct umount_args),
	.run = run,
};
