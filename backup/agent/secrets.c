/* SPDX-License-Identifier: GPL-3.0-or-later */
/* secrets - what the agent logs in to the snapshot LUNs with. They are in memory only. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent.h"

/* More than all secrets of a job take. */
#define SECRETS_MAX 65536

static void wipe(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

void agent_secrets_wipe(struct agent *agent)
{
	wipe(agent->chap_user);
	wipe(agent->chap_secret);
	agent->chap_user = agent->chap_secret = NULL;
}

/* jansson's own copies: it has no way to wipe them but through the values. */
static void wipe_json(json_t *json)
{
	const char *key;
	json_t *value;
	json_object_foreach(json, key, value)
	{
		if (json_is_object(value))
			wipe_json(value);
		else if (json_is_string(value))
			explicit_bzero((char *)json_string_value(value), json_string_length(value));
	}
}

static int take(struct agent *agent, const json_t *secrets, struct error *err)
{
	const char *user = json_string_value(json_object_get(secrets, "chap_user"));
	const char *secret = json_string_value(json_object_get(secrets, "chap_secret"));
	if (!json_is_object(secrets))
		return error_set(err, -EPROTO, "the secrets are not a JSON object of texts");
	agent->chap_user = user ? strdup(user) : NULL;
	agent->chap_secret = secret ? strdup(secret) : NULL;
	if ((user && !agent->chap_user) || (secret && !agent->chap_secret))
		return error_set(err, -ENOMEM, "the secrets: %m");
	return 0;
}

int agent_secrets(struct agent *agent, char *line, struct error *err)
{
	json_t *json = json_loads(line, 0, NULL);
	explicit_bzero(line, strlen(line));
	int rc = take(agent, json_object_get(json, "secrets"), err);
	wipe_json(json);
	json_decref(json);
	return rc;
}

int agent_secrets_inherited(struct agent *agent, struct error *err)
{
	const char *name = getenv("LUNETTE_SECRETS_FD");
	if (!name)
		return 0;
	char *end;
	long fd = strtol(name, &end, 10);
	if (*name == '\0' || *end != '\0' || fd < 3 || fd > INT32_MAX)
		return error_set(err, -EINVAL, "LUNETTE_SECRETS_FD is not a descriptor");
	CLEANUP(free_cleanup) char *buf = calloc(1, SECRETS_MAX + 1);
	if (!buf)
		return error_set(err, -ENOMEM, "the secrets: %m");
	size_t len = 0;
	ssize_t n = 0;
	while (len < SECRETS_MAX && (n = read((int)fd, buf + len, SECRETS_MAX - len)) > 0)
		len += (size_t)n;
	int rc = n < 0 ? error_set(err, -errno, "read the secrets: %m") : 0;
	close((int)fd);
	unsetenv("LUNETTE_SECRETS_FD");
	json_t *json = json_loadb(buf, len, 0, NULL);
	explicit_bzero(buf, SECRETS_MAX);
	if (rc == 0)
		rc = take(agent, json, err);
	wipe_json(json);
	json_decref(json);
	return rc;
}
