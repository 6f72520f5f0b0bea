/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * session - what one run of a job does on this machine, from prepare to end.
 */
#ifndef AGENT_SESSION_H
#define AGENT_SESSION_H

#include "channel.h"
#include "inventory.h"
#include "signature.h"

/* The longest that anything is frozen or a hook runs, whatever the job asks for. */
#define SESSION_LIMIT_MAX_MS 600000

/**
 * struct session_disk - a disk that carries a part of what is backed up
 */
struct session_disk {
	struct device device;
	struct signature signature;
};

/**
 * struct session_volume - a file system that is backed up or lies on one or below one
 * @why_not: why it will not be frozen; NULL when it will
 * @harmless: it is consistent nevertheless: nobody can write to it
 */
struct session_volume {
	char *point;
	char *device;
	char *type;
	char uuid[37];
	uint64_t size;
	uint64_t mount;
	const char *why_not;
	bool harmless;
};

/**
 * struct session - all that is known between the verbs
 * @pre_freeze, @post_thaw: programs, or NULL
 * @volumes: in the order in which they are frozen
 * @warnings: of prepare; an array of texts
 * @software: what "software-snapshot" has answered, or NULL
 * @running: a snapshot is under way; @committed and @aborted are for it
 */
struct session {
	char *name;
	char *pre_freeze;
	char *post_thaw;
	int hook_limit_ms;
	size_t n_volumes;
	struct session_volume *volumes;
	size_t n_disks;
	struct session_disk *disks;
	json_t *warnings;
	json_t *software;
	bool running;
	bool committed;
	bool aborted;
};

/**
 * session_prepare() - look at what is to be frozen, and whether it can be done
 * @params: of the verb
 * @ret: to be freed with session_free()
 *
 * Return: 0 or negative errno.
 */
int session_prepare(const json_t *params, struct session **ret, struct error *err);

/**
 * session_prepared_json() - the result of "prepare"
 *
 * Return: NULL for want of memory.
 */
json_t *session_prepared_json(const struct session *session);

/**
 * session_snapshot() - hooks, freeze, commit-now, wait, thaw
 * @ret: the result of the verb
 *
 * Return: 0; -ECANCELED when the job gave it up; negative errno.
 */
int session_snapshot(struct session *session, const json_t *params, struct channel *ch,
		     json_t **ret, struct error *err);

/**
 * session_free() - forget
 * @session: may be NULL
 */
void session_free(struct session *session);
DEFINE_CLEANUP(struct session *, session_free)

/* A text that a request must have. Return: 0, or -EINVAL with a message that names it. */
int session_text(const json_t *params, const char *name, const char **ret, struct error *err);

/* The name of a session, see names_ok(). */
int session_name(const json_t *params, const char **ret, struct error *err);

/* A limit in milliseconds, @fallback when the member is not there. Return: 0 or -EINVAL. */
int session_limit(const json_t *params, const char *name, int fallback, int *ret,
		  struct error *err);

/* Adds a sentence to an array of texts. */
void session_warn(json_t *warnings, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
