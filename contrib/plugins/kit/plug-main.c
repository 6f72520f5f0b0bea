/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * plug-main - the lines: a request in, a reply out, until the input ends.
 *
 * Its one idea: whatever comes in, one well-formed reply goes out. Standard output is the
 * protocol's alone.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#include "lunette/clock.h"
#include "lunette/line.h"
#include "lunette/request.h"
#include "lunette/streams.h"
#include "plug.h"

/* When the caller does not say how long it waits; and longer than this it does not. */
#define DEADLINE_MS     60000
#define DEADLINE_MS_MAX (24 * 3600 * 1000)

static int info(const struct plug *plug, json_t **ret, struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *settings = json_array();
	for (const struct plug_setting *s = plug->settings; s->name; s++)
		json_array_append_new(settings,
				      json_pack("{s:s, s:b, s:b, s:s}", "name", s->name, "required",
						s->required, "secret", s->secret, "description",
						s->description));
	json_t *result = json_pack("{s:s, s:s, s:[i], s:s, s:O}", "name", plug->name, "version",
				   LUNETTE_VERSION, "protocols", 1, "description",
				   plug->description, "settings", settings);
	if (!result)
		return error_set(err, -ENOMEM, "%m");
	*ret = result;
	return 0;
}

static int check_request(const struct plug *plug, struct plug_request *request, struct error *err)
{
	request->config = json_object_get(request->params, "config");
	if (!json_is_object(request->config))
		return error_set(err, -EINVAL, "parameter 'config' must be an object");
	request->owner = json_string_value(json_object_get(request->params, "owner"));
	if (!request->owner || !names_owner_ok(request->owner))
		return error_set(err, -EINVAL,
				 "parameter 'owner' must be lunette/HOST/JOB/RUN, each at most %d "
				 "of A-Z a-z 0-9 . _ -",
				 NAMES_MAX);
	for (const struct plug_setting *s = plug->settings; s->name; s++) {
		const char *value;
		if (!s->required || s->secret)
			continue;
		int rc = plug_config(request, s->name, NULL, &value, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int run(const struct plug *plug, const char *verb, struct plug_request *request,
	       json_t **ret, struct error *err)
{
	if (strcmp(verb, "info") == 0)
		return info(plug, ret, err);
	for (const struct plug_verb *v = plug->verbs; v->name; v++) {
		if (strcmp(v->name, verb) != 0)
			continue;
		int rc = check_request(plug, request, err);
		return rc < 0 ? rc : v->run(request, ret, err);
	}
	return error_set(err, -EOPNOTSUPP, "%s has no verb '%.63s'", plug->name, verb);
}

/* Calls a verb, and makes the reply of what came out of it. */
static json_t *answer(const struct plug *plug, const char *verb, const json_t *params,
		      int64_t limit_ms, const json_t *id)
{
	struct error err = { 0 };
	json_t *result = NULL;
	struct plug_request request = {
		.params = params,
		.deadline = clock_now_ms() + MIN(limit_ms, (int64_t)DEADLINE_MS_MAX),
	};
	int rc = json_is_object(params) ? run(plug, verb, &request, &result, &err)
					: error_set(&err, -EINVAL, "'params' must be an object");
	return rc < 0 ? request_refusal(id, &err) : request_reply(id, result);
}

static int print(const struct plug *plug, json_t *reply)
{
	struct error err = { 0 };
	CLEANUP(json_decref_cleanup) json_t *owned = reply;
	if (owned && line_write(STDOUT_FILENO, owned, LINE_NO_LIMIT, NULL, NULL, &err) == 0)
		return 0;
	fprintf(stderr, "%s: the reply: %s\n", plug->name, err.msg);
	return -EIO;
}

static int serve_line(const struct plug *plug, const char *line, size_t len, struct error *err)
{
	CLEANUP(request_free_cleanup) struct request *request = NULL;
	int rc = request_parse(line, len, &request, err);
	if (rc < 0)
		return rc;
	if (request->broken.code)
		return print(plug, request_refusal(request->id, &request->broken));
	int64_t limit = request->limit_ms < 0 ? DEADLINE_MS : request->limit_ms;
	return print(plug, answer(plug, request->verb, request->params, limit, request->id));
}

static int serve(const struct plug *plug)
{
	CLEANUP(line_reader_clear) struct line_reader in = { .fd = STDIN_FILENO };
	struct error err = { 0 };
	char *line;
	size_t len;
	int rc;
	while ((rc = line_read(&in, &line, &len, &err)) > 0) {
		rc = serve_line(plug, line, len, &err);
		if (rc < 0)
			break;
	}
	if (err.code)
		fprintf(stderr, "%s: %s\n", plug->name, err.msg);
	return rc < 0 ? 1 : 0;
}

static int once(const struct plug *plug, const char *verb)
{
	json_error_t why;
	CLEANUP(json_decref_cleanup) json_t *params = json_loadf(stdin, 0, &why);
	if (!params && !feof(stdin))
		fprintf(stderr, "%s: the parameters are not JSON: %s\n", plug->name, why.text);
	if (!params)
		params = json_object();
	json_t *reply = answer(plug, verb, params, DEADLINE_MS, NULL);
	bool ok = json_is_true(json_object_get(reply, "ok"));
	return print(plug, reply) == 0 && ok ? 0 : 1;
}

int plug_main(const struct plug *plug, int argc, char **argv)
{
	struct error err = { 0 };
	streams_fill();
	/* Secrets are in memory from here on, and end up in no core file. */
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	signal(SIGPIPE, SIG_IGN);
	bool stay = argc == 3 && strcmp(argv[1], "--protocol") == 0;
	if (stay ? strcmp(argv[2], "1") != 0 : argc != 2 || argv[1][0] == '-') {
		fprintf(stderr, "Usage: %s --protocol 1 | VERB <PARAMS.json\n", plug->name);
		return 2;
	}
	if (plug_read_secrets(&err) < 0) {
		fprintf(stderr, "%s: %s\n", plug->name, err.msg);
		return 1;
	}
	return stay ? serve(plug) : once(plug, argv[1]);
}
