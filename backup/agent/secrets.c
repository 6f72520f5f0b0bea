/* SPDX-License-Identifier: GPL-3.0-or-later */
/* secrets - what the agent logs in to the snapshot LUNs with. They are in memory only. */
#include <errno.h>
#include <string.h>

#include "agent.h"
#include "lunette/secret.h"

void agent_secrets_wipe(struct agent *agent)
{
	secret_free(agent->chap_user);
	secret_free(agent->chap_secret);
	agent->chap_user = agent->chap_secret = NULL;
}

static int take(struct agent *agent, const json_t *secrets, struct error *err)
{
	const char *user = json_string_value(json_object_get(secrets, "chap_user"));
	const char *secret = json_string_value(json_object_get(secrets, "chap_secret"));
	agent->chap_user = user ? strdup(user) : NULL;
	agent->chap_secret = secret ? strdup(secret) : NULL;
	if ((user && !agent->chap_user) || (secret && !agent->chap_secret))
		return error_set(err, -ENOMEM, "the secrets: %m");
	return 0;
}

int agent_secrets(struct agent *agent, char *line, struct error *err)
{
	CLEANUP(secret_json_free_cleanup) json_t *json = json_loads(line, 0, NULL);
	explicit_bzero(line, strlen(line));
	const json_t *secrets = json_object_get(json, "secrets");
	if (!json_is_object(secrets))
		return error_set(err, -EPROTO, "the secrets are not a JSON object of texts");
	return take(agent, secrets, err);
}

int agent_secrets_inherited(struct agent *agent, struct error *err)
{
	CLEANUP(secret_json_free_cleanup) json_t *secrets = NULL;
	int rc = secret_inherited(&secrets, err);
	return rc < 0 ? rc : take(agent, secrets, err);
}
