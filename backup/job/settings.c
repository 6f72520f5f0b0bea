/* SPDX-License-Identifier: GPL-3.0-or-later */
/* settings - see settings.h. The table of what a job file may hold, and reading by it. */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <ini.h>

#include "lunette/duration.h"
#include "lunette/json.h"
#include "lunette/names.h"
#include "lunette/repo.h"
#include "lunette/size.h"
#include "lunette/writer.h"
#include "settings-private.h"
#include "lunette/shape.h"

#define VALUE_MAX 1024

/* ---- the table --------------------------------------------------------------------------------
 */

enum kind {
	TEXT,
	NAME,     /* of the job */
	PATH,     /* absolute, or relative to the job file */
	SERVER,   /* a path on the server */
	LIST,     /* may be repeated; commas separate too */
	PATTERNS, /* may be repeated */
	FLAG,
	TIME,
	COUNT,
	SIZE, /* from @min MiB on */
	PERCENT,
	LEVEL,
	CHOICE,  /* of two words: false and true */
	KEEP,    /* @min is the retention rule */
	WHEN,    /* of upkeep */
	PORTION, /* of the data, other ones each time */
};

#define AT(member) offsetof(struct settings, member)

static const struct key {
	const char *section, *name;
	enum kind kind;
	size_t at;
	unsigned int min, max;
	const char *words[2]; /* of a CHOICE */
} keys[] = {
	{ "job", "name", NAME, AT(name), 0, 0, { 0 } },
	{ "job", "repository", PATH, AT(repository), 0, 0, { 0 } },
	{ "job", "password-file", PATH, AT(password_file), 0, 0, { 0 } },
	{ "job", "point-name", TEXT, AT(point_name), 0, 0, { 0 } },
	{ "job", "initiator", TEXT, AT(initiator), 0, 0, { 0 } },
	{ "server", "agent", TEXT, AT(agent), 0, 0, { 0 } },
	{ "server", "agent-program", SERVER, AT(agent_program), 0, 0, { 0 } },
	{ "server", "install-agent", FLAG, AT(install_agent), 0, 0, { 0 } },
	{ "server", "volumes", LIST, AT(volumes), 0, 0, { 0 } },
	{ "server", "cluster", FLAG, AT(cluster), 0, 0, { 0 } },
	{ "server", "pre-freeze", SERVER, AT(pre_freeze), 0, 0, { 0 } },
	{ "server", "post-thaw", SERVER, AT(post_thaw), 0, 0, { 0 } },
	{ "server", "hook-limit", TIME, AT(hook_limit), 100, 3600000, { 0 } },
	{ "storage", "plugin", TEXT, AT(plugin), 0, 0, { 0 } },
	{ "storage", "secrets-file", PATH, AT(secrets_file), 0, 0, { 0 } },
	{ "limits", "snapshot", TIME, AT(snapshot_limit), 100, 59000, { 0 } },
	{ "limits", "commit", TIME, AT(commit_limit), 200, 60000, { 0 } },
	{ "limits", "freeze", TIME, AT(freeze_limit), 300, 60000, { 0 } },
	{ "limits", "agent", TIME, AT(agent_limit), 1000, 3600000, { 0 } },
	{ "limits", "storage", TIME, AT(storage_limit), 1000, 3600000, { 0 } },
	{ "limits", "snapshots", COUNT, AT(snapshots), 1, 1000, { 0 } },
	{ "policy", "on-snapshot-failure", CHOICE, AT(failover), 0, 0, { "fail", "failover" } },
	{ "backup", "whole-disks", FLAG, AT(whole_disks), 0, 0, { 0 } },
	{ "backup", "only-known", FLAG, AT(only_known), 0, 0, { 0 } },
	{ "backup", "exclude", PATTERNS, AT(exclude), 0, 0, { 0 } },
	{ "backup", "level", LEVEL, AT(level), 0, 0, { 0 } },
	{ "backup", "limit", SIZE, AT(limit), 0, 0, { 0 } },
	{ "backup", "memory", SIZE, AT(memory), WRITER_MEMORY_ENOUGH >> 20, 0, { 0 } },
	{ "backup", "threads", COUNT, AT(threads), 1, SETTINGS_THREADS_MAX, { 0 } },
	{ "backup", "delta", FLAG, AT(delta), 0, 0, { 0 } },
	{ "backup", "verify-changed", PERCENT, AT(verify_changed), 0, 0, { 0 } },
	{ "backup", "full-every", COUNT, AT(full_every), 1, 10000, { 0 } },
	{ "retention", "keep-last", KEEP, AT(retention), RETENTION_LAST, 0, { 0 } },
	{ "retention", "keep-hourly", KEEP, AT(retention), RETENTION_HOURLY, 0, { 0 } },
	{ "retention", "keep-daily", KEEP, AT(retention), RETENTION_DAILY, 0, { 0 } },
	{ "retention", "keep-weekly", KEEP, AT(retention), RETENTION_WEEKLY, 0, { 0 } },
	{ "retention", "keep-monthly", KEEP, AT(retention), RETENTION_MONTHLY, 0, { 0 } },
	{ "retention", "keep-yearly", KEEP, AT(retention), RETENTION_YEARLY, 0, { 0 } },
	{ "retention", "keep-within", KEEP, AT(retention), RETENTION_WITHIN, 0, { 0 } },
	{ "hooks", "before", PATH, AT(before), 0, 0, { 0 } },
	{ "hooks", "after", PATH, AT(after), 0, 0, { 0 } },
	{ "upkeep", "prune", WHEN, AT(prune), 0, 0, { 0 } },
	{ "upkeep", "check", WHEN, AT(check), 0, 0, { 0 } },
	{ "upkeep", "read-data", PORTION, AT(read_data), 0, 0, { 0 } },
	{ "notify", "command", PATH, AT(notify), 0, 0, { 0 } },
	{ "notify", "on", CHOICE, AT(notify_always), 0, 0, { "failure", "always" } },
	{ "notify", "prometheus-file", PATH, AT(prometheus_file), 0, 0, { 0 } },
};

static bool is_section(const char *section)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (strcmp(keys[i].section, section) == 0)
			return true;
	return strcmp(section, "disks") == 0;
}

static const struct key *find_key(const char *section, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (strcmp(keys[i].section, section) == 0 && strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

/* ---- values -----------------------------------------------------------------------------------
 */

void settings_mistake(struct settings_reader *r, int line, const char *fmt, ...)
{
	char text[768], what[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	if (line)
		snprintf(text, sizeof(text), "%s:%d: %s", r->shown, line, what);
	else
		snprintf(text, sizeof(text), "%s: %s", r->shown, what);
	r->mistakes++;
	if (r->tell)
		r->tell(r->ctx, text);
}

/* In milliseconds. */
static bool parse_time(const char *text, unsigned int *ret)
{
	uint64_t ms;
	if (!duration_parse(text, &ms) || ms > UINT_MAX)
		return false;
	*ret = (unsigned int)ms;
	return true;
}

static bool parse_count(const char *text, unsigned int *ret)
{
	char *end;
	errno = 0;
	unsigned long n = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || n > UINT_MAX)
		return false;
	*ret = (unsigned int)n;
	return true;
}

static bool parse_percent(const char *text, double *ret)
{
	char *end;
	double n = strtod(text, &end);
	if (end == text || (*end && strcmp(end, "%") != 0) || !(n >= 0 && n <= 100))
		return false;
	*ret = n;
	return true;
}

static bool list_add(struct settings_list *list, const char *text, size_t len)
{
	char **items = realloc(list->items, (list->n + 1) * sizeof(*items));
	if (!items)
		return false;
	list->items = items;
	items[list->n] = strndup(text, len);
	return items[list->n] && ++list->n;
}

static bool list_split(struct settings_list *list, const char *text)
{
	while (*text) {
		text += strspn(text, " \t,");
		size_t len = strcspn(text, ",");
		size_t trimmed = len;
		while (trimmed && strchr(" \t", text[trimmed - 1]))
			trimmed--;
		if (trimmed && !list_add(list, text, trimmed))
			return false;
		text += len;
	}
	return true;
}

bool settings_path(const struct settings_reader *r, const char *value, char **ret)
{
	int n = *value == '/'
			? asprintf(ret, "%s", value)
			: asprintf(ret, "%.*s%s", (int)r->folder_len, r->settings->file, value);
	if (n < 0)
		*ret = NULL;
	return n >= 0;
}

static void wanted(struct settings_reader *r, const struct key *key, const char *value,
		   const char *what)
{
	settings_mistake(r, r->line, "[%s] %s = '%.200s': %s is wanted", key->section, key->name,
			 value, what);
}

static void take_number(struct settings_reader *r, const struct key *key, const char *value,
			void *at)
{
	unsigned int n = 0;
	bool time = key->kind == TIME;
	if (!(time ? parse_time : parse_count)(value, &n)) {
		wanted(r, key, value, time ? "a time as 9s, 500ms or 2m" : "a whole number");
	} else if (n < key->min || n > key->max) {
		settings_mistake(r, r->line, "[%s] %s = '%s': from %u%s to %u%s is possible",
				 key->section, key->name, value, key->min, time ? "ms" : "",
				 key->max, time ? "ms" : "");
	} else {
		*(unsigned int *)at = n;
	}
}

static void take_size(struct settings_reader *r, const struct key *key, const char *value,
		      uint64_t *at)
{
	uint64_t size;
	if (!size_parse(value, &size) || size == 0)
		wanted(r, key, value, "a number of bytes as 64M");
	else if (size >> 20 < key->min)
		settings_mistake(r, r->line, "[%s] %s = '%s': at least %uM is wanted", key->section,
				 key->name, value, key->min);
	else
		*at = size;
}

static void take_level(struct settings_reader *r, const struct key *key, const char *value, int *at)
{
	char *end;
	long n = strtol(value, &end, 10);
	if (end == value || *end || !repo_level_ok(n))
		wanted(r, key, value, "a level of compression");
	else
		*at = (int)n;
}

static void take_words(struct settings_reader *r, const struct key *key, const char *value,
		       const char *no, const char *yes, bool *at)
{
	if (strcmp(value, no) != 0 && strcmp(value, yes) != 0)
		settings_mistake(r, r->line, "[%s] %s = '%.200s': '%s' or '%s' is wanted",
				 key->section, key->name, value, no, yes);
	else
		*at = strcmp(value, yes) == 0;
}

static void take_portion(struct settings_reader *r, const struct key *key, const char *value,
			 struct check_portion *at)
{
	struct check_portion portion;
	struct error err;
	if (check_portion_parse(value, &portion, &err) < 0)
		settings_mistake(r, r->line, "[%s] %s = %s", key->section, key->name, err.msg);
	else if (portion.part > 0)
		settings_mistake(r, r->line,
				 "[%s] %s = '%s' would be the same part each time: next/%u is "
				 "wanted",
				 key->section, key->name, value, portion.parts);
	else
		*at = portion;
}

/* Return: false when there is no memory. */
static bool take_value(struct settings_reader *r, const struct key *key, const char *value)
{
	void *at = (char *)r->settings + key->at;
	struct error err = { 0 };
	switch (key->kind) {
	case NAME:
		if (!names_ok(value) || strlen(value) > SETTINGS_JOB_NAME_MAX)
			wanted(r, key, value, "a name of 1 to 32 of A-Z a-z 0-9 . _ -");
		return (*(char **)at = strdup(value)) != NULL;
	case TEXT:
		return (*(char **)at = strdup(value)) != NULL;
	case PATH:
		return settings_path(r, value, at);
	case SERVER:
		if (*value != '/')
			wanted(r, key, value, "an absolute path on the server");
		return (*(char **)at = strdup(value)) != NULL;
	case LIST:
		return list_split(at, value);
	case PATTERNS:
		return list_add(at, value, strlen(value));
	case FLAG:
		take_words(r, key, value, "no", "yes", at);
		return true;
	case CHOICE:
		take_words(r, key, value, key->words[0], key->words[1], at);
		return true;
	case TIME:
	case COUNT:
		take_number(r, key, value, at);
		return true;
	case SIZE:
		take_size(r, key, value, at);
		return true;
	case PERCENT:
		if (!parse_percent(value, at))
			wanted(r, key, value, "a percentage from 0% to 100%");
		return true;
	case LEVEL:
		take_level(r, key, value, at);
		return true;
	case WHEN:
		if (!upkeep_when_parse(value, at))
			wanted(r, key, value, "never, after-run, daily, weekly or monthly");
		return true;
	case PORTION:
		take_portion(r, key, value, at);
		return true;
	case KEEP:
		if (retention_parse(at, (enum retention_rule)key->min, value, &err) < 0)
			settings_mistake(r, r->line, "%s", err.msg);
		return true;
	}
	return true;
}

/* ---- the file ---------------------------------------------------------------------------------
 */

/* A key that does not come from the table: the plug-in's own, or a disk's. */
static bool take_free(struct settings_reader *r, const char *section, const char *name,
		      const char *value)
{
	bool disk = strcmp(section, "disks") == 0;
	json_t *to = disk ? r->settings->disks : r->settings->config;
	if (json_object_get(to, name)) {
		settings_mistake(r, r->line, "[%s] %s is there twice", section, name);
		return true;
	}
	if (disk && strncmp(value, "naa.", 4) != 0 && strncmp(value, "eui.", 4) != 0 &&
	    strncmp(value, "t10.", 4) != 0)
		settings_mistake(r, r->line,
				 "[disks] %s = '%.200s': an identity as naa.6000... is wanted",
				 name, value);
	return json_object_set_new(to, name, json_string(value)) == 0 &&
	       (disk ||
		json_object_set_new(r->settings->config_lines, name, json_integer(r->line)) == 0);
}

/* The journal and the plug-in's and the agent's lines are JSON. Patterns are only for names on
 * disks. */
static bool can_be_told(const struct key *key, const char *name, const char *value)
{
	if (key && key->kind == PATTERNS)
		return true;
	CLEANUP(json_decref_cleanup) json_t *text = json_pack("[ss]", name, value);
	return text != NULL;
}

/* Called by libinih. Return: 0 when there is no memory: it is taken for a mistake in this line. */
static int on_value(void *ctx, const char *section, const char *name, const char *value)
{
	struct settings_reader *r = ctx;
	const struct key *key = find_key(section, name);
	if (!is_section(section)) {
		if (*section)
			settings_mistake(r, r->line, "there is no section [%s]", section);
		else
			settings_mistake(r, r->line, "'%s' stands before the first section", name);
		return 1;
	}
	if (!*value) {
		settings_mistake(r, r->line, "[%s] %s is empty", section, name);
		return 1;
	}
	if (!can_be_told(key, name, value)) {
		settings_mistake(r, r->line, "[%s] %s is not UTF-8", section, name);
		return 1;
	}
	if (!key && (strcmp(section, "storage") == 0 || strcmp(section, "disks") == 0))
		return take_free(r, section, name, value);
	if (!key) {
		settings_mistake(r, r->line, "there is no '%s' in section [%s]", name, section);
		return 1;
	}
	size_t n = (size_t)(key - keys);
	if (r->seen & UINT64_C(1) << n && key->kind != PATTERNS && key->kind != LIST) {
		settings_mistake(r, r->line, "[%s] %s is there twice", section, name);
		return 1;
	}
	r->seen |= UINT64_C(1) << n;
	return take_value(r, key, value);
}

_Static_assert(ARRAY_SIZE(keys) <= 64, "a bit for each key");

/* Gives libinih a line at a time: that is how the number of the line is known. */
static char *next_line(char *buf, int size, void *stream)
{
	struct settings_reader *r = stream;
	char *line = fgets(buf, size, r->in);
	if (!line)
		return NULL;
	r->line++;
	if (!strchr(line, '\n') && !feof(r->in)) {
		settings_mistake(r, r->line, "the line is longer than %d bytes", size - 2);
		for (int c; (c = fgetc(r->in)) != EOF && c != '\n';)
			;
	}
	return line;
}

/* libinih hands one pointer to the reader of lines, another one to us. */
int settings_parse(struct settings_reader *r)
{
	ini_allow_multiline = false;
	ini_use_stack = false;
	ini_max_line = VALUE_MAX + 3;
	ini_initial_alloc = VALUE_MAX + 3;
	int bad = ini_parse_stream(next_line, r, on_value, r);
	if (bad > 0)
		settings_mistake(r, bad, "neither a [section] nor 'key = value'");
	return bad < 0 || ferror(r->in) ? -EIO : 0;
}

static void list_free(struct settings_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->items[i]);
	free(list->items);
}

void settings_free(struct settings *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		void *at = (char *)s + keys[i].at;
		if (keys[i].kind == LIST || keys[i].kind == PATTERNS)
			list_free(at);
		else if (keys[i].kind <= SERVER)
			free(*(char **)at);
	}
	json_decref(s->disks);
	json_decref(s->config);
	json_decref(s->config_lines);
	free(s->file);
	free(s);
}
