/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent - answers the job's requests until the job is gone. */
#ifndef AGENT_H
#define AGENT_H

#include "channel.h"
#include "session.h"

/**
 * struct agent - one, for one job
 * @greeted: the job has said hello
 * @session: what was prepared, or NULL
 * @chap_user, @chap_secret: for the snapshot LUNs, or NULL
 */
struct agent {
	struct channel ch;
	bool greeted;
	struct session *session;
	char *chap_user;
	char *chap_secret;
};

/**
 * agent_run() - serve the protocol
 * @secrets_stdin: the first line holds the secrets; else LUNETTE_SECRETS_FD may name a descriptor
 *
 * Return: 0 at the end of the requests; negative errno.
 */
int agent_run(int in, int out, bool secrets_stdin, struct error *err);

/* ---- verbs.c ---- */

/**
 * agent_answer() - do what a request asks for, and answer
 */
void agent_answer(struct agent *agent, const struct request *request);

/**
 * agent_urgent() - what cannot wait: "committed", and the first half of "abort"
 * @ctx: the agent
 *
 * Return: whether the request was answered.
 */
bool agent_urgent(void *ctx, struct request *request);

/* ---- secrets.c ---- */

/**
 * agent_secrets() - take the secrets over
 * @line: JSON; wiped
 *
 * Return: 0; -EPROTO.
 */
int agent_secrets(struct agent *agent, char *line, struct error *err);

/* The same from the descriptor that the environment names, if it does. */
int agent_secrets_inherited(struct agent *agent, struct error *err);

void agent_secrets_wipe(struct agent *agent);

#endif
