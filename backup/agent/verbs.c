/* SPDX-License-Identifier: GPL-3.0-or-later */
/* verbs - the table of what the job may ask for. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "agent.h"
#include "cluster.h"
#include "finish.h"
#include "leftover.h"
#include "logical.h"
#include "software.h"

#define PROTOCOL 1

typedef int verb_fn(struct agent *agent, const json_t *params, json_t **ret, struct error *err);

static verb_fn do_hello, do_info, do_prepare, do_snapshot, do_committed, do_abort, do_finish,
	do_finish_info, do_software_snapshot, do_software_remove, do_end;

static const struct {
	const char *name;
	verb_fn *run;
} verbs[] = {
	{ "hello", do_hello },
	{ "info", do_info },
	{ "prepare", do_prepare },
	{ "snapshot", do_snapshot },
	{ "committed", do_committed },
	{ "abort", do_abort },
	{ "finish", do_finish },
	{ "finish-info", do_finish_info },
	{ "software-snapshot", do_software_snapshot },
	{ "software-remove", do_software_remove },
	{ "end", do_end },
};

static int do_hello(struct agent *agent, const json_t *params, json_t **ret, struct error *err)
{
	json_t *protocols = json_object_get(params, "protocols"), *p;
	bool ours = false;
	size_t i;
	json_array_foreach(protocols, i, p) ours |= json_integer_value(p) == PROTOCOL;
	if (!ours)
		return error_set(err, -ENOTSUP, "this agent speaks protocol %d only", PROTOCOL);
	struct utsname u;
	uname(&u);
	json_t *names = json_array();
	for (i = 0; i < ARRAY_SIZE(verbs); i++)
		json_array_append_new(names, json_string(verbs[i].name));
	agent->greeted = true;
	leftover_thaw(&agent->ch);
	*ret = json_pack("{s:s, s:s, s:i, s:s, s:s, s:o}", "agent", "lunette-agent", "version",
			 LUNETTE_VERSION, "protocol", PROTOCOL, "os", "linux", "host", u.nodename,
			 "verbs", names);
	return *ret ? 0 : error_set(err, -ENOMEM, "hello: %m");
}

/* What tells this machine from others of the same name. */
static void machine_id(char ret[33])
{
	ret[0] = '\0';
	FILE *file = fopen("/etc/machine-id", "re");
	if (!file)
		return;
	if (fscanf(file, "%32[0-9a-f]", ret) != 1)
		ret[0] = '\0';
	fclose(file);
}

static int do_info(struct agent *agent, const json_t *params, json_t **ret, struct error *err)
{
	(void)agent;
	CLEANUP(inventory_free_cleanup) struct inventory *inv = NULL;
	int rc = inventory_read("", json_object_get(params, "identities"), &inv, err);
	if (rc < 0)
		return rc;
	struct utsname u;
	uname(&u);
	char id[33];
	machine_id(id);
	const char *kind = cluster_kind("", &inv->mounts);
	CLEANUP(json_cleanup)
	json_t *info =
		json_pack("{s:{s:s, s:s, s:s}, s:{s:b, s:s}}", "host", "name", u.nodename, "id", id,
			  "os", "linux", "cluster", "member", kind[0] != '\0', "kind", kind);
	if (!info)
		return error_set(err, -ENOMEM, "info: %m");
	rc = inventory_json(inv, info, err);
	if (rc == 0)
		*ret = steal(&info);
	return rc;
}

/* The session that a request is about. */
static int find_session(struct agent *agent, const json_t *params, struct session **ret,
			struct error *err)
{
	const char *name;
	int rc = session_name(params, &name, err);
	if (rc < 0)
		return rc;
	if (!agent->session || strcmp(agent->session->name, name) != 0)
		return error_set(err, -ENOENT, "session '%s' was not prepared here", name);
	*ret = agent->session;
	return 0;
}

static int do_prepare(struct agent *agent, const json_t *params, json_t **ret, struct error *err)
{
	const char *name;
	int rc = session_name(params, &name, err);
	if (rc < 0)
		return rc;
	if (agent->session && strcmp(agent->session->name, name) != 0)
		return error_set(err, -EALREADY, "session '%s' has not ended yet",
				 agent->session->name);
	struct session *session;
	rc = session_prepare(params, &session, err);
	if (rc < 0)
		return rc;
	session_free(agent->session);
	agent->session = session;
	*ret = session_prepared_json(session);
	return *ret ? 0 : error_set(err, -ENOMEM, "prepare: %m");
}

static int do_snapshot(struct agent *agent, const json_t *params, json_t **ret, struct error *err)
{
	struct session *session = NULL;
	int rc = find_session(agent, params, &session, err);
	return rc < 0 ? rc : session_snapshot(session, params, &agent->ch, ret, err);
}

/* When it comes here and not as urgent, nothing waits for it any more. */
static int do_committed(struct agent *agent, const json_t *params, json_t **ret, struct error *err)
{
	(void)ret;
	struct session *session;
	return find_session(agent, params, &session, err);
}

/* What this agent froze was thawed by the snapshot itself, which saw @aborted. */
static int do_abort(struct agent *agent, const json_t *params, json_t **ret, struct error *err)
{
	(void)ret;
	const char *name;
	int rc = session_name(params, &name, err);
	if (rc < 0)
		return rc;
	if (agent->session && strcmp(agent->session->name, name) == 0) {
		session_free(agent->session);
		agent->session = NULL;
	}
	return leftover_abort(name, &agent->ch, err);
}

static int do_finish(struct agent *agent, const json_t *params, json_t **ret, struct error *err)
{
	struct session *session = NULL;
	int rc = find_session(agent, params, &session, err);
	return rc < 0 ? rc : finish_luns(agent, params, ret, err);
}

static int do_finish_info(struct agent *agent, const json_t *params, json_t **ret,
			  struct error *err)
{
	(void)agent;
	(void)params;
	char name[SOURCE_INITIATOR_MAX];
	source_initiator(name);
	*ret = json_pack("{s:s}", "initiator", name);
	return *ret ? 0 : error_set(err, -ENOMEM, "finish-info: %m");
}

/* The session that failed may have been forgotten: then this prepares it. */
static int do_software_snapshot(struct agent *agent, const json_t *params, json_t **ret,
				struct error *err)
{
	struct session *session = NULL;
	if (find_session(agent, params, &session, NULL) < 0) {
		json_t *prepared = NULL;
		int rc = do_prepare(agent, params, &prepared, err);
		json_decref(prepared);
		if (rc < 0)
			return rc;
		session = agent->session;
	}
	return software_snapshot(session, &agent->ch, ret, err);
}

static int do_software_remove(struct agent *agent, const json_t *params, json_t **ret,
			      struct error *err)
{
	(void)ret;
	const char *name;
	int rc = session_name(params, &name, err);
	if (rc < 0)
		return rc;
	if (agent->session && strcmp(agent->session->name, name) == 0) {
		json_decref(agent->session->software);
		agent->session->software = NULL;
	}
	return logical_remove(name, err);
}

static int do_end(struct agent *agent, const json_t *params, json_t **ret, struct error *err)
{
	return do_abort(agent, params, ret, err);
}

bool agent_urgent(void *ctx, struct request *request)
{
	struct agent *agent = ctx;
	struct session *s = agent->session;
	if (!s || !s->running || request->broken.code)
		return false;
	const char *name = json_string_value(json_object_get(request->params, "session"));
	if (!name || strcmp(name, s->name) != 0)
		return false;
	if (strcmp(request->verb, "abort") == 0)
		s->aborted = true; /* it is answered when the snapshot has ended */
	if (strcmp(request->verb, "committed") != 0)
		return false;
	s->committed = true;
	channel_reply(&agent->ch, request->id, NULL);
	return true;
}

static int dispatch(struct agent *agent, const struct request *request, json_t **ret,
		    struct error *err)
{
	if (request->broken.code)
		return error_copy(err, request->broken.code, &request->broken);
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (strcmp(request->verb, verbs[i].name) != 0)
			continue;
		if (!agent->greeted && verbs[i].run != do_hello)
			return error_set(err, -EINVAL, "the first request must be hello");
		return verbs[i].run(agent, request->params, ret, err);
	}
	return error_set(err, -ENOTSUP, "there is no verb '%.64s'", request->verb);
}

void agent_answer(struct agent *agent, const struct request *request)
{
	struct error err = { 0 };
	json_t *result = NULL;
	if (dispatch(agent, request, &result, &err) < 0)
		channel_refuse(&agent->ch, request->id, &err);
	else
		channel_reply(&agent->ch, request->id, result);
}
