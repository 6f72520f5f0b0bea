/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * commands - which commands there are, in the order in which `lunette --help` lists them. NAME is
 * the struct command cmd_NAME of a file of its own.
 */
#ifndef COMMANDS_H
#define COMMANDS_H

#include "command.h"

#define COMMANDS(X)    \
	X(probe)       \
	X(mount)       \
	X(umount)      \
	X(attach)      \
	X(detach)      \
	X(init)        \
	X(backup)      \
	X(list)        \
	X(show)        \
	X(restore)     \
	X(copy)        \
	X(forget)      \
	X(undelete)    \
	X(prune)       \
	X(pin)         \
	X(unpin)       \
	X(check)       \
	X(repair)      \
	X(key)         \
	X(plugin_test) \
	X(job)

#define COMMANDS_DECLARE(name) extern const struct command cmd_##name;
COMMANDS(COMMANDS_DECLARE)

#endif
