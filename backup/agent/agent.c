/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent - see agent.h. */
#include <errno.h>
#include <string.h>

#include "agent.h"

static int take_secrets(struct agent *agent, bool from_stdin, struct error *err)
{
	if (!from_stdin)
		return agent_secrets_inherited(agent, err);
	char *line = NULL;
	int rc = channel_first_line(&agent->ch, &line, err);
	if (rc == 0)
		rc = agent_secrets(agent, line, err);
	return rc;
}

static int serve(struct agent *agent, struct error *err)
{
	for (;;) {
		CLEANUP(request_free_cleanup)
		struct request *request = channel_take(&agent->ch);
		if (request) {
			agent_answer(agent, request);
			continue;
		}
		if (agent->ch.ended)
			return 0;
		int rc = channel_wait(&agent->ch, NULL, 0, -1, err);
		if (rc < 0)
			return rc;
	}
}

int agent_run(int in, int out, bool secrets_stdin, struct error *err)
{
	struct agent agent = { 0 };
	int rc = channel_init(&agent.ch, in, out, err);
	agent.ch.urgent = agent_urgent;
	agent.ch.ctx = &agent;
	if (rc == 0)
		rc = take_secrets(&agent, secrets_stdin, err);
	if (rc == 0)
		rc = serve(&agent, err);
	session_free(agent.session);
	agent_secrets_wipe(&agent);
	channel_clear(&agent.ch);
	return rc;
}
