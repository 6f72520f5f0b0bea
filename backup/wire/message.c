/* SPDX-License-Identifier: GPL-3.0-or-later */
/* message - see message.h. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "lunette/code.h"
#include "lunette/message.h"
#include "lunette/util.h"

void message_clear(struct message *message)
{
	json_decref(message->object);
	*message = (struct message){ 0 };
}

/* Ids are ours: decimal, counted from 1. */
static unsigned int parse_id(const json_t *id)
{
	const char *text = json_string_value(id);
	if (!text || *text < '1' || *text > '9' || strspn(text, "0123456789") != strlen(text))
		return 0;
	unsigned long n = strtoul(text, NULL, 10);
	return n <= UINT_MAX ? (unsigned int)n : 0;
}

static int parse_refusal(struct message *m, struct error *err)
{
	const json_t *error = json_object_get(m->object, "error");
	m->code = json_string_value(json_object_get(error, "code"));
	m->why = json_string_value(json_object_get(error, "message"));
	m->retry = json_is_true(json_object_get(error, "retry"));
	m->rc = m->code ? code_errno(m->code) : -EPROTO;
	if (m->rc == -EPROTO)
		return error_set(err, -EPROTO, "a refusal has no code, or one that there is not");
	if (!m->why || !*m->why)
		m->why = "it gives no reason";
	return 0;
}

static int parse_object(struct message *m, struct error *err)
{
	const json_t *id = json_object_get(m->object, "id"), *ok = json_object_get(m->object, "ok");
	if (!id) {
		m->event = json_string_value(json_object_get(m->object, "event"));
		return m->event && *m->event
			       ? 0
			       : error_set(err, -EPROTO, "a line is neither a reply nor an event");
	}
	m->id = parse_id(id);
	if (!m->id)
		return error_set(err, -EPROTO, "a reply answers nothing that was asked");
	if (json_is_false(ok))
		return parse_refusal(m, err);
	m->result = json_object_get(m->object, "result");
	if (!json_is_true(ok) || !json_is_object(m->result))
		return error_set(err, -EPROTO, "a reply says neither yes with a result nor no");
	return 0;
}

int message_parse(const char *line, size_t len, struct message *ret, struct error *err)
{
	json_error_t why;
	CLEANUP(message_clear)
	struct message m = {
		.object = json_loadb(line, len, JSON_REJECT_DUPLICATES, &why),
	};
	if (!m.object)
		return error_set(err, -EPROTO, "a line is not JSON: %s", why.text);
	if (!json_is_object(m.object))
		return error_set(err, -EPROTO, "a line is not an object");
	int rc = parse_object(&m, err);
	if (rc < 0)
		return rc;
	*ret = m;
	m = (struct message){ 0 };
	return 0;
}
