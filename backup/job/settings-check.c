/* SPDX-License-Identifier: GPL-3.0-or-later */
/* settings-check - defaults, what belongs together, and what must be there. See settings.h. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lunette/backup.h"
#include "lunette/json.h"
#include "lunette/secret.h"
#include "settings-private.h"
#include "lunette/shape.h"

#define CLUSTER_SNAPSHOT_MAX 9000
#define CLUSTER_COMMIT_MAX   10000
#define SECRETS_LINES_MAX    100
#define PLUGINS_BESIDE       "/../libexec/lunette/plugins/"

/* ---- what must be, and what belongs together --------------------------------------------------
 */

static void set_defaults(struct settings *s)
{
	s->snapshot_limit = 9000;
	s->freeze_limit = 60000;
	s->hook_limit = 30000;
	s->storage_limit = 120000;
	s->install_agent = true;
	s->agent_limit = 60000;
	s->snapshots = 4;
	s->verify_changed = 1;
	s->full_every = 30;
}

/* The commit call covers the snapshot and the word about it; a second is for the word. */
static void derive(struct settings_reader *r)
{
	struct settings *s = r->settings;
	if (!s->commit_limit)
		s->commit_limit = s->snapshot_limit + 1000;
	if (!s->point_name && s->name)
		s->point_name = strdup(s->name);
}

static void check_limits(struct settings_reader *r)
{
	const struct settings *s = r->settings;
	if (s->cluster && s->snapshot_limit > CLUSTER_SNAPSHOT_MAX)
		settings_mistake(r, 0,
				 "[limits] snapshot: never more than 9s for a failover cluster");
	if (s->cluster && s->commit_limit > CLUSTER_COMMIT_MAX)
		settings_mistake(r, 0,
				 "[limits] commit: never more than 10s for a failover cluster");
	if (s->snapshot_limit >= s->commit_limit)
		settings_mistake(r, 0, "[limits] snapshot (%ums) must be less than commit (%ums)",
				 s->snapshot_limit, s->commit_limit);
	if (s->commit_limit > s->freeze_limit)
		settings_mistake(r, 0, "[limits] commit (%ums) must not be more than freeze (%ums)",
				 s->commit_limit, s->freeze_limit);
}

static void need(struct settings_reader *r, const char *value, const char *what)
{
	if (!value)
		settings_mistake(r, 0, "%s is needed", what);
}

static void check_file(struct settings_reader *r, const char *path, int mode, const char *what)
{
	struct stat st;
	if (!path)
		return;
	if (stat(path, &st) < 0 || access(path, mode) < 0)
		settings_mistake(r, 0, "%s '%s': %s", what, path, strerrordesc_np(errno));
	else if (!S_ISREG(st.st_mode))
		settings_mistake(r, 0, "%s '%s': not a regular file", what, path);
}

static void check_agent(struct settings_reader *r)
{
	const char *agent = r->settings->agent;
	if (!agent || strcmp(agent, "local") == 0)
		return;
	const char *host = strncmp(agent, "ssh:", 4) == 0 ? agent + 4 : "";
	/* A host that begins with '-' would be an option of ssh. */
	if (!*host || *host == '-' ||
	    strspn(host,
		   "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-@:[]%") !=
		    strlen(host))
		settings_mistake(r, 0,
				 "[server] agent = '%.200s': 'local' or 'ssh:[USER@]HOST' is "
				 "wanted",
				 agent);
}

static void check_names(struct settings_reader *r)
{
	const struct settings *s = r->settings;
	struct error err;
	/* The job's own name has been looked at already. */
	if (s->point_name && strcmp(s->point_name, s->name ? s->name : "") != 0 &&
	    backup_check_name(s->point_name, &err) < 0)
		settings_mistake(r, 0, "[job] point-name: %s", err.msg);
	if (s->initiator && (strncmp(s->initiator, "iqn.", 4) != 0 || strlen(s->initiator) > 223))
		settings_mistake(r, 0,
				 "[job] initiator = '%.200s': a name as iqn.2026-11.org:host "
				 "is wanted",
				 s->initiator);
}

/* A name without '/' is one of the plug-ins that were built or installed with us. */
static int find_installed(const char *name, char **ret)
{
	static const char *const places[] = { "/../libexec/lunette/plugins/lunette-", "/lunette-",
					      "/../libexec/lunette/plugins/" };
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[len < 0 ? 0 : len] = '\0';
	char *slash = strrchr(self, '/');
	int folder = slash ? (int)(slash - self) : 0;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		char *path;
		if (asprintf(&path, "%.*s%s%s", folder, self, places[i], name) < 0)
			return -ENOMEM;
		if (access(path, X_OK) == 0 || i + 1 == ARRAY_SIZE(places)) {
			*ret = path;
			return 0;
		}
		free(path);
	}
	return 0;
}

static int find_plugin(struct settings_reader *r)
{
	struct settings *s = r->settings;
	char *path = NULL;
	int rc = 0;
	if (!s->plugin)
		return 0;
	if (!strchr(s->plugin, '/'))
		rc = find_installed(s->plugin, &path);
	else
		rc = settings_path(r, s->plugin, &path) ? 0 : -ENOMEM;
	if (rc < 0)
		return rc;
	free(s->plugin);
	s->plugin = path;
	check_file(r, path, X_OK, "[storage] plugin");
	return 0;
}

static void check_upkeep(struct settings_reader *r)
{
	const struct check_portion *read = &r->settings->read_data;
	if ((read->parts > 0 || read->percent > 0) && r->settings->check == UPKEEP_NEVER)
		settings_mistake(r, 0,
				 "[upkeep] read-data says how much a check reads, and check says "
				 "when: daily, for instance");
}

static int judge(struct settings_reader *r)
{
	const struct settings *s = r->settings;
	derive(r);
	need(r, s->name, "[job] name");
	need(r, s->repository, "[job] repository");
	need(r, s->agent, "[server] agent");
	need(r, s->plugin, "[storage] plugin");
	check_agent(r);
	check_names(r);
	check_limits(r);
	check_upkeep(r);
	check_file(r, s->password_file, R_OK, "[job] password-file");
	check_file(r, s->secrets_file, R_OK, "[storage] secrets-file");
	check_file(r, s->before, X_OK, "[hooks] before");
	check_file(r, s->after, X_OK, "[hooks] after");
	check_file(r, s->notify, X_OK, "[notify] command");
	if (json_object_size(s->disks) == 0 && s->volumes.n == 0 && s->agent &&
	    strcmp(s->agent, "local") == 0)
		settings_mistake(r, 0,
				 "[server] volumes is needed when the agent is local, or else "
				 "this machine's own disks would be meant");
	return find_plugin(r);
}

static int open_file(const char *path, struct settings_reader *r, struct error *err)
{
	struct settings *s = r->settings;
	s->file = realpath(path, NULL);
	r->in = s->file ? fopen(s->file, "re") : NULL;
	if (!r->in)
		return error_set(err, -errno, "job file '%s': %m", path);
	r->folder_len = (size_t)(strrchr(s->file, '/') - s->file) + 1;
	s->disks = json_object();
	s->config = json_object();
	s->config_lines = json_object();
	return s->disks && s->config && s->config_lines ? 0
							: error_set(err, -ENOMEM, "job file: %m");
}

int settings_read(const char *path, void (*tell)(void *ctx, const char *mistake), void *ctx,
		  struct settings **ret, struct error *err)
{
	CLEANUP(settings_free_cleanup) struct settings *s = calloc(1, sizeof(*s));
	if (!s)
		return error_set(err, -ENOMEM, "job file: %m");
	struct settings_reader r = { .settings = s, .shown = path, .tell = tell, .ctx = ctx };
	set_defaults(s);
	int rc = open_file(path, &r, err);
	if (rc == 0) {
		rc = settings_parse(&r);
		if (rc == 0)
			rc = judge(&r);
		if (rc < 0)
			error_set(err, rc, "read job file '%s'", path);
	}
	if (r.in)
		fclose(r.in);
	if (rc < 0)
		return rc;
	if (r.mistakes)
		return error_set(err, -EINVAL, "job file '%s' has %u mistake%s", path, r.mistakes,
				 r.mistakes == 1 ? "" : "s");
	*ret = steal(&s);
	return 0;
}

/* ---- with the plug-in's own words -------------------------------------------------------------
 */

static const json_t *find_setting(const json_t *wanted, const char *name)
{
	for (size_t i = 0; i < json_array_size(wanted); i++)
		if (strcmp(shape_text(json_array_get(wanted, i), "name"), name) == 0)
			return json_array_get(wanted, i);
	return NULL;
}

int settings_check_plugin(const struct settings *s, const json_t *info, const json_t *secrets,
			  void (*tell)(void *ctx, const char *mistake), void *ctx,
			  struct error *err)
{
	struct settings_reader r = { .shown = s->file, .tell = tell, .ctx = ctx };
	const json_t *wanted = json_object_get(info, "settings");
	const char *name;
	json_t *value;
	json_object_foreach(s->config, name, value)
	{
		int line = (int)json_integer_value(json_object_get(s->config_lines, name));
		const json_t *setting = find_setting(wanted, name);
		if (!setting)
			settings_mistake(&r, line, "[storage] %s: plug-in '%s' has no such setting",
					 name, shape_text(info, "name"));
		else if (shape_flag(setting, "secret"))
			settings_mistake(&r, line,
					 "[storage] %s is a secret: it belongs into the "
					 "secrets-file",
					 name);
	}
	for (size_t i = 0; i < json_array_size(wanted); i++) {
		const json_t *setting = json_array_get(wanted, i);
		bool secret = shape_flag(setting, "secret");
		name = shape_text(setting, "name");
		if (shape_flag(setting, "required") &&
		    !json_object_get(secret ? secrets : s->config, name))
			settings_mistake(&r, 0, "%s: plug-in '%s' needs '%s' (%s)",
					 secret ? "secrets-file" : "[storage]",
					 shape_text(info, "name"), name,
					 shape_text(setting, "description"));
	}
	return r.mistakes ? error_set(err, -EINVAL, "job file '%s' has %u mistake%s", s->file,
				      r.mistakes, r.mistakes == 1 ? "" : "s")
			  : 0;
}

/* ---- secrets ----------------------------------------------------------------------------------
 */

/* KEY = VALUE; all behind the first '=' and its blanks is the secret. */
static int take_secret(char *line, json_t *to)
{
	line[strcspn(line, "\r\n")] = '\0';
	char *name = line + strspn(line, " \t");
	if (!*name || *name == '#')
		return 0;
	char *equals = strchr(name, '=');
	if (!equals || equals == name)
		return -EINVAL;
	char *value = equals + 1 + strspn(equals + 1, " \t");
	while (equals > name && strchr(" \t", equals[-1]))
		equals--;
	*equals = '\0';
	return json_object_set_new(to, name, json_string(value)) < 0 ? -EINVAL : 0;
}

/* The text belongs to the caller, who wipes it. */
static int take_secrets(char *text, const char *path, json_t *to, struct error *err)
{
	int n = 0;
	for (char *line; (line = strsep(&text, "\n"));) {
		if (++n > SECRETS_LINES_MAX || take_secret(line, to) < 0)
			return error_set(err, -EINVAL,
					 "secrets file '%s', line %d: 'KEY = VALUE' is wanted",
					 path, n);
	}
	return 0;
}

int settings_read_secrets(const char *path, json_t **ret, struct error *err)
{
	char *text = NULL;
	int rc = path ? secret_text(path, "secrets file", &text, err) : 0;
	if (rc < 0)
		return rc;
	size_t len = text ? strlen(text) : 0;
	CLEANUP(json_decref_cleanup) json_t *secrets = json_object();
	if (text)
		rc = take_secrets(text, path, secrets, err);
	/* It is in pieces by now. */
	if (text)
		explicit_bzero(text, len);
	free(text);
	if (rc == 0)
		*ret = steal(&secrets);
	return rc;
}
