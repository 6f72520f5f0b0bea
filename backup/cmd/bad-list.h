/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bad-list - the file in which a backup lists what it could not read. */
#ifndef BAD_LIST_H
#define BAD_LIST_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "lunette/error.h"

/**
 * struct bad_list - a list on its way; zeroed it is none
 * @path: where it will be
 * @temp: where it is until then
 * @ranges: what could not be read, as a report has it: {"disk", "start", "length"}
 * @failed: there was no memory for one of them
 */
struct bad_list {
	const char *path;
	char *temp;
	FILE *out;
	json_t *ranges;
	bool failed;
};

/**
 * bad_list_open() - begin one, so that it is known now that it can be written
 *
 * What is there already must be an older list: it is replaced in the end, and until then stays.
 *
 * Return: 0; -EEXIST when something else is there; ...
 */
int bad_list_open(struct bad_list *list, const char *path, struct error *err);

/* Notes a range: as a backup tells it. @list: a struct bad_list. */
void bad_list_add(void *list, const char *disk, uint64_t length, uint64_t off);

/* Warns of what was noted. */
void bad_list_warn(const struct bad_list *list);

/* Writes it, and has it on stable storage. @point: NAME@TIME */
int bad_list_finish(struct bad_list *list, const char *point, const char *id, struct error *err);

void bad_list_clear(struct bad_list *list); /* fits CLEANUP(); what is not finished goes */

#endif
