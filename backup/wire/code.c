/* SPDX-License-Identifier: GPL-3.0-or-later */
/* code - see code.h. */
#include <errno.h>
#include <string.h>

#include "lunette/code.h"
#include "lunette/util.h"

/* The first row of a code is what it comes in as; the others only go out as it. */
static const struct {
	int error;
	const char *code;
	bool retry;
} codes[] = {
	{ EKEYREJECTED, "AUTH", false },
	{ EACCES, "DENIED", false },
	{ EPERM, "DENIED", false },
	{ ENOENT, "NOT_FOUND", false },
	{ ENODEV, "NOT_FOUND", false },
	{ EEXIST, "ALREADY_EXISTS", false },
	{ ESTALE, "CONFLICT", false },
	{ EALREADY, "CONFLICT", false },
	{ EBUSY, "BUSY", true },
	{ EAGAIN, "BUSY", true },
	{ ENOSPC, "NO_SPACE", false },
	{ EDQUOT, "NO_SPACE", false },
	{ EMLINK, "LIMIT", false },
	{ ENOTEMPTY, "HAS_DEPENDENTS", false },
	{ EISCONN, "IS_MAPPED", false },
	{ EOPNOTSUPP, "UNSUPPORTED", false },
	{ ENOTSUP, "UNSUPPORTED", false },
	{ ETIME, "DEADLINE", true },
	{ ETIMEDOUT, "DEADLINE", true },
	{ EHOSTUNREACH, "UNREACHABLE", true },
	{ ENETUNREACH, "UNREACHABLE", true },
	{ ECONNREFUSED, "UNREACHABLE", true },
	{ ECONNRESET, "UNREACHABLE", true },
	{ EPIPE, "UNREACHABLE", true },
	{ EBADMSG, "BAD_REPLY", false },
	{ EPROTO, "BAD_REPLY", false },
	{ EREMOTEIO, "INTERNAL", false },
};

int code_errno(const char *code)
{
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		if (strcmp(codes[i].code, code) == 0)
			return -codes[i].error;
	return -EPROTO;
}

const char *code_of(int rc, bool *ret_retry)
{
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		if (codes[i].error == -rc) {
			*ret_retry = codes[i].retry;
			return codes[i].code;
		}
	*ret_retry = false;
	return "INTERNAL";
}
