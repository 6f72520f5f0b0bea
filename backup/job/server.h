/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * server - the protected server, as its agent tells of it: backup/agent/PROTOCOL.md, a function for
 * each verb.
 *
 * The agent is run directly for this machine, or through the system's ssh, with its keys and its
 * known hosts. Nothing here assumes an operating system.
 */
#ifndef JOB_SERVER_H
#define JOB_SERVER_H

#include <jansson.h>

#include "lunette/lines.h"
#include "lunette/blk.h"

struct shape;

#define SERVER_DISKS_MAX 1024u

/**
 * struct server_options - how to reach the agent
 * @agent: "local" or "ssh:[USER@]HOST"
 * @program: path of the agent, or NULL: beside us, or in the server's $PATH
 * @install: on a server behind ssh: bring the agent that is beside us, unless it is there already
 * @look_only: but only look whether it would be brought; see agent_install()
 * @secrets: of the LUNs; object of texts, or NULL
 * @log: told of the agent's log, and of its events "log"
 *
 * Everything must outlive the server.
 */
struct server_options {
	const char *agent;
	const char *program;
	bool install;
	bool look_only;
	const json_t *secrets;
	void (*log)(void *ctx, const char *line);
	void *ctx;
	const atomic_bool *stop;
};

struct server;

/* Starts the agent and says hello. -EPROTONOSUPPORT when it does not speak version 1; -ENOPKG when
 * @look_only, and there is none. */
int server_open(const struct server_options *options, struct server **ret, struct error *err);
void server_close(struct server *server); /* may be NULL */
DEFINE_CLEANUP(struct server *, server_close)

void server_ignore_stop(struct server *server);
bool server_alive(const struct server *server);

/* What `hello` said: {"agent","version","os","host",...} */
const json_t *server_hello(const struct server *server);

/* What the result of a verb must look like; NULL when there is no such verb. */
const struct shape *server_shape(const char *verb);

/* All results are new references, of the shape that the protocol says. */

/* @identities: {"DEVICE":"IDENTITY"} of disks that cannot tell. */
int server_info(struct server *server, json_t *identities, unsigned int limit_ms, json_t **ret,
		struct error *err);

/* @params: as in the protocol. */
int server_prepare(struct server *server, const json_t *params, unsigned int limit_ms, json_t **ret,
		   struct error *err);

/**
 * server_snapshot() - hooks, freeze, @commit, thaw
 * @limit_ms: of all of it, hooks included
 * @commit: called once all is frozen; what it returns is told to the agent
 * @ret: NULL unless the agent answered
 *
 * Return: 0 also when @commit failed: whoever gave it knows; what the agent refused; ...
 */
int server_snapshot(struct server *server, const char *session, unsigned int commit_limit_ms,
		    unsigned int freeze_limit_ms, unsigned int limit_ms, int (*commit)(void *ctx),
		    void *ctx, json_t **ret, struct error *err);

/* @ret: the iSCSI name under which the server logs in; to be freed with free(). */
int server_initiator(struct server *server, unsigned int limit_ms, char **ret, struct error *err);

int server_finish(struct server *server, const json_t *params, unsigned int limit_ms, json_t **ret,
		  struct error *err);

/**
 * server_software_snapshot() - the server takes a snapshot itself
 * @params: of `prepare`
 *
 * Return: 0; -EOPNOTSUPP with the agent's reason when it cannot; ...
 */
int server_software_snapshot(struct server *server, const json_t *params, unsigned int limit_ms,
			     json_t **ret, struct error *err);

/**
 * server_open_export() - read what a software snapshot shows, through an agent of its own
 * @export: as the snapshot's result has it
 * @name: for messages
 */
int server_open_export(const struct server *server, const char *export, const char *name,
		       struct blk **ret, struct error *err);

int server_software_remove(struct server *server, const char *session, unsigned int limit_ms,
			   struct error *err);
int server_abort(struct server *server, const char *session, unsigned int limit_ms,
		 struct error *err);

/**
 * server_thaw() - have another agent thaw what the one of @server, which is gone, may have left
 *
 * Return: 0 when nothing of @session is frozen; -EBUSY when it may be; ...
 */
int server_thaw(const struct server *server, const char *session, unsigned int limit_ms,
		struct error *err);

int server_end(struct server *server, const char *session, bool ok, unsigned int limit_ms,
	       struct error *err);

#endif
