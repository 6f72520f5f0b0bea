/* SPDX-License-Identifier: GPL-3.0-or-later */
/* outlive - see outlive.h. */
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lunette/outlive.h"
#include "lunette/util.h"

static void write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	ssize_t done = write(fd, text, strlen(text));
	(void)done;
	close(fd);
}

void outlive_others(const char *name)
{
	/* In a root group there is nobody who would be killed with others. */
	static const char *const hierarchies[] = { "", "/unified", "/systemd", "/freezer",
						   "/memory" };
	setsid();
	prctl(PR_SET_NAME, name);
	write_to("/proc/self/oom_score_adj", "-1000");
	for (size_t i = 0; i < ARRAY_SIZE(hierarchies); i++) {
		char path[64] = "/sys/fs/cgroup";
		strcat(path, hierarchies[i]);
		strcat(path, "/cgroup.procs");
		write_to(path, "0");
	}
}
