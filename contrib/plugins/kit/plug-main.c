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

#include "plug.h"
#include "lunette/clock.h"
#include "lunette/code.h"

/* Longest line, either way. */
#define LINE_MAX_BYTES (4u << 20)

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
	if (!request->owner || !plug_owner_ok(request->owner))
		return error_set(err, -EINVAL,
				 "parameter 'owner' must be lunette/HOST/JOB/RUN, each at most %d "
				 "of A-Z a-z 0-9 . _ -",
				 PLUG_NAME_MAX);
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
		      int64_t limit, const json_t *id)
{
	struct error err = { 0 };
	CLEANUP(json_decref_cleanup) json_t *none = json_object();
	int64_t wait = MAX(limit, (int64_t)0);
	CLEANUP(json_decref_cleanup) json_t *result = NULL;
	struct plug_request request = { .params = params ? params : none,
					.deadline = clock_now_ms() +
						    MIN(wait, (int64_t)DEADLINE_MS_MAX) };
	int rc = 0;
	if (!verb)
		rc = error_set(&err, -EINVAL, "the request has no 'verb'");
	else if (!json_is_object(request.params))
		rc = error_set(&err, -EINVAL, "'params' must be an object");
	else
		rc = run(plug, verb, &request, &result, &err);

	json_t *reply = json_object();
	if (id)
		json_object_set(reply, "id", (json_t *)id);
	json_object_set_new(reply, "ok", json_boolean(rc == 0));
	if (rc == 0) {
		json_object_set(reply, "result", result);
		return reply;
	}
	bool retry;
	const char *code = code_of(rc, &retry);
	json_t *error =
		json_pack("{s:s, s:b, s:s}", "code", code, "retry", retry, "message", err.msg);
	/* Only text that is not UTF-8, a path say, can be in the way. */
	if (!error)
		error = json_pack("{s:s, s:b, s:s}", "code", code, "retry", retry, "message",
				  "the reason has bytes that are not UTF-8");
	json_object_set_new(reply, "error", error);
	return reply;
}

static int print(const json_t *reply)
{
	if (json_dumpf(reply, stdout, JSON_COMPACT) < 0 || putchar('\n') == EOF ||
	    fflush(stdout) == EOF)
		return -EIO;
	return 0;
}

/* A line without its end; -1 at the end of input, or when it is longer than a line may be. */
static ssize_t read_line(char *buf, size_t size)
{
	size_t len = 0;
	int c;
	while ((c = getc_unlocked(stdin)) != EOF && c != '\n') {
		if (len == size)
			return -1;
		buf[len++] = (char)c;
	}
	return c == EOF && len == 0 ? -1 : (ssize_t)len;
}

static int serve(const struct plug *plug)
{
	CLEANUP(free_cleanup) char *line = malloc(LINE_MAX_BYTES);
	if (!line)
		return 1;
	ssize_t len;
	while ((len = read_line(line, LINE_MAX_BYTES)) >= 0) {
		json_error_t why;
		CLEANUP(json_decref_cleanup)
		json_t *request = json_loadb(line, (size_t)len, 0, &why);
		const json_t *limit = json_object_get(request, "deadline_ms");
		const json_t *params = json_object_get(request, "params");
		if (!request)
			fprintf(stderr, "%s: a request is not JSON: %s\n", plug->name, why.text);
		CLEANUP(json_decref_cleanup)
		json_t *reply =
			answer(plug, json_string_value(json_object_get(request, "verb")), params,
			       json_is_integer(limit) ? json_integer_value(limit) : DEADLINE_MS,
			       json_object_get(request, "id"));
		if (print(reply) < 0)
			return 1;
	}
	return feof(stdin) ? 0 : 1;
}

static int once(const struct plug *plug, const char *verb)
{
	json_error_t why;
	CLEANUP(json_decref_cleanup) json_t *params = json_loadf(stdin, 0, &why);
	if (!params && !feof(stdin))
		fprintf(stderr, "%s: the parameters are not JSON: %s\n", plug->name, why.text);
	CLEANUP(json_decref_cleanup) json_t *reply = answer(plug, verb, params, DEADLINE_MS, NULL);
	bool ok = json_is_true(json_object_get(reply, "ok"));
	return print(reply) == 0 && ok ? 0 : 1;
}

int plug_main(const struct plug *plug, int argc, char **argv)
{
	struct error err = { 0 };
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
