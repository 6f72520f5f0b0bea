/* SPDX-License-Identifier: GPL-3.0-or-later */
/* conform-private - what the parts of conform share. */
#ifndef JOB_CONFORM_PRIVATE_H
#define JOB_CONFORM_PRIVATE_H

#include "lunette/conform.h"
#include "lunette/lines.h"
#include "lunette/json.h"
#include "lunette/source.h"
#include "lunette/code.h"
#include "lunette/message.h"
#include "plugin.h"
#include "lunette/shape.h"

/* Paragraphs of PROTOCOL.md. */
#define P_RUN      "How it is run"
#define P_CODES    "How it is run, codes"
#define P_REQUEST  "Every request"
#define P_SECRETS  "Every request, secrets"
#define P_NAMES    "Every request, names"
#define P_VERB(v)  "Verbs, `" v "`"
#define P_CLEAN_UP "What the job does with it"

#define CONFORM_NAME_SIZE 64

/**
 * struct conform - a test that is running
 * @lines: the plug-in; NULL or dead: the next call starts it
 * @secrets: those of the options, with chap_user and chap_secret
 * @err: what the last call said
 * @capabilities: what it said it can
 * @volumes: what `resolve` made of the identities: [{"identity","volume","size"}]
 * @names: their "volume"s, as prepare and commit want them
 * @took_ms: how long a call of each verb took, by name
 */
struct conform {
	const struct conform_options *o;
	struct lines *lines;
	json_t *secrets;
	char owner[256];
	char other_owner[256];
	char tag[16];
	struct error err;
	struct plugin_capabilities can;
	json_t *info;
	json_t *volumes;
	json_t *names;
	json_t *took_ms;
	bool leaked;
	size_t n_failed;
	char name[CONFORM_NAME_SIZE];
};

#define CONFORM_JSON CLEANUP(json_decref_cleanup) json_t

/* ---- conform-call.c ---- */

/* Reports that @what holds, or with the rest of the arguments why not. Returns @holds. */
bool conform_check(struct conform *c, bool holds, const char *what, const char *paragraph,
		   const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void conform_skip(struct conform *c, const char *what, const char *paragraph, const char *why);

/**
 * conform_call() - ask the plug-in, with our configuration and owner unless @params has one
 * @params: stolen
 * @ret: NULL, or a new reference when it succeeded
 *
 * Return: 0; what its code stands for; -EPROTO also when the result does not have its shape.
 */
int conform_call(struct conform *c, const char *verb, json_t *params, json_t **ret);

/* The same, and its result is of interest only if it succeeded. */
int conform_do(struct conform *c, const char *verb, json_t *params);

/* Reports whether a call ended as it should: with @code, NULL for success. */
bool conform_ended(struct conform *c, int rc, const char *code, const char *what,
		   const char *paragraph);

/* Reports whether it ended INTERNAL, with a message that has @param in it. */
bool conform_named_wrong(struct conform *c, int rc, const char *verb, const char *param,
			 const char *what);

/* Sends a request, and kills the plug-in after @us microseconds. */
void conform_kill(struct conform *c, const char *verb, json_t *params, unsigned int us);

/* Ends the plug-in, so that the next call starts another. */
void conform_restart(struct conform *c);

bool conform_stopped(const struct conform *c);

/* A name of ours: "lt-TAG-WHAT". The caller's buffer has CONFORM_NAME_SIZE bytes. */
const char *conform_name(const struct conform *c, const char *what, char *buf);

/* Parameters of verbs. */
json_t *conform_named(const char *name);
json_t *conform_set(const struct conform *c, const char *name);
json_t *conform_new_lun(const char *name, const char *snapshot);
json_t *conform_lun(const char *lun, const char *initiator);
json_t *conform_as(json_t *params, const char *owner);

/* How many objects of this kind, and with this id if not NULL, are in the list; -1: it failed. */
int conform_count(struct conform *c, const char *owner, bool all, const char *kind, const char *id);

/* Makes a snapshot: @ret is what `commit` said. */
int conform_take(struct conform *c, const char *name, json_t **ret);
const char *conform_snapshot(const json_t *taken, size_t i);

/* Removes everything of ours, as a job after a crash does. How many were there; -1: it failed. */
int conform_clean_up(struct conform *c);

/* ---- the parts: each leaves nothing behind ---- */

void conform_hello(struct conform *c);
void conform_protocol(struct conform *c);
void conform_storage(struct conform *c);
void conform_life(struct conform *c);
void conform_names(struct conform *c);
void conform_owners(struct conform *c);
void conform_luns(struct conform *c);
void conform_content(struct conform *c);
void conform_kills(struct conform *c);

/* ---- conform-lun.c ---- */

/**
 * struct shown - a snapshot as a LUN that we are connected to
 */
struct shown {
	char lun[PLUGIN_ID_MAX + 1];
	char identity[PLUGIN_ID_MAX + 1];
	json_t *map;
	struct source *source;
};

/* Connects to what `map` said. @secret NULL: without CHAP. */
int conform_connect(unsigned int limit_ms, const json_t *map, const char *initiator,
		    const char *user, const char *secret, struct source **ret, struct error *err);

/* lun-create, map, and connect. */
int conform_show(struct conform *c, const char *name, const char *snapshot, struct shown *ret);
void conform_hide(struct conform *c, struct shown *shown);

#endif
