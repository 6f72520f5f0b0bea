/* SPDX-License-Identifier: GPL-3.0-or-later */
/* shape - see shape.h. */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "lunette/names.h"
#include "lunette/shape.h"
#include "lunette/util.h"

#define LIST_TEXT_MAX 1023

static bool is_text(const json_t *value, size_t max)
{
	const char *text = json_string_value(value);
	if (!text || json_string_length(value) > max || strlen(text) != json_string_length(value))
		return false;
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	return true;
}

static bool is_size(const json_t *value, size_t max)
{
	json_int_t n = json_integer_value(value);
	return json_is_integer(value) && n >= 0 && (!max || (uint64_t)n <= max);
}

static bool are_texts(const json_t *value, size_t max)
{
	if (!json_is_array(value) || json_array_size(value) > max)
		return false;
	for (size_t i = 0; i < json_array_size(value); i++)
		if (!is_text(json_array_get(value, i), LIST_TEXT_MAX))
			return false;
	return true;
}

static bool are_ranges(const json_t *value, size_t max)
{
	uint64_t end = 0;
	if (!json_is_array(value) || json_array_size(value) > max)
		return false;
	for (size_t i = 0; i < json_array_size(value); i++) {
		const json_t *range = json_array_get(value, i);
		const json_t *start = json_array_get(range, 0), *length = json_array_get(range, 1);
		if (json_array_size(range) != 2 || !is_size(start, 0) || !is_size(length, 0))
			return false;
		uint64_t s = (uint64_t)json_integer_value(start);
		uint64_t n = (uint64_t)json_integer_value(length);
		if (n == 0 || s < end || s + n > INT64_MAX)
			return false;
		end = s + n;
	}
	return true;
}

static int objects_check(const json_t *value, const struct shape *shape, struct error *err)
{
	if (!json_is_array(value) || json_array_size(value) > shape->max)
		return error_set(err, -EPROTO, "'%s' is not a list of at most %zu objects",
				 shape->key, shape->max);
	for (size_t i = 0; i < json_array_size(value); i++) {
		int rc = shape_check(json_array_get(value, i), shape->of, err);
		if (rc < 0)
			return error_wrap(err, rc, "'%s', item %zu", shape->key, i + 1);
	}
	return 0;
}

static int member_check(const json_t *value, const struct shape *shape, struct error *err)
{
	bool good = false;
	int rc = 0;
	const char *wanted = "";
	switch (shape->kind) {
	case SHAPE_TEXT:
		good = is_text(value, shape->max);
		wanted = "a text without control characters that is not too long";
		break;
	case SHAPE_NAME:
		good = is_text(value, NAMES_MAX) && names_ok(json_string_value(value));
		wanted = "a name: " NAMES_RULE;
		break;
	case SHAPE_SIZE:
		good = is_size(value, shape->max);
		wanted = "a whole number in range";
		break;
	case SHAPE_NULL_OR_SIZE:
		good = json_is_null(value) || is_size(value, shape->max);
		wanted = "null or a whole number in range";
		break;
	case SHAPE_FLAG:
		good = json_is_boolean(value);
		wanted = "true or false";
		break;
	case SHAPE_TEXTS:
		good = are_texts(value, shape->max);
		wanted = "a list of texts that is not too long";
		break;
	case SHAPE_RANGES:
		good = are_ranges(value, shape->max);
		wanted = "a sorted list of [START,LENGTH] that do not overlap, and not too many";
		break;
	case SHAPE_OBJECT:
		good = json_is_object(value);
		wanted = "an object";
		if (good && shape->of && (rc = shape_check(value, shape->of, err)) < 0)
			return error_wrap(err, rc, "'%s'", shape->key);
		break;
	case SHAPE_OBJECTS:
		return objects_check(value, shape, err);
	}
	return good ? 0 : error_set(err, -EPROTO, "'%s' is not %s", shape->key, wanted);
}

int shape_check(const json_t *object, const struct shape *shape, struct error *err)
{
	if (!json_is_object(object))
		return error_set(err, -EPROTO, "not an object");
	for (; shape->key; shape++) {
		const json_t *value = json_object_get(object, shape->key);
		if (shape->optional && (!value || json_is_null(value)))
			continue;
		if (!value)
			return error_set(err, -EPROTO, "'%s' is missing", shape->key);
		int rc = member_check(value, shape, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

const char *shape_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

uint64_t shape_size(const json_t *object, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(object, key));
	return n > 0 ? (uint64_t)n : 0;
}

bool shape_flag(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}
