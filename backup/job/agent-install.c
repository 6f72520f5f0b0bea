/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent-install - see agent-install.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "agent-install.h"
#include "lunette/child.h"
#include "lunette/clock.h"
#include "lunette/digest.h"
#include "lunette/hex.h"

/* Far more than any agent has. */
#define BINARY_MAX (256u << 20)

/**
 * struct talk - what goes to a command on the server, and what comes back
 * @out: its standard output, cut when it is too long
 * @log: the end of what it complained about
 */
struct talk {
	const uint8_t *in;
	size_t in_len;
	char out[1024];
	size_t out_len;
	char log[300];
	size_t log_len;
};

/* ---- a command on the server ------------------------------------------------------------------
 */

static void feed(struct child *child, struct talk *t)
{
	ssize_t n = write(child->in, t->in, t->in_len);
	if (n > 0) {
		t->in += n;
		t->in_len -= (size_t)n;
	}
	/* Whoever does not want to read it has ended, and will be asked why. */
	if (t->in_len == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		close(steal_fd(&child->in));
}

/* Return: whether there may be more. */
static bool drain(int fd, char *buf, size_t size, size_t *len)
{
	char piece[4096];
	ssize_t n = read(fd, piece, sizeof(piece));
	if (n > 0) {
		size_t take = MIN((size_t)n, size - 1 - *len);
		memcpy(buf + *len, piece, take);
		*len += take;
		buf[*len] = '\0';
	}
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static int converse(struct child *child, struct talk *t, unsigned int limit_ms, const char *host,
		    struct error *err)
{
	int64_t until = clock_now_ms() + limit_ms;
	bool out = true, log = true;
	while (out || log) {
		int64_t now = clock_now_ms();
		if (now >= until)
			return error_set(err, -ETIMEDOUT, "ssh to '%s': no answer within %u ms",
					 host, limit_ms);
		struct pollfd fds[] = { { .fd = child->in, .events = POLLOUT },
					{ .fd = out ? child->out : -1, .events = POLLIN },
					{ .fd = log ? child->log : -1, .events = POLLIN } };
		if (poll(fds, ARRAY_SIZE(fds), (int)(until - now)) < 0 && errno != EINTR)
			return error_set(err, -errno, "ssh to '%s': %m", host);
		if (fds[0].revents)
			feed(child, t);
		if (fds[1].revents)
			out = drain(child->out, t->out, sizeof(t->out), &t->out_len);
		if (fds[2].revents)
			log = drain(child->log, t->log, sizeof(t->log), &t->log_len);
	}
	return 0;
}

/* Return: the status of @command; negative errno when it did not run. */
static int run(const struct agent_install *i, const char *command, struct talk *t,
	       struct error *err)
{
	/* clang-format off */
	const char *const argv[] = { "ssh", "-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=15",
				     "--", i->host, command, NULL };
	/* clang-format on */
	struct child child;
	int rc = child_start(argv, NULL, true, &child, err);
	if (rc < 0)
		return rc;
	rc = converse(&child, t, i->limit_ms, i->host, err);
	int status = child_end(&child, rc < 0 ? 0 : 5000);
	t->log[strcspn(t->log, "\r\n")] = '\0';
	if (rc < 0)
		return rc;
	if (!WIFEXITED(status) || WEXITSTATUS(status) == 255)
		return error_set(err, -ECONNREFUSED, "ssh to '%s': %s", i->host,
				 t->log[0] ? t->log : "it ended without a word");
	return WEXITSTATUS(status);
}

/* ---- paths and checksums ----------------------------------------------------------------------
 */

/* Goes into a command line of the server's shell, so only what means nothing there. */
static int check_path(const char *path, struct error *err)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789/._-+";
	if (strlen(path) >= AGENT_PATH_MAX || path[0] != '/' || strspn(path, plain) != strlen(path))
		return error_set(err, -EINVAL,
				 "agent '%.100s': its path must begin with / and be plain text",
				 path);
	return 0;
}

static int read_binary(const char *path, uint8_t **ret, size_t *ret_len, char sha256[65],
		       struct error *err)
{
	CLEANUP(close_cleanup) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, -errno, "agent '%s': %m", path);
	if (!S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > BINARY_MAX)
		return error_set(err, -EINVAL, "agent '%s' is not a program", path);
	size_t len = (size_t)st.st_size, have = 0;
	CLEANUP(free_cleanup) uint8_t *bytes = malloc(len);
	if (!bytes)
		return error_set(err, -ENOMEM, "agent '%s': %m", path);
	for (ssize_t n = 1; n > 0 && have < len; have += (size_t)MAX(n, (ssize_t)0))
		n = read(fd, bytes + have, len - have);
	if (have < len)
		return error_set(err, -EIO, "agent '%s' cannot be read", path);
	uint8_t sum[DIGEST_SIZE];
	int rc = digest(bytes, len, sum, err);
	if (rc < 0)
		return rc;
	hex_text(sum, sizeof(sum), sha256);
	*ret = steal(&bytes);
	*ret_len = len;
	return 0;
}

/* ---- what is there ----------------------------------------------------------------------------
 */

/**
 * struct agent_place - what the server said of itself
 * @machine: as uname -m
 * @path: where the agent is, or belongs
 * @sha256: of what is there; "-" when nothing is
 */
struct agent_place {
	char machine[65];
	char path[AGENT_PATH_MAX];
	char sha256[65];
};

static int look(const struct agent_install *i, struct agent_place *ret, struct error *err)
{
	char command[4096];
	snprintf(
		command, sizeof(command),
		"p='%.255s'; if [ -z \"$p\" ]; then if [ \"$(id -u)\" = 0 ]; then p=" AGENT_PATH_ROOT
		"; else p=$HOME/" AGENT_PATH_USER "; fi; fi; "
		"s=-; if [ -f \"$p\" ]; then s=$(sha256sum <\"$p\" 2>/dev/null || "
		"\"$p\" --checksum 2>/dev/null); fi; "
		"set -- $s; echo \"$(uname -m) ${1:-?} $p\"",
		i->path ? i->path : "");
	struct talk t = { 0 };
	int rc = run(i, command, &t, err);
	if (rc < 0)
		return rc;
	char sum[70] = "";
	/* What a login script prints comes before it. */
	const char *last = t.out;
	for (const char *p = t.out; *p; p++)
		if (*p == '\n' && p[1])
			last = p + 1;
	if (rc != 0 || sscanf(last, "%64s %64s %255s", ret->machine, sum, ret->path) != 3)
		return error_set(err, -EPROTO, "'%s' cannot be asked what it is: %s", i->host,
				 t.log);
	snprintf(ret->sha256, sizeof(ret->sha256), "%.64s", sum);
	return check_path(ret->path, err);
}

static int check_machine(const struct agent_install *i, const char *machine, struct error *err)
{
	struct utsname ours;
	uname(&ours);
	if (strcmp(ours.machine, machine) == 0)
		return 0;
	return error_set(err, -ENOEXEC,
			 "'%s' is a machine of another kind (%s, this is %s): its agent must be "
			 "installed by hand",
			 i->host, machine, ours.machine);
}

/* ---- doing it ---------------------------------------------------------------------------------
 */

static int copy(const struct agent_install *i, const struct agent_place *place,
		const uint8_t *bytes, size_t len, const char *sha256, struct error *err)
{
	char command[8 * AGENT_PATH_MAX + 512];
	const char *p = place->path;
	snprintf(command, sizeof(command),
		 "umask 022; mkdir -p \"$(dirname '%s')\" && cat >'%s.new' && chmod 0755 '%s.new' "
		 "|| exit 2; c=$('%s.new' --checksum) && [ \"$c\" = %s ] || { rm -f '%s.new'; exit "
		 "3; }; mv -f '%s.new' '%s' || exit 2",
		 p, p, p, p, sha256, p, p, p);
	struct talk t = { .in = bytes, .in_len = len };
	int rc = run(i, command, &t, err);
	if (rc <= 0)
		return rc;
	if (rc == 3)
		return error_set(err, -ENOEXEC, "the agent does not run on '%s': %s", i->host,
				 t.log[0] ? t.log : "it arrived damaged");
	return error_set(err, -EACCES, "the agent cannot be installed on '%s' as '%s': %s", i->host,
			 p, t.log);
}

/* Return: -ENOPKG when there is nothing there that could answer. */
static int tell_plan(const struct agent_install *i, const struct agent_place *place,
		     struct error *err)
{
	char line[AGENT_PATH_MAX + 400];
	if (strcmp(place->sha256, "-") == 0)
		return error_set(err, -ENOPKG,
				 "'%s' has no agent: a run will install it as '%s'; until then "
				 "nobody can be asked which disks carry the volumes",
				 i->host, place->path);
	snprintf(line, sizeof(line), "a run will replace the agent on '%s', '%s', by ours", i->host,
		 place->path);
	i->say(i->ctx, line);
	return 0;
}

static int bring(const struct agent_install *i, const struct agent_place *place,
		 const uint8_t *bytes, size_t len, const char *sha256, struct error *err)
{
	char line[AGENT_PATH_MAX + 400];
	int rc = check_machine(i, place->machine, err);
	if (rc < 0)
		return rc;
	if (i->look_only)
		return tell_plan(i, place, err);
	rc = copy(i, place, bytes, len, sha256, err);
	if (rc < 0)
		return rc;
	snprintf(line, sizeof(line), "%s the agent on '%s' as '%s'",
		 strcmp(place->sha256, "-") == 0 ? "installed" : "replaced", i->host, place->path);
	i->say(i->ctx, line);
	return 0;
}

int agent_install(const struct agent_install *i, char ret[AGENT_PATH_MAX], struct error *err)
{
	struct agent_place place = { 0 };
	char sha256[65];
	CLEANUP(free_cleanup) uint8_t *bytes = NULL;
	size_t len = 0;
	int rc = i->path ? check_path(i->path, err) : 0;
	if (rc == 0)
		rc = read_binary(i->binary, &bytes, &len, sha256, err);
	if (rc == 0)
		rc = look(i, &place, err);
	if (rc < 0)
		return rc;
	if (strcmp(place.sha256, sha256) != 0)
		rc = bring(i, &place, bytes, len, sha256, err);
	if (rc < 0)
		return rc;
	memcpy(ret, place.path, AGENT_PATH_MAX);
	return 0;
}

int agent_uninstall(const struct agent_install *i, struct error *err)
{
	struct agent_place place = { 0 };
	int rc = i->path ? check_path(i->path, err) : 0;
	if (rc == 0)
		rc = look(i, &place, err);
	if (rc < 0)
		return rc;
	char command[2 * AGENT_PATH_MAX + 64];
	snprintf(command, sizeof(command), "rm -f '%s' '%s.new'", place.path, place.path);
	struct talk t = { 0 };
	rc = run(i, command, &t, err);
	if (rc > 0)
		return error_set(err, -EACCES, "'%s' cannot be removed from '%s': %s", place.path,
				 i->host, t.log);
	return rc;
}
