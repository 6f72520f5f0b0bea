/* SPDX-License-Identifier: GPL-3.0-or-later */
/* request - see request.h. */
#include <errno.h>
#include <string.h>

#include "lunette/code.h"
#include "lunette/json.h"
#include "lunette/request.h"
#include "lunette/utf8.h"

static int judge(json_t *line, struct request *request)
{
	struct error *why = &request->broken;
	if (!json_is_object(line))
		return error_set(why, -EINVAL, "a request is a JSON object");
	json_t *id = json_object_get(line, "id");
	if (!json_is_string(id) && !json_is_integer(id))
		return error_set(why, -EINVAL, "a request has an 'id', which is a text");
	json_decref(request->id);
	request->id = json_incref(id);
	const char *verb = json_string_value(json_object_get(line, "verb"));
	if (!verb)
		return error_set(why, -EINVAL, "a request has a 'verb', which is a text");
	json_t *params = json_object_get(line, "params");
	if (params && !json_is_object(params))
		return error_set(why, -EINVAL, "%.32s: 'params' is no object", verb);
	json_decref(request->params);
	request->params = params ? json_incref(params) : json_object();
	const json_t *limit = json_object_get(line, "deadline_ms");
	if (json_is_integer(limit))
		request->limit_ms = MAX(json_integer_value(limit), (json_int_t)0);
	free(request->verb);
	request->verb = strdup(verb);
	return request->verb && request->params ? 0 : error_set(why, -ENOMEM, "a request: %m");
}

int request_parse(const char *line, size_t len, struct request **ret, struct error *err)
{
	CLEANUP(request_free_cleanup) struct request *request = calloc(1, sizeof(*request));
	if (!request)
		return error_set(err, -ENOMEM, "a request: %m");
	request->id = json_null();
	request->limit_ms = -1;
	request->verb = strdup("");
	request->params = json_object();
	if (!request->verb || !request->params)
		return error_set(err, -ENOMEM, "a request: %m");
	json_error_t why;
	CLEANUP(json_decref_cleanup)
	json_t *json = json_loadb(line, len, JSON_REJECT_DUPLICATES, &why);
	if (!json)
		error_set(&request->broken, -EINVAL, "a line is not JSON: %s", why.text);
	else
		judge(json, request);
	*ret = steal(&request);
	return 0;
}

void request_free(struct request *request)
{
	if (!request)
		return;
	json_decref(request->id);
	json_decref(request->params);
	free(request->verb);
	free(request);
}

json_t *request_reply(const json_t *id, json_t *result)
{
	return json_pack("{s:O*, s:b, s:o}", "id", id, "ok", 1, "result",
			 result ? result : json_object());
}

json_t *request_refusal(const json_t *id, const struct error *why)
{
	/* A path that is not UTF-8, say, must not be in the way of the answer. */
	char text[3 * sizeof(why->msg) + 1];
	bool retry;
	const char *code = code_of(why->code, &retry);
	utf8_clean(why->msg, sizeof(why->msg), text, sizeof(text));
	return json_pack("{s:O*, s:b, s:{s:s, s:b, s:s}}", "id", id, "ok", 0, "error", "code", code,
			 "retry", retry, "message", text);
}
