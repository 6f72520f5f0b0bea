/* SPDX-License-Identifier: GPL-3.0-or-later */
/* server - see server.h. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "agent-install.h"
#include "lunette/json.h"
#include "lunette/source.h"
#include "server.h"
#include "lunette/shape-table.h"

#define AGENT            "lunette-agent"
#define HELLO_LIMIT_MS   30000 /* a login included */
#define COMMITTED_MS     5000
#define INSTALL_LIMIT_MS 120000 /* a few megabytes over a slow line */
#define TEXT_MAX         1023

struct server {
	struct server_options options;
	char name[300]; /* for messages */
	char program[PATH_MAX];
	struct lines *lines;
	json_t *hello;
};

/* ---- the shapes of the protocol ---------------------------------------------------------------
 */

#define TEXTS(key)                                  \
	{                                           \
		key, SHAPE_TEXTS, 4096, NULL, false \
	}
#define OBJECT(key, n)                         \
	{                                      \
		key, SHAPE_OBJECT, 0, n, false \
	}
#define LIST(key, n)                                           \
	{                                                      \
		key, SHAPE_OBJECTS, SERVER_DISKS_MAX, n, false \
	}
#define RANGES                                            \
	{                                                 \
		"ranges", SHAPE_RANGES, 4096, NULL, false \
	}

static const struct shape empty_shape[] = { { 0 } };
static const struct shape hello_shape[] = { TEXT("agent"), TEXT("version"), SIZE("protocol"),
					    TEXT("os"),    TEXT("host"),    { 0 } };
static const struct shape host_shape[] = { TEXT("name"), TEXT("id"), TEXT("os"), { 0 } };
static const struct shape cluster_shape[] = { FLAG("member"), MAYBE("kind"), { 0 } };
static const struct shape disk_shape[] = {
	TEXT("name"), SIZE("size"), SIZE("sector_size"), TEXT("identity"), { 0 }
};
static const struct shape filesystem_shape[] = { TEXT("name"),    TEXT("device"), TEXT("type"),
						 MAYBE("uuid"),   SIZE("size"),   FLAG("freezable"),
						 MAYBE("reason"), TEXTS("disks"), { 0 } };
static const struct shape info_shape[] = { OBJECT("host", host_shape),
					   OBJECT("cluster", cluster_shape),
					   LIST("disks", disk_shape),
					   LIST("filesystems", filesystem_shape),
					   { 0 } };
static const struct shape signature_shape[] = { RANGES, TEXT("sha256"), { 0 } };
static const struct shape prepared_disk_shape[] = { TEXT("name"),
						    SIZE("size"),
						    SIZE("sector_size"),
						    TEXT("identity"),
						    OBJECT("signature", signature_shape),
						    { 0 } };
static const struct shape prepare_shape[] = {
	TEXTS("volumes"), LIST("disks", prepared_disk_shape), TEXTS("warnings"), { 0 }
};
static const struct shape content_shape[] = { TEXT("name"), TEXT("type"), TEXT("uuid"),
					      SIZE("size"), RANGES,       TEXT("sha256"),
					      { 0 } };
static const struct shape snapshot_shape[] = { TEXT("consistency"),
					       SIZE("frozen_ms"),
					       FLAG("window_exceeded"),
					       TEXT("hooks"),
					       LIST("contents", content_shape),
					       TEXTS("warnings"),
					       { 0 } };
static const struct shape finish_info_shape[] = { TEXT("initiator"), { 0 } };
static const struct shape finished_lun_shape[] = {
	TEXT("identity"), TEXT("original"), FLAG("ok"), MAYBE("why"), { 0 }
};
static const struct shape finish_shape[] = { LIST("luns", finished_lun_shape),
					     OBJECT("metadata", NULL),
					     { 0 } };

static const struct shape software_disk_shape[] = { TEXT("name"),     TEXT("export"),
						    SIZE("size"),     SIZE("sector_size"),
						    TEXT("original"), { 0 } };
static const struct shape software_shape[] = { TEXT("consistency"),
					       TEXT("hooks"),
					       LIST("disks", software_disk_shape),
					       TEXTS("warnings"),
					       { 0 } };

const struct shape *server_shape(const char *verb)
{
	static const struct {
		const char *verb;
		const struct shape *shape;
	} shapes[] = {
		{ "hello", hello_shape },
		{ "info", info_shape },
		{ "prepare", prepare_shape },
		{ "snapshot", snapshot_shape },
		{ "committed", empty_shape },
		{ "finish-info", finish_info_shape },
		{ "finish", finish_shape },
		{ "software-snapshot", software_shape },
		{ "software-remove", empty_shape },
		{ "abort", empty_shape },
		{ "end", empty_shape },
	};
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++)
		if (strcmp(shapes[i].verb, verb) == 0)
			return shapes[i].shape;
	return NULL;
}

/* ---- starting and ending ----------------------------------------------------------------------
 */

static void on_event(void *ctx, const char *event, const json_t *object)
{
	const struct server *server = ctx;
	if (strcmp(event, "log") == 0 && server->options.log)
		server->options.log(server->options.ctx, shape_text(object, "message"));
}

static void on_log(void *ctx, const char *line)
{
	const struct server *server = ctx;
	if (server->options.log)
		server->options.log(server->options.ctx, line);
}

/* The agent that was built or installed with us, else one in $PATH. */
static void find_local(char *ret, size_t size)
{
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[len < 0 ? 0 : len] = '\0';
	char *slash = strrchr(self, '/');
	static const char *const folders[] = { "", "/../sbin" };
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		snprintf(ret, size, "%.*s%s/" AGENT, slash ? (int)(slash - self) : 0, self,
			 folders[i]);
		if (access(ret, X_OK) == 0)
			return;
	}
	snprintf(ret, size, AGENT);
}

static bool is_ssh(const struct server_options *o)
{
	return strncmp(o->agent, "ssh:", 4) == 0;
}

/* Which agent is to be run; on another machine it may have to be brought there first. */
static int find_program(struct server *server, struct error *err)
{
	const struct server_options *o = &server->options;
	char ours[PATH_MAX];
	find_local(ours, sizeof(ours));
	if (!is_ssh(o) || !o->install) {
		const char *named = is_ssh(o) ? AGENT : ours;
		snprintf(server->program, sizeof(server->program), "%s",
			 o->program ? o->program : named);
		return 0;
	}
	const struct agent_install install = { .host = o->agent + 4,
					       .path = o->program,
					       .binary = ours,
					       .limit_ms = INSTALL_LIMIT_MS,
					       .stop = o->stop,
					       .look_only = o->look_only,
					       .say = on_log,
					       .ctx = server };
	return agent_install(&install, server->program, err);
}

/* A connection that is dead must be noticed although nothing is said for hours. */
static const char *const ssh_command[] = { "ssh", "-T",
					   "-o",  "BatchMode=yes",
					   "-o",  "ConnectTimeout=15",
					   "-o",  "ServerAliveInterval=15",
					   "-o",  "ServerAliveCountMax=4" };

#define ARGUMENTS_MAX 3
/* Behind that: host, program, arguments, NULL. */
#define ARGV_MAX (ARRAY_SIZE(ssh_command) + 2 + ARGUMENTS_MAX + 1)

/* The command that runs the agent with these arguments, here or there. */
static void command(const struct server *server, const char *const *arguments,
		    const char *ret[ARGV_MAX])
{
	size_t n = 0;
	if (is_ssh(&server->options)) {
		for (; n < ARRAY_SIZE(ssh_command); n++)
			ret[n] = ssh_command[n];
		ret[n++] = server->options.agent + 4;
	}
	ret[n++] = server->program;
	for (size_t i = 0; i < ARGUMENTS_MAX && arguments[i]; i++)
		ret[n++] = arguments[i];
	ret[n] = NULL;
}

static int start(struct server *server, struct error *err)
{
	const struct server_options *o = &server->options;
	bool ssh = is_ssh(o);
	const char *const arguments[] = { "--protocol", "1", ssh ? "--secrets-stdin" : NULL };
	const char *argv[ARGV_MAX];
	command(server, arguments, argv);
	CLEANUP(json_decref_cleanup) json_t *empty = json_object();
	const struct lines_options options = {
		.name = server->name,
		.argv = argv,
		.secrets = o->secrets ? o->secrets : empty,
		.secrets_on_stdin = ssh,
		.log = on_log,
		.event = on_event,
		.ctx = server,
		.stop = o->stop,
	};
	return lines_start(&options, &server->lines, err);
}

/* Steals @params, which may be NULL when there was no memory. @ret may be NULL. */
static int call(struct server *server, const char *verb, json_t *params, unsigned int limit_ms,
		json_t **ret, struct error *err);

static int start_and_greet(struct server *server, struct error *err)
{
	int rc = start(server, err);
	if (rc == 0)
		rc = call(server, "hello", json_pack("{s:[i]}", "protocols", 1), HELLO_LIMIT_MS,
			  &server->hello, err);
	return rc;
}

int server_open(const struct server_options *options, struct server **ret, struct error *err)
{
	CLEANUP(server_close_cleanup) struct server *server = calloc(1, sizeof(*server));
	if (!server)
		return error_set(err, -ENOMEM, "agent: %m");
	server->options = *options;
	snprintf(server->name, sizeof(server->name), "agent (%s)", options->agent);
	int rc = find_program(server, err);
	if (rc == 0)
		rc = start_and_greet(server, err);
	if (rc < 0)
		return rc;
	if (shape_size(server->hello, "protocol") != 1)
		return error_set(err, -EPROTONOSUPPORT,
				 "%s does not speak version 1 of the protocol", server->name);
	*ret = steal(&server);
	return 0;
}

void server_close(struct server *server)
{
	if (!server)
		return;
	lines_free(server->lines);
	json_decref(server->hello);
	free(server);
}

void server_ignore_stop(struct server *server)
{
	lines_ignore_stop(server->lines);
}

bool server_alive(const struct server *server)
{
	return lines_alive(server->lines);
}

const json_t *server_hello(const struct server *server)
{
	return server->hello;
}

/* ---- asking -----------------------------------------------------------------------------------
 */

static int check(struct server *server, const char *verb, const json_t *result, struct error *err)
{
	int rc = shape_check(result, server_shape(verb), err);
	if (rc == 0)
		return 0;
	lines_kill(server->lines);
	return error_wrap(err, rc, "%s: %s: its reply cannot be used", server->name, verb);
}

static int call(struct server *server, const char *verb, json_t *params, unsigned int limit_ms,
		json_t **ret, struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *all = params, *result = NULL;
	if (!all)
		return error_set(err, -ENOMEM, "%s: %s: %m", server->name, verb);
	int rc = lines_call(server->lines, verb, all, limit_ms, &result, err);
	if (rc == 0)
		rc = check(server, verb, result, err);
	if (rc == 0 && ret)
		*ret = steal(&result);
	return rc;
}

static json_t *of_session(const char *session)
{
	return json_pack("{s:s}", "session", session);
}

int server_info(struct server *server, json_t *identities, unsigned int limit_ms, json_t **ret,
		struct error *err)
{
	json_t *params = json_pack("{s:O}", "identities", identities);
	return call(server, "info", params, limit_ms, ret, err);
}

int server_prepare(struct server *server, const json_t *params, unsigned int limit_ms, json_t **ret,
		   struct error *err)
{
	return call(server, "prepare", json_deep_copy(params), limit_ms, ret, err);
}

int server_snapshot(struct server *server, const char *session, unsigned int commit_limit_ms,
		    unsigned int freeze_limit_ms, unsigned int limit_ms, int (*commit)(void *ctx),
		    void *ctx, json_t **ret, struct error *err)
{
	unsigned int id;
	CLEANUP(json_decref_cleanup)
	json_t *params = json_pack("{s:s, s:I, s:I}", "session", session, "commit_limit_ms",
				   (json_int_t)commit_limit_ms, "freeze_limit_ms",
				   (json_int_t)freeze_limit_ms);
	CLEANUP(json_decref_cleanup) json_t *result = NULL;
	*ret = NULL;
	int rc = lines_send(server->lines, "snapshot", params, limit_ms, &id, err);
	if (rc == 0)
		rc = lines_event(server->lines, "commit-now", id, limit_ms, err);
	if (rc == 0) {
		json_t *word = json_pack("{s:s, s:b}", "session", session, "ok", commit(ctx) == 0);
		lines_ignore_stop(server->lines); /* it must hear of it, to thaw */
		rc = call(server, "committed", word, COMMITTED_MS, NULL, err);
	} else if (rc != -ENOMSG) {
		return rc;
	}
	/* Also when it did not want to hear: it says why in its reply. */
	if (rc == 0 || lines_alive(server->lines))
		rc = lines_reply(server->lines, id, &result, err);
	if (rc == 0)
		rc = check(server, "snapshot", result, err);
	if (rc == 0)
		*ret = steal(&result);
	return rc;
}

int server_initiator(struct server *server, unsigned int limit_ms, char **ret, struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *result = NULL;
	int rc = call(server, "finish-info", json_object(), limit_ms, &result, err);
	if (rc < 0)
		return rc;
	*ret = strdup(shape_text(result, "initiator"));
	return *ret ? 0 : error_set(err, -ENOMEM, "%s: %m", server->name);
}

int server_finish(struct server *server, const json_t *params, unsigned int limit_ms, json_t **ret,
		  struct error *err)
{
	return call(server, "finish", json_deep_copy(params), limit_ms, ret, err);
}

int server_software_snapshot(struct server *server, const json_t *params, unsigned int limit_ms,
			     json_t **ret, struct error *err)
{
	return call(server, "software-snapshot", json_deep_copy(params), limit_ms, ret, err);
}

int server_open_export(const struct server *server, const char *export, const char *name,
		       struct blk **ret, struct error *err)
{
	const char *const arguments[] = { "--nbd", export, NULL };
	const char *argv[ARGV_MAX];
	/* Goes into a command line of the server's shell, so only what means nothing there. */
	if (strspn(export, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			   "0123456789/._+:-") != strlen(export) ||
	    !*export)
		return error_set(err, -EPROTO, "%s: '%.200s' is no name of a snapshot",
				 server->name, export);
	command(server, arguments, argv);
	return blk_nbd_open((char *const *)argv, name, ret, err);
}

int server_software_remove(struct server *server, const char *session, unsigned int limit_ms,
			   struct error *err)
{
	return call(server, "software-remove", of_session(session), limit_ms, NULL, err);
}

int server_abort(struct server *server, const char *session, unsigned int limit_ms,
		 struct error *err)
{
	return call(server, "abort", of_session(session), limit_ms, NULL, err);
}

int server_thaw(const struct server *server, const char *session, unsigned int limit_ms,
		struct error *err)
{
	CLEANUP(server_close_cleanup) struct server *other = calloc(1, sizeof(*other));
	if (!other)
		return error_set(err, -ENOMEM, "agent: %m");
	other->options = server->options;
	other->options.stop = NULL;
	memcpy(other->name, server->name, sizeof(other->name));
	memcpy(other->program, server->program, sizeof(other->program));
	int rc = start_and_greet(other, err);
	return rc < 0 ? rc : server_abort(other, session, limit_ms, err);
}

int server_end(struct server *server, const char *session, bool ok, unsigned int limit_ms,
	       struct error *err)
{
	return call(server, "end", json_pack("{s:s, s:b}", "session", session, "ok", ok), limit_ms,
		    NULL, err);
}
