/* SPDX-License-Identifier: GPL-3.0-or-later */
/* plugin-test - `lunette plugin-test`: does a storage plug-in keep the protocol? As TAP, or JSON.
 */
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "old.h"
#include "lunette/conform.h"

#define VOLUMES_MAX 64
#define INITIATOR   "iqn.2026-11.lunette:plugin-test"
#define LIMIT_S_MAX 3600
#define KILLS_MAX   10000

struct options {
	struct conform_options test;
	json_t *config;
	json_t *secrets;
	const char *volumes[VOLUMES_MAX];
	bool json;
};

static void options_cleanup(struct options *o)
{
	json_decref(o->config);
	json_decref(o->secrets);
}

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

static int read_secrets(const char *path, json_t *secrets, struct error *err)
{
	CLEANUP(cmd_secret_free_cleanup) char *text = NULL;
	int rc = cmd_secret_text(path, "secrets file", &text, err);
	char *next = text;
	unsigned int number = 0;
	while (rc == 0 && next && *next) {
		char what[64];
		char *line = strsep(&next, "\n");
		snprintf(what, sizeof(what), "line %u of the secrets file", ++number);
		line += strspn(line, " \t\r");
		if (*line && *line != '#' && *line != ';' && *line != '[')
			rc = add_setting(secrets, line, what, err);
	}
	return rc;
}

static int number_option(const char *arg, unsigned long max, unsigned int *ret, struct error *err)
{
	char *end;
	errno = 0;
	unsigned long n = strtoul(arg, &end, 10);
	if (!isdigit((unsigned char)*arg) || *end || errno || n > max)
		return cmd_usage(err, "'%s' is not a number from 0 to %lu", arg, max);
	*ret = (unsigned int)n;
	return 0;
}

enum {
	OPT_CONFIG = 256,
	OPT_SECRETS,
	OPT_VOLUME,
	OPT_INITIATOR,
	OPT_WRITE,
	OPT_KILLS,
	OPT_LIMIT,
	OPT_PART,
	OPT_JSON
};

static int part_option(const char *arg, const char **ret, struct error *err)
{
	for (size_t i = 0; conform_parts[i]; i++)
		if (strcmp(arg, conform_parts[i]) == 0) {
			*ret = conform_parts[i];
			return 0;
		}
	return cmd_usage(err, "--part: there is no '%.64s'", arg);
}

static int take_option(struct options *o, int opt, struct error *err)
{
	unsigned int seconds;
	int rc = 0;
	switch (opt) {
	case OPT_CONFIG:
		return add_setting(o->config, optarg, "the argument of --config", err);
	case OPT_SECRETS:
		return read_secrets(optarg, o->secrets, err);
	case OPT_VOLUME:
		if (o->test.n_identities == VOLUMES_MAX)
			return cmd_usage(err, "more than %d volumes", VOLUMES_MAX);
		o->volumes[o->test.n_identities++] = optarg;
		return 0;
	case OPT_INITIATOR:
		o->test.initiator = optarg;
		return 0;
	case OPT_WRITE:
		o->test.write_to = optarg;
		return 0;
	case OPT_KILLS:
		return number_option(optarg, KILLS_MAX, &o->test.kills, err);
	case OPT_LIMIT:
		rc = number_option(optarg, LIMIT_S_MAX, &seconds, err);
		if (rc == 0 && seconds == 0)
			rc = cmd_usage(err, "a call cannot take 0 seconds");
		if (rc == 0)
			o->test.limit_ms = seconds * 1000;
		return rc;
	case OPT_PART:
		return part_option(optarg, &o->test.part, err);
	case OPT_JSON:
		o->json = true;
		return 0;
	default:
		return old_no_option(opt, "", err);
	}
}

static int parse(int argc, char **argv, struct options *o, struct error *err)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, OPT_CONFIG },
		{ "secrets-file", required_argument, NULL, OPT_SECRETS },
		{ "volume", required_argument, NULL, OPT_VOLUME },
		{ "initiator", required_argument, NULL, OPT_INITIATOR },
		{ "write-test", required_argument, NULL, OPT_WRITE },
		{ "kills", required_argument, NULL, OPT_KILLS },
		{ "limit", required_argument, NULL, OPT_LIMIT },
		{ "part", required_argument, NULL, OPT_PART },
		{ "json", no_argument, NULL, OPT_JSON },
		{ 0 },
	};
	int opt;
	while ((opt = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		int rc = opt == ':' || opt == '?' ? old_no_option(opt, argv[optind - 1], err)
						  : take_option(o, opt, err);
		if (rc != 0)
			return rc;
	}
	if (argc - optind != 1)
		return cmd_usage(err, "one PLUGIN must be given");
	if (o->test.write_to && o->test.n_identities == 0)
		return cmd_usage(err, "--write-test needs the volume that it writes to");
	o->test.path = argv[optind];
	return 0;
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
	/* The reason may have bytes of the plug-in's that are no UTF-8. */
	json_t *why = json_string(result->why);
	json_object_set_new(entry, "why", why ? why : json_string("(not UTF-8)"));
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

static int run(int argc, char **argv, struct error *err)
{
	CLEANUP(options_cleanup)
	struct options o = { .config = json_object(), .secrets = json_object() };
	o.test = (struct conform_options){ .config = o.config,
					   .secrets = o.secrets,
					   .identities = o.volumes,
					   .initiator = INITIATOR,
					   .kills = 3,
					   .limit_ms = 60000,
					   .report = show };
	int rc = parse(argc, argv, &o, err);
	if (rc != 0)
		return rc;
	struct report report = { .list = o.json ? json_array() : NULL };
	size_t failed = 0;
	o.test.ctx = &report;
	o.test.stop = cmd_stop_on_signals();
	rc = conform_run(&o.test, &failed, err);
	if (rc == 0 && !o.json)
		printf("1..%zu\n", report.n);
	if (rc == 0 && o.json) {
		json_dumpf(report.list, stdout, JSON_INDENT(1));
		putchar('\n');
	}
	json_decref(report.list);
	if (rc < 0)
		return rc;
	if (fflush(stdout) == EOF)
		return error_set(err, -errno, "write the report: %m");
	return failed ? STATUS_FAILED : STATUS_DONE;
}

const struct command cmd_plugin_test = {
	.name = "plugin-test",
	.summary = "try whether a storage plug-in keeps the protocol",
	.help = "Usage: lunette plugin-test [OPTIONS] PLUGIN\n"
		"Tries a storage plug-in against everything that contrib/plugins/PROTOCOL.md says, on\n"
		"the real storage, and prints what holds as TAP. What it makes on the storage, it\n"
		"removes.\n"
		"\n"
		"  --config KEY=VALUE   a setting of the plug-in; can be repeated\n"
		"  --secrets-file FILE  its secret settings, one KEY=VALUE a line\n"
		"  --volume IDENTITY    a LUN to take snapshots of, as 'naa.6...'; can be repeated.\n"
		"                       Without any, only what needs no volume is tried\n"
		"  --write-test PATH    PATH is the first volume, as a file or block device, and may be\n"
		"                       written to: its content is destroyed\n"
		"  --initiator IQN      our iSCSI name (default " INITIATOR ")\n"
		"  --part PART          only protocol, life, names, owners, luns, content or kills\n"
		"  --kills N            how often it is killed in each verb (default 3)\n"
		"  --limit SECONDS      how long a call may take (default 60)\n"
		"  --json               print a JSON document instead\n"
		"\n"
		"Exit status: 0 everything holds, 1 something does not, 2 wrong usage.\n",
	.main = run,
};
