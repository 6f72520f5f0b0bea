/* SPDX-License-Identifier: GPL-3.0-or-later */
/* conform-protocol - the lines, the codes, and parameters that are wrong: needs no storage. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "conform-private.h"
#include "lunette/child.h"

#define OUTPUT_MAX 65536

/* Runs it with @input, and reads all that it says. Returns its wait status; -1 when it hangs. */
static int run(struct conform *c, const char *const *argv, const char *input, char *out)
{
	struct child_run run = { .how = { .argv = argv, .dies_with_us = SIGTERM },
				 .in = input,
				 .in_len = strlen(input),
				 .limit_ms = c->o->limit_ms,
				 .out_max = OUTPUT_MAX - 1 };
	int rc = child_run(&run, &c->err);
	memcpy(out, run.out ? run.out : "", run.out_len + 1);
	child_run_clear(&run);
	return rc == 0 || rc == -ECHILD ? run.status : -1;
}

/* The next line of @text as JSON, NULL when it is none. */
static json_t *next_line(char **text)
{
	char *line = strsep(text, "\n");
	return line ? json_loads(line, 0, NULL) : NULL;
}

static bool is_no(const json_t *reply, const char *code)
{
	const json_t *error = json_object_get(reply, "error");
	const char *got = json_string_value(json_object_get(error, "code"));
	return json_is_false(json_object_get(reply, "ok")) && got && strcmp(got, code) == 0 &&
	       json_is_boolean(json_object_get(error, "retry")) &&
	       json_string_length(json_object_get(error, "message")) > 0;
}

static void try_lines(struct conform *c, char *out)
{
	const char *const argv[] = { c->o->path, "--protocol", "1", NULL };
	int status = run(c, argv,
			 "{\"id\":\"b \\u00e9\",\"verb\":\"info\",\"params\":{\"of\":\"later\"},"
			 "\"more\":[1]}\n"
			 "{\"id\":\"a\",\"verb\":\"no-such-verb\",\"params\":{}}\n"
			 "{\"id\":\"2\",\"verb\":\"info\",\"params\":{}}\n",
			 out);
	char *rest = out;
	CONFORM_JSON *one = next_line(&rest), *two = next_line(&rest), *three = next_line(&rest);
	conform_check(c,
		      one && two && three && strcmp(shape_text(one, "id"), "b \xc3\xa9") == 0 &&
			      strcmp(shape_text(two, "id"), "a") == 0 &&
			      strcmp(shape_text(three, "id"), "2") == 0,
		      "three requests at once get three replies, in order and with their ids",
		      P_RUN, "standard output does not begin with these lines");
	conform_check(c, three && rest && !*rest, "there is nothing else on standard output", P_RUN,
		      "there is: '%.100s'", three && rest ? rest : "(or less)");
	conform_check(c, json_is_true(json_object_get(one, "ok")),
		      "unknown members of a request are passed over", P_RUN,
		      "the request with them failed");
	conform_check(c, is_no(two, "UNSUPPORTED"), "an unknown verb is UNSUPPORTED", P_RUN,
		      "the reply has no such code, or not 'retry' and 'message'");
	conform_check(c, WIFEXITED(status) && WEXITSTATUS(status) == 0,
		      "it ends with status 0 when its input ends", P_RUN,
		      status < 0 ? "it goes on" : "its wait status is 0x%x", (unsigned int)status);
}

static void try_once(struct conform *c, char *out)
{
	const char *const info[] = { c->o->path, "info", NULL };
	int status = run(c, info, "{}\n", out);
	char *rest = out;
	CONFORM_JSON *yes = next_line(&rest);
	conform_check(c, status == 0 && json_is_true(json_object_get(yes, "ok")) && rest && !*rest,
		      "`PLUGIN info` prints one reply and ends with status 0", P_RUN,
		      "it printed '%.100s', and its wait status is 0x%x", out,
		      (unsigned int)status);
	const char *const unknown[] = { c->o->path, "no-such-verb", NULL };
	status = run(c, unknown, "{}\n", out);
	rest = out;
	CONFORM_JSON *no = next_line(&rest);
	conform_check(c, WIFEXITED(status) && WEXITSTATUS(status) == 1 && is_no(no, "UNSUPPORTED"),
		      "`PLUGIN no-such-verb` prints UNSUPPORTED and ends with status 1", P_RUN,
		      "its wait status is 0x%x", (unsigned int)status);
}

/* Verbs and what they cannot do without. */
static const struct {
	const char *verb;
	const char *params[2];
} needs[] = {
	{ "resolve", { "luns", NULL } },
	{ "prepare", { "name", "volumes" } },
	{ "commit", { "name", "volumes" } },
	{ "abort", { "name", NULL } },
	{ "lun-create", { "name", "snapshot" } },
	{ "map", { "lun", "initiator" } },
	{ "unmap", { "lun", "initiator" } },
	{ "lun-delete", { "lun", NULL } },
	{ "snap-delete", { "snapshot", NULL } },
	{ "allocated", { "snapshot", NULL } },
	{ "delta", { "from", "to" } },
};

/* Not there, and of a wrong type: INTERNAL, and the parameter is named. */
static void try_parameter(struct conform *c, const char *verb, const char *param,
			  const json_t *others, bool wrong_type)
{
	char what[160];
	json_t *params = json_deep_copy(others);
	json_object_del(params, param);
	if (wrong_type)
		json_object_set_new(params, param, json_integer(7));
	int rc = conform_do(c, verb, params);
	snprintf(what, sizeof(what),
		 wrong_type ? "%s with the number 7 as '%s' is INTERNAL, which names it"
			    : "%s without '%s' is INTERNAL, which names it",
		 verb, param);
	conform_named_wrong(c, rc, verb, param, what);
}

static void try_parameters(struct conform *c)
{
	CONFORM_JSON *all =
		json_pack("{s:s, s:[s], s:[{s:s, s:i}], s:s, s:s, s:s, s:s, s:s}", "name",
			  "lt-none", "volumes", "none", "luns", "identity", "naa.6000000000000000",
			  "size", 0, "snapshot", "none", "lun", "none", "initiator",
			  "iqn.2026-11.lunette:none", "from", "none", "to", "none");
	for (size_t i = 0; i < ARRAY_SIZE(needs) && !conform_stopped(c); i++)
		for (size_t k = 0; k < 2 && needs[i].params[k]; k++) {
			try_parameter(c, needs[i].verb, needs[i].params[k], all, false);
			try_parameter(c, needs[i].verb, needs[i].params[k], all, true);
		}
}

static void try_owner(struct conform *c)
{
	static const char *const wrong[] = { "",
					     "lunette/h/j",
					     "lunette/h/j/r/x",
					     "other/h/j/r",
					     "lunette//j/r",
					     "lunette/h/j/r r",
					     "lunette/h/../../r;x" };
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		char what[96];
		int rc = conform_do(c, "list", conform_as(json_object(), wrong[i]));
		snprintf(what, sizeof(what), "the owner '%s' is INTERNAL", wrong[i]);
		conform_ended(c, rc, "INTERNAL", what, P_REQUEST);
	}
}

void conform_hello(struct conform *c)
{
	int rc = conform_call(c, "info", json_object(), &c->info);
	if (!conform_ended(c, rc, NULL, "it starts and answers 'info'", P_VERB("info")))
		return;
	const json_t *protocols = json_object_get(c->info, "protocols");
	bool one = false;
	for (size_t i = 0; i < json_array_size(protocols); i++)
		one = one || json_integer_value(json_array_get(protocols, i)) == 1;
	conform_check(c, one, "it speaks version 1", P_VERB("info"),
		      "'protocols' does not hold the number 1");
}

void conform_protocol(struct conform *c)
{
	CLEANUP(free_cleanup) char *out = malloc(OUTPUT_MAX);
	if (out) {
		try_lines(c, out);
		try_once(c, out);
	}
	try_owner(c);
	try_parameters(c);
}
