/* SPDX-License-Identifier: GPL-3.0-or-later */
/* plugin-test - `lunette plugin-test`: does a storage plug-in keep the protocol? As TAP, or JSON.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "lunette/conform.h"
#include "lunette/json.h"

#define VOLUMES_MAX 64
#define INITIATOR   "iqn.2026-11.lunette:plugin-test"
#define LIMIT_S_MAX 3600
#define KILLS_MAX   10000

/**
 * struct plugin_test_args - what the user wants
 * @limit_s: how long a call may take
 */
struct plugin_test_args {
	struct conform_options test;
	json_t *config;
	json_t *secrets;
	struct option_list volumes;
	unsigned int limit_s;
	bool json;
};

/* "KEY=VALUE", as in the [storage] section of a job file. */
static int add_setting(json_t *object, const char *text, const char *what, struct error *err)
{
	const char *equals = strchr(text, '=');
	if (!equals || equals == text)
		return cmd_usage(err, "%s is not KEY=VALUE", what);
	char key[256], value[4096];
	int key_len = (int)(equals - text), len;
	while (key_len && isspace((unsigned char)text[key_len - 1]))
		key_len--;
	equals++;
	equals += strspn(equals, " \t");
	len = (int)strlen(equals);
	while (len && isspace((unsigned char)equals[len - 1]))
		len--;
	if (key_len >= (int)sizeof(key) || len >= (int)sizeof(value))
		return cmd_usage(err, "%s is too long", what);
	snprintf(key, sizeof(key), "%.*s", key_len, text);
	snprintf(value, sizeof(value), "%.*s", len, equals);
	int rc = json_object_set_new(object, key, json_string(value));
	explicit_bzero(value, sizeof(value));
	return rc < 0 ? cmd_usage(err, "%s is not UTF-8", what) : 0;
}

/* @to: an object, made here at first. */
static int take_setting(const struct option_row *row, void *to, const char *arg, struct error *err)
{
	(void)row;
	json_t **config = to;
	if (!*config)
		*config = json_object();
	return add_setting(*config, arg, "the argument of --config", err);
}

static int take_secrets(const struct option_row *row, void *to, const char *arg, struct error *err)
{
	(void)row;
	json_t **secrets = to;
	CLEANUP(secret_free_cleanup) char *text = NULL;
	int rc = cmd_secret_text(arg, "secrets file", &text, err);
	char *next = text;
	unsigned int number = 0;
	if (!*secrets)
		*secrets = json_object();
	while (rc == 0 && next && *next) {
		char what[64];
		char *line = strsep(&next, "\n");
		snprintf(what, sizeof(what), "line %u of the secrets file", ++number);
		line += strspn(line, " \t\r");
		if (*line && *line != '#' && *line != ';' && *line != '[')
			rc = add_setting(*secrets, line, what, err);
	}
	return rc;
}

static const struct option_row options[] = {
	{ "config", "KEY=VALUE", "a setting of the plug-in; can be repeated",
	  OPTION_CALL(struct plugin_test_args, config, json_t *, take_setting) },
	{ "secrets-file", "FILE", "its secret settings, one KEY=VALUE a line",
	  OPTION_CALL(struct plugin_test_args, secrets, json_t *, take_secrets) },
	{ "volume", "IDENTITY",
	  "a LUN to take snapshots of, as 'naa.6...'; can be repeated. Without any, only what needs no "
	  "volume is tried",
	  OPTION_LIST(struct plugin_test_args, volumes) },
	{ "write-test", "PATH",
	  "PATH is the first volume, as a file or block device, and may be written to: its content is "
	  "destroyed",
	  OPTION_TEXT(struct plugin_test_args, test.write_to) },
	{ "initiator", "IQN", "our iSCSI name (default " INITIATOR ")",
	  OPTION_TEXT(struct plugin_test_args, test.initiator) },
	{ "part", "PART", "only protocol, life, names, owners, luns, content or kills",
	  OPTION_WORD(struct plugin_test_args, test.part, conform_parts) },
	{ "kills", "N", "how often it is killed in each verb (default 3)",
	  OPTION_NUMBER(struct plugin_test_args, test.kills, 0, KILLS_MAX) },
	{ "limit", "SECONDS", "how long a call may take (default 60)",
	  OPTION_NUMBER(struct plugin_test_args, limit_s, 1, LIMIT_S_MAX) },
	{ "json", NULL, "print a JSON document instead",
	  OPTION_FLAG(struct plugin_test_args, json) },
	{ 0 },
};

static void free_args(void *to)
{
	struct plugin_test_args *args = to;
	json_decref(args->config);
	json_decref(args->secrets);
}

/* ---- the report -------------------------------------------------------------------------------
 */

struct report {
	size_t n;
	json_t *list; /* of what was tried, for --json; else NULL */
};

/* On one line, whatever the plug-in said. */
static void put(const char *text)
{
	cmd_put(stdout, text, 0);
}

static void add(struct report *r, const struct conform_result *result)
{
	static const char *const outcomes[] = { "ok", "not ok", "skipped" };
	json_t *entry = json_pack("{s:s, s:s, s:s}", "outcome", outcomes[result->outcome], "what",
				  result->what, "paragraph", result->paragraph);
	json_object_set_new(entry, "why", json_text(result->why));
	json_array_append_new(r->list, entry);
}

static void show(void *ctx, const struct conform_result *result)
{
	struct report *r = ctx;
	r->n++;
	if (r->list) {
		add(r, result);
		return;
	}
	printf("%s %zu - ", result->outcome == CONFORM_NOT_OK ? "not ok" : "ok", r->n);
	put(result->what);
	if (result->outcome == CONFORM_SKIPPED) {
		printf(" # SKIP ");
		put(result->why);
	}
	putchar('\n');
	if (result->outcome == CONFORM_NOT_OK) {
		printf("# ");
		put(result->why);
		printf("\n# PROTOCOL.md, \"%s\"\n", result->paragraph);
	}
	fflush(stdout);
}

static int run(void *ctx, char **words, size_t n, struct error *err)
{
	(void)n;
	struct plugin_test_args *args = ctx;
	if (args->volumes.n > VOLUMES_MAX)
		return cmd_usage(err, "more than %d volumes", VOLUMES_MAX);
	if (args->test.write_to && args->volumes.n == 0)
		return cmd_usage(err, "--write-test needs the volume that it writes to");
	if (!args->config)
		args->config = json_object();
	CLEANUP(json_decref_cleanup) json_t *list = args->json ? json_array() : NULL;
	struct report report = { .list = list };
	args->test.path = words[0];
	args->test.config = args->config;
	args->test.secrets = args->secrets;
	args->test.identities = args->volumes.items;
	args->test.n_identities = args->volumes.n;
	args->test.limit_ms = args->limit_s * 1000;
	args->test.report = show;
	args->test.ctx = &report;
	args->test.stop = cmd_stop_on_signals();
	size_t failed = 0;
	int rc = conform_run(&args->test, &failed, err);
	if (rc < 0)
		return rc;
	if (!args->json)
		printf("1..%zu\n", report.n);
	rc = args->json ? cmd_print_json(json_incref(list), err) : cmd_print("", err);
	if (rc == 0 && failed > 0)
		rc = error_set(err, -EPROTO, "'%s': of %zu things that should hold, %zu %s not",
			       words[0], report.n, failed, failed == 1 ? "does" : "do");
	return rc;
}

const struct command cmd_plugin_test = {
	.name = "plugin-test",
	.summary = "try whether a storage plug-in keeps the protocol",
	.words = { "PLUGIN", 1, 1 },
	.help = "Tries a storage plug-in against everything that contrib/plugins/PROTOCOL.md says, on the "
		"real storage, and prints what holds as TAP. What it makes on the storage, it removes.",
	.status = "0 everything holds, 1 something does not, 2 wrong usage.",
	.options = options,
	.args_size = sizeof(struct plugin_test_args),
	.defaults = &(const struct plugin_test_args){ .test.initiator = INITIATOR,
						      .test.kills = 3,
						      .limit_s = 60 },
	.free = free_args,
	.run = run,
};
