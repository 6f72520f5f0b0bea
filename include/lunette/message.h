/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * message - one line from a plug-in or an agent: a reply or an event, or it breaks the protocol.
 */
#ifndef LUNETTE_MESSAGE_H
#define LUNETTE_MESSAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "lunette/error.h"

/**
 * struct message - what a line says
 * @object: the line, which holds all texts; owned
 * @event: its name; NULL for a reply
 * @id: of the request that it answers, at least 1
 * @result: of a reply that says yes, an object; else NULL
 * @rc: of a reply that says no: what its code stands for
 * @code, @why: of a reply that says no
 * @retry: the same call may succeed soon
 */
struct message {
	json_t *object;
	const char *event;
	unsigned int id;
	json_t *result;
	int rc;
	const char *code;
	const char *why;
	bool retry;
};

/**
 * message_parse() - take a line apart
 * @ret: to be given to message_clear()
 *
 * Return: 0; -EPROTO with a sentence.
 */
int message_parse(const char *line, size_t len, struct message *ret, struct error *err);
void message_clear(struct message *message); /* may be clear already */

#endif
