/* SPDX-License-Identifier: GPL-3.0-or-later */
/* upkeep-document - what was done for a repository, for machines and for people. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lunette/json.h"
#include "lunette/moment.h"
#include "lunette/shape.h"
#include "lunette/size.h"
#include "lunette/upkeep.h"

static const char *status_of(const struct error *why, const char *otherwise)
{
	if (!why)
		return otherwise;
	return why->code == -EINTR ? "interrupted" : "failed";
}

static json_t *document(const char *status, const struct error *why, double seconds)
{
	char now[MOMENT_TEXT];
	moment_now(0, now);
	json_t *doc =
		json_pack("{s:s, s:f, s:s}", "time", now, "seconds", seconds, "status", status);
	if (doc && why)
		json_object_set_new(doc, "why", json_text(why->msg));
	return doc;
}

/* Steals @more. */
static json_t *extended(json_t *doc, json_t *more)
{
	if (!doc || !more || json_object_update(doc, more) < 0) {
		json_decref(doc);
		doc = NULL;
	}
	json_decref(more);
	return doc;
}

static json_t *amount(const struct prune_amount *amount)
{
	return json_pack("{s:I, s:I}", "packs", (json_int_t)amount->packs, "bytes",
			 (json_int_t)amount->bytes);
}

json_t *upkeep_prune_document(const struct prune_result *r, const struct error *why, double seconds)
{
	const char *good = r->missing > 0 || r->damaged > 0 ? "warnings" : "ok";
	return extended(document(status_of(why, good), why, seconds),
			json_pack("{s:o, s:o, s:I, s:I}", "removed", amount(&r->removed), "marked",
				  amount(&r->marked), "missing", (json_int_t)r->missing, "damaged",
				  (json_int_t)r->damaged));
}

json_t *upkeep_check_document(const struct check_result *r, const struct check_portion *portion,
			      const struct error *why, double seconds)
{
	const char *good = r->n_problems + r->n_remembered > 0 ? "damaged" : "ok";
	json_t *more =
		json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "problems", (json_int_t)r->n_problems,
			  "hurt", (json_int_t)(r->n_hurt + r->n_remembered), "packs",
			  (json_int_t)r->packs, "bytes", (json_int_t)r->bytes, "packs_read",
			  (json_int_t)r->packs_read, "data_read", (json_int_t)r->data_read);
	if (more && portion->parts > 0)
		json_object_set_new(more, "part",
				    json_pack("{s:I, s:I}", "number", (json_int_t)portion->part,
					      "of", (json_int_t)portion->parts));
	return extended(document(status_of(why, good), why, seconds), more);
}

/* ---- for people --------------------------------------------------------------------------------
 */

static uint64_t size_in(const json_t *document, const char *object, const char *key)
{
	return shape_size(json_object_get(document, object), key);
}

/* "pack", "packs". */
static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

/* "pack is", "packs are". */
static const char *are(uint64_t n)
{
	return n == 1 ? " is" : "s are";
}

static void prune_text(const json_t *doc, char *ret, size_t room)
{
	char size[SIZE_TEXT];
	uint64_t marked = size_in(doc, "marked", "packs");
	int n = snprintf(ret, room, "%s in %ju pack%s removed",
			 size_text(size_in(doc, "removed", "bytes"), size),
			 (uintmax_t)size_in(doc, "removed", "packs"),
			 size_in(doc, "removed", "packs") == 1 ? " was" : "s were");
	if (marked > 0)
		n += snprintf(ret + n, room - (size_t)n, ", %ju wait for writers to end",
			      (uintmax_t)marked);
	if (strcmp(shape_text(doc, "status"), "warnings") == 0)
		snprintf(ret + n, room - (size_t)n,
			 ", but %ju chunk%s missing and %ju pack%s cannot be read",
			 (uintmax_t)shape_size(doc, "missing"), are(shape_size(doc, "missing")),
			 (uintmax_t)shape_size(doc, "damaged"), plural(shape_size(doc, "damaged")));
}

static void check_text(const json_t *doc, char *ret, size_t room)
{
	char size[SIZE_TEXT];
	uint64_t problems = shape_size(doc, "problems");
	int n;
	if (problems > 0)
		n = snprintf(ret, room, "DAMAGE: %ju problem%s, %ju restore point%s hurt",
			     (uintmax_t)problems, plural(problems),
			     (uintmax_t)shape_size(doc, "hurt"), are(shape_size(doc, "hurt")));
	else if (shape_size(doc, "hurt") > 0)
		n = snprintf(ret, room,
			     "DAMAGE that was found before in the data of %ju restore point%s",
			     (uintmax_t)shape_size(doc, "hurt"), plural(shape_size(doc, "hurt")));
	else
		n = snprintf(ret, room, "no damage");
	n += snprintf(ret + n, room - (size_t)n, "; %s of data read, in %ju of %ju packs",
		      size_text(shape_size(doc, "data_read"), size),
		      (uintmax_t)shape_size(doc, "packs_read"),
		      (uintmax_t)shape_size(doc, "packs"));
	if (json_object_get(doc, "part"))
		snprintf(ret + n, room - (size_t)n, ": part %ju of %ju",
			 (uintmax_t)size_in(doc, "part", "number"),
			 (uintmax_t)size_in(doc, "part", "of"));
}

void upkeep_text(enum upkeep_task task, const json_t *doc, char ret[UPKEEP_TEXT])
{
	const char *status = shape_text(doc, "status");
	if (strcmp(status, "failed") == 0 || strcmp(status, "interrupted") == 0)
		snprintf(ret, UPKEEP_TEXT, "%s: %s", status, shape_text(doc, "why"));
	else
		(task == UPKEEP_PRUNE ? prune_text : check_text)(doc, ret, UPKEEP_TEXT);
}
