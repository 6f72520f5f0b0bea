/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * code - the error codes of the protocol, and what they are as errno.
 *
 * The one mapping, both ways, for jobs, agents and plug-ins. Each code has an errno of its own, so
 * that what the other side answered is never taken for what happened on the way: -ETIMEDOUT,
 * -EPROTO and -EPIPE stand for no code when they come in, though each goes out as one.
 */
#ifndef LUNETTE_CODE_H
#define LUNETTE_CODE_H

#include <stdbool.h>

/**
 * code_errno() - the errno that stands for a code, as "NO_SPACE"
 *
 * Return: negative; -EPROTO when there is no such code.
 */
int code_errno(const char *code);

/**
 * code_of() - the code for a negative errno
 * @ret_retry: the same call may succeed soon
 *
 * Return: "INTERNAL" for what has none of its own.
 */
const char *code_of(int rc, bool *ret_retry);

#endif
