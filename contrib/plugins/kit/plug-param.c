/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * plug-param - parameters, settings and secrets, checked.
 *
 * What is wrong here is the caller's mistake: -EINVAL, with a message that names the parameter.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "lunette/secret.h"
#include "plug.h"

#define LIST_MAX 4096

static json_t *secrets;

int plug_text(const struct plug_request *request, const char *param, const char **ret,
	      struct error *err)
{
	const char *text = json_string_value(json_object_get(request->params, param));
	if (!text || !*text)
		return error_set(err, -EINVAL, "parameter '%s' must be a text, and not empty",
				 param);
	*ret = text;
	return 0;
}

int plug_name(const struct plug_request *request, const char *param, const char **ret,
	      struct error *err)
{
	const char *name = NULL;
	int rc = plug_text(request, param, &name, err);
	if (rc < 0)
		return rc;
	if (!names_ok(name))
		return error_set(err, -EINVAL, "parameter '%s' is not a name: " NAMES_RULE, param);
	*ret = name;
	return 0;
}

int plug_initiator(const struct plug_request *request, const char **ret, struct error *err)
{
	const char *name = NULL;
	int rc = plug_text(request, "initiator", &name, err);
	if (rc < 0)
		return rc;
	size_t len = strlen(name);
	bool ok = len <= 223 && (strncmp(name, "iqn.", 4) == 0 || strncmp(name, "eui.", 4) == 0 ||
				 strncmp(name, "naa.", 4) == 0);
	for (size_t i = 0; ok && i < len; i++)
		ok = isascii(name[i]) && (isalnum(name[i]) || strchr(".:_-", name[i]));
	if (!ok)
		return error_set(err, -EINVAL, "parameter 'initiator' is not an iSCSI name");
	*ret = name;
	return 0;
}

int plug_list(const struct plug_request *request, const char *param, const json_t **ret,
	      struct error *err)
{
	const json_t *list = json_object_get(request->params, param);
	if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > LIST_MAX)
		return error_set(err, -EINVAL, "parameter '%s' must be a list of 1 to %d", param,
				 LIST_MAX);
	*ret = list;
	return 0;
}

int plug_offset(const struct plug_request *request, const char *param, uint64_t *ret,
		struct error *err)
{
	const json_t *n = json_object_get(request->params, param);
	if (n && (!json_is_integer(n) || json_integer_value(n) < 0))
		return error_set(err, -EINVAL, "parameter '%s' must be a whole number of bytes",
				 param);
	*ret = (uint64_t)json_integer_value(n);
	return 0;
}

int plug_config(const struct plug_request *request, const char *setting, const char *otherwise,
		const char **ret, struct error *err)
{
	const json_t *value = json_object_get(request->config, setting);
	if (value && !json_is_string(value))
		return error_set(err, -EINVAL, "parameter 'config': '%s' is not a text", setting);
	const char *text = json_string_value(value);
	if (!text || !*text)
		text = otherwise;
	if (!text)
		return error_set(err, -EINVAL, "parameter 'config': the setting '%s' is missing",
				 setting);
	*ret = text;
	return 0;
}

int plug_read_secrets(struct error *err)
{
	return secret_inherited(&secrets, err);
}

const char *plug_secret(const char *name)
{
	return json_string_value(json_object_get(secrets, name));
}
