/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nbd-wire - bytes from the client and to it, all of them. See nbd-wire.h. */
#include <errno.h>
#include <unistd.h>

#include "nbd-wire.h"

int nbd_get(struct nbd *nbd, void *buf, size_t len, struct error *err)
{
	size_t have = 0;
	while (have < len) {
		ssize_t n = read(nbd->in, (char *)buf + have, len - have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_set(err, -errno, "read from the NBD client: %m");
		if (n == 0)
			return error_set(err, have ? -EPROTO : -ENODATA, "the NBD client has gone");
		have += (size_t)n;
	}
	return 0;
}

int nbd_put(struct nbd *nbd, const void *buf, size_t len, struct error *err)
{
	size_t done = 0;
	while (done < len) {
		ssize_t n = write(nbd->out, (const char *)buf + done, len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_set(err, -errno, "write to the NBD client: %m");
		done += (size_t)n;
	}
	return 0;
}
