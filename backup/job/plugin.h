/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * plugin - a storage plug-in, as contrib/plugins/PROTOCOL.md has it: a function for each verb.
 *
 * Each result has been checked against the shape that the protocol says, and where a reply answers
 * a list, against that list. What it claims of the storage is not believed for that: whoever asks
 * compares. A plug-in that missed a deadline or went away is started anew by the next call: the
 * state of the storage is never in its memory alone.
 */
#ifndef JOB_PLUGIN_H
#define JOB_PLUGIN_H

#include <jansson.h>

#include "lunette/lines.h"

struct shape;

#define PLUGIN_EXTENTS_MAX 16384u /* in one reply */
#define PLUGIN_OBJECTS_MAX 65536u /* in a list */
#define PLUGIN_ID_MAX      1023u  /* bytes of what the storage calls something */

/**
 * struct plugin_options - which one, and for whom
 * @path: of the executable
 * @config: object of texts, of the job file
 * @secrets: object of texts
 * @owner: lunette/HOST/JOB/RUN
 * @log, @ctx, @stop: as in struct lines_options
 *
 * Everything must outlive the plug-in.
 */
struct plugin_options {
	const char *path;
	const json_t *config;
	const json_t *secrets;
	const char *owner;
	void (*log)(void *ctx, const char *line);
	void *ctx;
	const atomic_bool *stop;
};

struct plugin;

/* Starts it, and asks `info`: -EPROTONOSUPPORT when it does not speak version 1. */
int plugin_open(const struct plugin_options *options, struct plugin **ret, struct error *err);
void plugin_close(struct plugin *plugin); /* may be NULL */
DEFINE_CLEANUP(struct plugin *, plugin_close)

void plugin_ignore_stop(struct plugin *plugin);
bool plugin_may_retry(const struct plugin *plugin);

/* What `info` said. */
const json_t *plugin_info(const struct plugin *plugin);

/* What the result of a verb must look like; NULL when there is no such verb. */
const struct shape *plugin_shape(const char *verb);

struct plugin_capabilities {
	bool group;
	bool delta;
	bool allocated;
	bool chap;
	bool initiators;
	uint64_t snapshots_per_volume; /* 0: no limit */
};

int plugin_capabilities(struct plugin *plugin, unsigned int limit_ms,
			struct plugin_capabilities *ret, struct error *err);

/* All results that are json_t are new references. */

/* {"vendor","product","id"} */
int plugin_probe(struct plugin *plugin, unsigned int limit_ms, json_t **ret, struct error *err);

/* @luns: [{"identity","size"}]. @ret: [{"identity","volume","size"}], as many and in that order. */
int plugin_resolve(struct plugin *plugin, const json_t *luns, unsigned int limit_ms, json_t **ret,
		   struct error *err);

/* @volumes: ["..."] */
int plugin_prepare(struct plugin *plugin, const char *name, const json_t *volumes,
		   unsigned int limit_ms, struct error *err);

/* @ret: [{"volume","snapshot","size","created"}], as many as @volumes and in that order. */
int plugin_commit(struct plugin *plugin, const char *name, const json_t *volumes,
		  unsigned int limit_ms, json_t **ret, struct error *err);

int plugin_abort(struct plugin *plugin, const char *name, unsigned int limit_ms, struct error *err);

/* @ret: {"lun","size","identity"} */
int plugin_lun_create(struct plugin *plugin, const char *name, const char *snapshot,
		      unsigned int limit_ms, json_t **ret, struct error *err);

/* @ret: {"portals","target","number","identity","chap"} */
int plugin_map(struct plugin *plugin, const char *lun, const char *initiator, unsigned int limit_ms,
	       json_t **ret, struct error *err);

int plugin_unmap(struct plugin *plugin, const char *lun, const char *initiator,
		 unsigned int limit_ms, struct error *err);
int plugin_lun_delete(struct plugin *plugin, const char *lun, unsigned int limit_ms,
		      struct error *err);
int plugin_snap_delete(struct plugin *plugin, const char *snapshot, unsigned int limit_ms,
		       struct error *err);

/**
 * plugin_list() - what there is on the storage
 * @all: of every lunette owner; else of our HOST/JOB alone, also when the plug-in tells of more
 * @ret: array of objects; "kind", "id" and "owner" are in each
 */
int plugin_list(struct plugin *plugin, bool all, unsigned int limit_ms, json_t **ret,
		struct error *err);

/**
 * plugin_allocated(), plugin_delta() - ranges of a snapshot, from @start
 * @ret: [[START,LENGTH],...], sorted and not overlapping, none before @start
 * @ret_next: where the next call starts, after @start; UINT64_MAX at the end
 */
int plugin_allocated(struct plugin *plugin, const char *snapshot, uint64_t start,
		     unsigned int limit_ms, json_t **ret, uint64_t *ret_next, struct error *err);
int plugin_delta(struct plugin *plugin, const char *from, const char *to, uint64_t start,
		 unsigned int limit_ms, json_t **ret, uint64_t *ret_next, struct error *err);

#endif
