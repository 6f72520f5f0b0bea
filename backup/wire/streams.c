/* SPDX-License-Identifier: GPL-3.0-or-later */
/* streams - see streams.h. */
#include <fcntl.h>
#include <unistd.h>

#include "lunette/streams.h"

void streams_fill(void)
{
	static const int modes[] = { O_RDONLY, O_RDONLY, O_WRONLY };
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", modes[fd]) != fd)
			_exit(1);
}
