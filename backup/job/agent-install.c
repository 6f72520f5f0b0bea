/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent-install - see agent-install.h. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "agent-install.h"
#include "lunette/child.h"
#include "lunette/digest.h"
#include "lunette/hex.h"

/* Far more than any agent has. */
#define BINARY_MAX (256u << 20)

/* More than any login script says. */
#define OUTPUT_MAX 65536

/* ---- a command on the server ------------------------------------------------------------------
 */

/**
 * struct talk - what goes to a command on the server, and what comes back
 * @out: its standard output; to be freed
 * @said: what it complained of
 */
struct talk {
	const uint8_t *in;
	size_t in_len;
	char *out;
	char said[CHILD_SAID_SIZE];
};

static void talk_clear(struct talk *t)
{
	free(t->out);
}

/* Return: the status of @command; negative errno when it did not run. */
static int run(const struct agent_install *i, const char *command, struct talk *t,
	       struct error *err)
{
	/* clang-format off */
	const char *const argv[] = { "ssh", "-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=15",
				     "--", i->host, command, NULL };
	/* clang-format on */
	char name[300];
	snprintf(name, sizeof(name), "ssh to '%.255s'", i->host);
	struct child_run run = { .how = { .argv = argv, .dies_with_us = SIGTERM },
				 .name = name,
				 .in = t->in,
				 .in_len = t->in_len,
				 .limit_ms = i->limit_ms,
				 .stop = i->stop,
				 .out_max = OUTPUT_MAX };
	int rc = child_run(&run, err);
	t->out = steal(&run.out);
	memcpy(t->said, run.said, sizeof(t->said));
	if (rc != -ECHILD)
		return rc;
	if (!WIFEXITED(run.status) || WEXITSTATUS(run.status) == 255)
		return error_set(err, -ECONNREFUSED, "%s: %s", name,
				 t->said[0] ? t->said : "it ended without a word");
	return WEXITSTATUS(run.status);
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
	CLEANUP(talk_clear) struct talk t = { 0 };
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
				 t.said);
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
	char command[5 * AGENT_PATH_MAX + 512];
	const char *p = place->path;
	/*
	 * Under a name of this shell's own: another job may bring the same at the same moment. What
	 * shells have left that are gone goes, too; zsh wants that the pattern finds something.
	 */
	snprintf(command, sizeof(command),
		 "umask 022; mkdir -p \"$(dirname '%s')\" || exit 2; n='%s'.new.$$; cat >\"$n\" && "
		 "chmod 0755 \"$n\" || { rm -f \"$n\"; exit 2; }; for o in '%s'.new.*; do "
		 "[ -e \"/proc/${o##*.}\" ] || rm -f \"$o\"; done; c=$(\"$n\" --checksum) && "
		 "[ \"$c\" = %s ] || { rm -f \"$n\"; exit 3; }; mv -f \"$n\" '%s' || exit 2",
		 p, p, p, sha256, p);
	CLEANUP(talk_clear) struct talk t = { .in = bytes, .in_len = len };
	int rc = run(i, command, &t, err);
	if (rc <= 0)
		return rc;
	if (rc == 3)
		return error_set(err, -ENOEXEC, "the agent does not run on '%s': %s", i->host,
				 t.said[0] ? t.said : "it arrived damaged");
	return error_set(err, -EACCES, "the agent cannot be installed on '%s' as '%s': %s", i->host,
			 p, t.said);
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
	char command[3 * AGENT_PATH_MAX + 64];
	const char *p = place.path;
	snprintf(command, sizeof(command),
		 "touch '%s.new' 2>/dev/null && rm -f '%s'.new*; rm -f '%s'", p, p, p);
	CLEANUP(talk_clear) struct talk t = { 0 };
	rc = run(i, command, &t, err);
	if (rc > 0)
		return error_set(err, -EACCES, "'%s' cannot be removed from '%s': %s", place.path,
				 i->host, t.said);
	return rc;
}
