/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz-pattern - patterns, and the paths that they are matched with, all of them foreign. */
#include "fuzz.h"
#include "pattern.h"

/* The next line of the input, as a string; NULL at its end. */
static char *next_line(const uint8_t **data, size_t *size)
{
	if (*size == 0)
		return NULL;
	const uint8_t *end = memchr(*data, '\n', *size);
	size_t len = end ? (size_t)(end - *data) : *size;
	char *line = strndup((const char *)*data, len);
	*data += MIN(len + 1, *size);
	*size -= MIN(len + 1, *size);
	return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pattern_set *set;
	fuzz_check(pattern_set_new(&set, NULL) == 0);
	char *line;
	while ((line = next_line(&data, &size)) && *line) {
		(void)pattern_add(set, line, size % 2, NULL);
		free(line);
	}
	free(line);
	uint64_t *state = calloc(2 * pattern_words(set), sizeof(*state));
	uint64_t *next = state + pattern_words(set);
	pattern_start(set, state);
	while ((line = next_line(&data, &size))) {
		bool matches = pattern_name(set, state, line, true, next);
		/* What matches once matches again; and where nothing goes on, nothing does. */
		fuzz_check(pattern_name(set, state, line, true, next) == matches);
		fuzz_check(!matches || pattern_goes_on(set, state));
		memcpy(state, next, pattern_words(set) * sizeof(*state));
		free(line);
	}
	free(state);
	pattern_set_free(set);
	return 0;
}
