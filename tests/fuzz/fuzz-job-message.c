/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fuzz-job-message - a line from a plug-in: what is accepted as a verb's result has the shape that
 * everybody relies on. The first byte of the input says which verb was asked.
 */
#include "fuzz.h"
#include "lunette/message.h"
#include "plugin.h"
#include "lunette/shape.h"

static const char *const verbs[] = { "info",       "capabilities", "resolve", "commit",
				     "lun-create", "map",          "list",    "allocated" };

static void check_extents(const json_t *result)
{
	const json_t *extents = json_object_get(result, "extents");
	uint64_t end = 0;
	fuzz_check(json_array_size(extents) <= PLUGIN_EXTENTS_MAX);
	for (size_t i = 0; i < json_array_size(extents); i++) {
		const json_t *range = json_array_get(extents, i);
		uint64_t start = (uint64_t)json_integer_value(json_array_get(range, 0));
		uint64_t length = (uint64_t)json_integer_value(json_array_get(range, 1));
		fuzz_check(start >= end && length > 0);
		end = start + length;
		fuzz_check(end <= INT64_MAX);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	const char *verb = verbs[data[0] % ARRAY_SIZE(verbs)];
	struct message message = { 0 };
	struct error err = { 0 };
	if (message_parse((const char *)data + 1, size - 1, &message, &err) < 0) {
		fuzz_check(err.code == -EPROTO && err.msg[0] && !message.object);
		return 0;
	}
	fuzz_check(message.event || (message.id && !message.result == (message.rc < 0)));
	if (message.result && shape_check(message.result, plugin_shape(verb), NULL) == 0) {
		check_extents(message.result);
		fuzz_check(strlen(shape_text(message.result, "lun")) <= PLUGIN_ID_MAX);
		fuzz_check(shape_size(message.result, "number") <= INT64_MAX);
	}
	message_clear(&message);
	return 0;
}
