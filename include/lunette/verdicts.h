/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * verdicts - what checks have found of restore points, noted in the repository: a document a check.
 *
 * They are notes and no more: whoever lacks them, or cannot read one, knows less, and who forges
 * one can only make others keep more. A restore point that was hurt when data was read stays so
 * until all data has been read again, since a check that reads less would not have seen it.
 */
#ifndef LUNETTE_VERDICTS_H
#define LUNETTE_VERDICTS_H

#include <stdbool.h>

#include <jansson.h>

#include "lunette/error.h"

struct repo;

#define VERDICTS_FOLDER "checks"

/**
 * struct verdicts_check - one check
 * @whole, @hurt: arrays of ids of restore points
 * @data: of how much of the data was read, in percent: 0 none, 100 all
 */
struct verdicts_check {
	const json_t *whole, *hurt;
	unsigned int data;
};

/**
 * verdicts_note() - note a check, and remove what it makes superfluous
 *
 * Return: 0; -EPROTONOSUPPORT when this repository is not to be written to; what the store said.
 */
int verdicts_note(struct repo *repo, const struct verdicts_check *check, struct error *err);

/**
 * verdicts_read() - the last word on each restore point
 * @ret: a new reference: id -> {"whole": true or false, "time": "2026-11-22T17:00:00Z", "data":
 * 100}
 *
 * Return: 0, also where there are none or some are damaged; what the store said.
 */
int verdicts_read(struct repo *repo, json_t **ret, struct error *err);

/**
 * verdicts_clear() - forget them, since the damage of which they speak was repaired
 *
 * Return: 0; what the store said.
 */
int verdicts_clear(struct repo *repo, struct error *err);

/* Is there a verdict on this restore point, and is it that it is damaged? */
bool verdicts_hurt(const json_t *verdicts, const char *id);

#endif
