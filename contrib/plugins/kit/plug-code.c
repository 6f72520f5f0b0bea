/* SPDX-License-Identifier: GPL-3.0-or-later */
/* plug-code - which errno is which of the protocol's codes. */
#include <errno.h>

#include "plug.h"

static const struct {
	int error;
	const char *code;
	bool retry;
} codes[] = {
	{ EACCES, "DENIED", false },
	{ EPERM, "DENIED", false },
	{ EKEYREJECTED, "AUTH", false },
	{ ENOENT, "NOT_FOUND", false },
	{ EEXIST, "ALREADY_EXISTS", false },
	{ ESTALE, "CONFLICT", false },
	{ EBUSY, "BUSY", true },
	{ EAGAIN, "BUSY", true },
	{ ENOSPC, "NO_SPACE", false },
	{ EDQUOT, "NO_SPACE", false },
	{ EMLINK, "LIMIT", false },
	{ ENOTEMPTY, "HAS_DEPENDENTS", false },
	{ EISCONN, "IS_MAPPED", false },
	{ EOPNOTSUPP, "UNSUPPORTED", false },
	{ ETIMEDOUT, "DEADLINE", true },
	{ ECONNREFUSED, "UNREACHABLE", true },
	{ ECONNRESET, "UNREACHABLE", true },
	{ EPIPE, "UNREACHABLE", true },
	{ EPROTO, "BAD_REPLY", false },
};

const char *plug_code(int rc, bool *ret_retry)
{
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		if (codes[i].error == -rc) {
			*ret_retry = codes[i].retry;
			return codes[i].code;
		}
	*ret_retry = false;
	return "INTERNAL";
}
