/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lease-document - what a lease says, and whether its owner still lives. See lease.h. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lunette/lease.h"
#include "lunette/moment.h"

#define FORMAT  "lunette-lease"
#define VERSION 1

void lease_info_free(struct lease_info *info)
{
	json_decref(info->marks);
	info->marks = NULL;
}

/* ---- owners ---- */

/* The first line of a small file of the system; "" when there is none. */
static void read_line(const char *path, char *ret, size_t size)
{
	FILE *file = fopen(path, "re");
	if (!file || !fgets(ret, (int)size, file))
		ret[0] = '\0';
	if (file)
		fclose(file);
	ret[strcspn(ret, "\n")] = '\0';
}

/**
 * struct process - what the system says of one
 * @state: a letter; 0 when that is not known
 * @threads: that are left
 * @begun: when it began, in the system's ticks; 0 when that is not known
 */
struct process {
	char state;
	int64_t threads;
	int64_t begun;
};

/*
 * Is /proc that of our own process namespace? Who has entered that of a container alone sees
 * another one's: its numbers are of other processes. One of ours has one number there, ours.
 */
static bool is_our_proc(void)
{
	char line[256], wanted[64];
	bool found = false;
	snprintf(wanted, sizeof(wanted), "NSpid:\t%d\n", (int)getpid());
	FILE *file = fopen("/proc/self/status", "re");
	while (file && !found && fgets(line, sizeof(line), file))
		found = strcmp(line, wanted) == 0;
	if (file)
		fclose(file);
	return found;
}

static struct process process_of(int64_t pid)
{
	char path[64], line[1024];
	struct process process = { 0 };
	if (!is_our_proc())
		return process;
	snprintf(path, sizeof(path), "/proc/%" PRId64 "/stat", pid);
	read_line(path, line, sizeof(line));
	/* The second word is a name in parentheses, which may contain anything. */
	const char *at = strrchr(line, ')');
	for (int i = 3; at && (at = strchr(at, ' ')) && i <= 22; i++) {
		at++;
		process.state = i == 3 ? *at : process.state;
		process.threads = i == 20 ? strtoll(at, NULL, 10) : process.threads;
		process.begun = i == 22 ? strtoll(at, NULL, 10) : process.begun;
	}
	return process;
}

void lease_self(struct lease_owner *ret)
{
	*ret = (struct lease_owner){ .pid = getpid(), .begun = process_of(getpid()).begun };
	if (gethostname(ret->host, sizeof(ret->host) - 1) < 0 || !ret->host[0])
		snprintf(ret->host, sizeof(ret->host), "unknown");
	char boot[48], space[40] = "";
	read_line("/proc/sys/kernel/random/boot_id", boot, sizeof(boot));
	if (boot[0] && readlink("/proc/self/ns/pid", space, sizeof(space) - 1) > 0)
		snprintf(ret->boot, sizeof(ret->boot), "%s %s", boot, space);
}

/* On this machine processes can be asked for; on another one nothing is known. */
static bool is_dead(const struct lease_owner *owner, const struct lease_owner *self)
{
	if (!self->boot[0] || strcmp(owner->boot, self->boot) != 0 || owner->pid <= 0 ||
	    owner->pid > INT32_MAX)
		return false;
	if (kill((pid_t)owner->pid, 0) < 0 && errno == ESRCH)
		return true;
	struct process process = process_of(owner->pid);
	/* One that nobody has asked how it ended, as in a container whose first process never does;
	 * a thread of it may still be ending what it was at. */
	if (process.state == 'Z' && process.threads <= 1)
		return true;
	return process.begun != 0 && owner->begun != 0 && process.begun != owner->begun;
}

bool lease_is_void(const struct lease_info *info, const struct lease_owner *self,
		   const struct lease_now *now)
{
	if (is_dead(&info->owner, self))
		return true;
	/* Good for longer than any is: its owner's clock was ahead, or ours is behind, and for how
	 * long it will be so nobody knows. Only the store's clock counts then. */
	bool odd = info->expires > now->here + LEASE_VALID + LEASE_GRACE;
	if (!odd && now->here <= info->expires + LEASE_GRACE)
		return false;
	/* Written anew less than this ago by the store's own clock: somebody's clock is wrong. */
	bool old = now->store > info->modified + LEASE_VALID + LEASE_GRACE;
	return now->store == 0 ? !odd : old;
}

/* ---- documents ---- */

json_t *lease_document(const struct lease_info *info)
{
	char since[MOMENT_TEXT], expires[MOMENT_TEXT];
	moment_text(info->since, since);
	moment_text(info->expires, expires);
	return json_pack("{s:s, s:i, s:[], s:s, s:s, s:b, s:s, s:s, s:I, s:I, s:s, s:s, s:O}",
			 "format", FORMAT, "version", VERSION, "features", "lease", info->id,
			 "purpose", info->purpose, "exclusive", info->exclusive, "host",
			 info->owner.host, "boot", info->owner.boot, "pid",
			 (json_int_t)info->owner.pid, "begun", (json_int_t)info->owner.begun,
			 "since", since, "expires", expires, "marks", info->marks);
}

/* Copies a text member; false when there is none or it is too long. */
static bool get_text(const json_t *document, const char *key, char *ret, size_t size)
{
	const char *text = json_string_value(json_object_get(document, key));
	if (!text || strlen(text) >= size)
		return false;
	memcpy(ret, text, strlen(text) + 1);
	return true;
}

int lease_parse(const json_t *document, struct lease_info *ret, struct error *err)
{
	int rc = config_envelope(document, FORMAT, VERSION, "the lease", err);
	if (rc < 0)
		return rc;
	struct lease_info info = {
		.exclusive = json_is_true(json_object_get(document, "exclusive")),
		.owner.pid = json_integer_value(json_object_get(document, "pid")),
		.owner.begun = json_integer_value(json_object_get(document, "begun")),
		.marks = json_object_get(document, "marks"),
	};
	if (!get_text(document, "lease", info.id, sizeof(info.id)) ||
	    !get_text(document, "purpose", info.purpose, sizeof(info.purpose)) ||
	    !get_text(document, "host", info.owner.host, sizeof(info.owner.host)) ||
	    !get_text(document, "boot", info.owner.boot, sizeof(info.owner.boot)) ||
	    !moment_parse(json_string_value(json_object_get(document, "since")), &info.since) ||
	    !moment_parse(json_string_value(json_object_get(document, "expires")), &info.expires) ||
	    !json_is_array(info.marks))
		return error_set(err, -EUCLEAN,
				 "the lease is damaged: a member is not as it must be");
	json_incref(info.marks);
	*ret = info;
	return 0;
}

void lease_text(const struct lease_info *info, char ret[LEASE_TEXT_MAX])
{
	char since[MOMENT_TEXT];
	moment_text(info->since, since);
	snprintf(ret, LEASE_TEXT_MAX, "'%s' on %s, process %" PRId64 ", since %s", info->purpose,
		 info->owner.host, info->owner.pid, since);
}
