/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * request - one line from the job, for those who answer: agents and plug-ins; and their answers.
 *
 * Whatever comes in, an answer can be made of it. What answers look like to the job is in
 * message.h.
 */
#ifndef LUNETTE_REQUEST_H
#define LUNETTE_REQUEST_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "lunette/error.h"
#include "lunette/util.h"

/**
 * struct request - what a line asks for
 * @next: for whoever keeps several
 * @id: as it was sent; JSON null when a line was no request
 * @verb: "" when a line was no request; @broken says why
 * @params: an object, empty when there was none
 * @limit_ms: how long the job waits for the answer; -1 when it does not say so
 */
struct request {
	struct request *next;
	json_t *id;
	char *verb;
	json_t *params;
	int64_t limit_ms;
	struct error broken;
};

/**
 * request_parse() - what a line asks for
 * @line: @len bytes from a stranger
 * @ret: also set for a line that is no request, which wants an answer too; to be freed with
 *       request_free()
 *
 * Return: 0 or -ENOMEM.
 */
int request_parse(const char *line, size_t len, struct request **ret, struct error *err);

/**
 * request_free() - free a request
 * @request: may be NULL
 */
void request_free(struct request *request);
DEFINE_CLEANUP(struct request *, request_free)

/**
 * request_reply() - the answer that says yes
 * @id: of the request; NULL: it has none
 * @result: taken over; NULL is an empty object
 *
 * Return: NULL for want of memory.
 */
json_t *request_reply(const json_t *id, json_t *result);

/* The answer that says no; the protocol's code is that of the errno (see code.h). */
json_t *request_refusal(const json_t *id, const struct error *why);

#endif
