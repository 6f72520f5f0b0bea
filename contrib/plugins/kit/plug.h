/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * plug - what every storage plug-in in C needs: the lines of the protocol, its codes, its rules for
 * parameters (PROTOCOL.md). A plug-in is a table of verbs and a table of settings.
 *
 * Its one idea: a verb is a function that gets a request and returns a result or an error, as all
 * functions here do. The errno of the error is the protocol's code, by one table (lunette/code.h).
 */
#ifndef LUNETTE_PLUG_H
#define LUNETTE_PLUG_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lunette/error.h"
#include "lunette/json.h"
#include "lunette/names.h"
#include "lunette/util.h"

/* Most extents in one reply. */
#define PLUG_EXTENTS_MAX 16384

/**
 * struct plug_request - one call
 * @params: object; @config and @owner are in it
 * @config: object; NULL for info
 * @owner: well formed; NULL for info
 * @deadline: when the caller stops waiting, by clock_now_ms()
 */
struct plug_request {
	const json_t *params;
	const json_t *config;
	const char *owner;
	int64_t deadline;
};

/**
 * struct plug_verb - what a verb does
 * @run: on success @ret is a new object
 */
struct plug_verb {
	const char *name;
	int (*run)(const struct plug_request *request, json_t **ret, struct error *err);
};

struct plug_setting {
	const char *name;
	bool required;
	bool secret;
	const char *description;
};

/**
 * struct plug - a plug-in
 * @verbs: all but info; ends with a NULL name
 * @settings: ends with a NULL name
 */
struct plug {
	const char *name;
	const char *description;
	const struct plug_verb *verbs;
	const struct plug_setting *settings;
};

/**
 * plug_main() - be that plug-in: `--protocol 1` or `VERB`
 *
 * Return: the exit status.
 */
int plug_main(const struct plug *plug, int argc, char **argv);

/* ---- plug-param.c: strings live as long as the request ---- */

/* A text that must be there and not empty. */
int plug_text(const struct plug_request *request, const char *param, const char **ret,
	      struct error *err);

/* A text by the rules of names. */
int plug_name(const struct plug_request *request, const char *param, const char **ret,
	      struct error *err);

/* An iSCSI name: what can go neither into a command of the target nor between its lines is refused.
 */
int plug_initiator(const struct plug_request *request, const char **ret, struct error *err);

/* A list that must be there and not empty, of at most 4096. */
int plug_list(const struct plug_request *request, const char *param, const json_t **ret,
	      struct error *err);

/* A size or offset; 0 when it is not there. */
int plug_offset(const struct plug_request *request, const char *param, uint64_t *ret,
		struct error *err);

/* What the job file says, or @otherwise; without @otherwise it must say something. */
int plug_config(const struct plug_request *request, const char *setting, const char *otherwise,
		const char **ret, struct error *err);

/* One of the job's secrets; NULL when there is none of that name. */
const char *plug_secret(const char *name);

/* Takes the secrets over, see secret_inherited(). */
int plug_read_secrets(struct error *err);

/* ---- plug-guard.c ---- */

/* A process that undoes something when this one is done, or dead. */
struct plug_guard {
	pid_t child;
	int pipe;
};

/**
 * plug_guard_begin() - have @undo called at plug_guard_end(), or after @ms, or when we die
 * @undo: runs in the other process
 */
int plug_guard_begin(struct plug_guard *ret, int ms, void (*undo)(void *), void *arg,
		     struct error *err);

/* Returns when it is undone; -EBUSY when that was before, because the time was over. */
int plug_guard_end(struct plug_guard *guard, struct error *err);

/* ---- plug-extents.c ---- */

/**
 * struct plug_extents - a page of a reply of `allocated` or `delta` that is being made
 * @list: an empty array
 */
struct plug_extents {
	json_t *list;
	uint64_t start;
	uint64_t end;
};

/* Adds a range behind the last one; false when the page is full. */
bool plug_extents_add(struct plug_extents *page, uint64_t len, uint64_t start);

/* The reply; @next is where the following page starts when there is @more. */
json_t *plug_extents_reply(struct plug_extents *page, bool more, uint64_t next);

#endif
