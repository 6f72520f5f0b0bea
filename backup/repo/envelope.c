/* SPDX-License-Identifier: GPL-3.0-or-later */
/* envelope - what every JSON object of a repository begins with. See config.h. */
#include <errno.h>
#include <string.h>

#include "lunette/config.h"

const char *config_unknown_feature(const json_t *list, const char *known)
{
	if (!json_is_array(list))
		return NULL;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = json_string_value(json_array_get(list, i));
		if (!name || !name[0] || strlen(name) > CONFIG_FEATURE_MAX ||
		    name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")])
			return NULL;
		if (!known || strcmp(name, known) != 0)
			return name;
	}
	return "";
}

int config_envelope_with(const json_t *object, const char *format, int version, const char *known,
			 const char *what, struct error *err)
{
	const char *is = json_string_value(json_object_get(object, "format"));
	if (!is || strcmp(is, format) != 0)
		return error_set(err, -EMEDIUMTYPE, "%s is not a '%s'", what, format);
	const json_t *number = json_object_get(object, "version");
	if (!json_is_integer(number) || json_integer_value(number) < 1)
		return error_set(err, -EUCLEAN, "%s is damaged: it has no version", what);
	if (json_integer_value(number) > version)
		return error_set(
			err, -EPROTONOSUPPORT,
			"%s has version %" JSON_INTEGER_FORMAT
			", and this lunette knows versions up to %d: please use a newer one",
			what, json_integer_value(number), version);
	const char *feature = config_unknown_feature(json_object_get(object, "features"), known);
	if (!feature)
		return error_set(err, -EUCLEAN, "%s is damaged: it has no list of features", what);
	if (feature[0])
		return error_set(err, -EPROTONOSUPPORT,
				 "%s needs the feature '%s', which this lunette does not know: "
				 "please use a newer one",
				 what, feature);
	return 0;
}

int config_envelope(const json_t *object, const char *format, int version, const char *what,
		    struct error *err)
{
	return config_envelope_with(object, format, version, NULL, what, err);
}
