/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * run - one run of a snapshot job: what it has in its hands while the steps of steps.c do their
 * work.
 *
 * Whatever is made on the storage or the server is announced in the journal first. The steps go
 * down their table once, and then always up again: the way up is the end of a good run, of a failed
 * one and of one that was told to stop. Whoever dies on the way leaves a journal, by which
 * recover.c goes up in his place.
 */
#ifndef JOB_RUN_H
#define JOB_RUN_H

#include <jansson.h>
#include <stdatomic.h>

#include "lunette/backup.h"
#include "lunette/journal.h"
#include "plugin.h"
#include "server.h"
#include "lunette/settings.h"
#include "lunette/state.h"
#include "lunette/story.h"
#include "lunette/upkeep.h"

/**
 * struct run_lun - a disk of the server, and the LUN that shows its snapshot
 * @disk: as the agent prepared it; borrowed from run.server.disks, or from run.server.software
 * @volume: what the storage calls it
 * @snapshot, @lun, @identity: "" until there is one; NUL-terminated, owned
 * @mapped_server, @mapped: to whom it is, or may be, mapped
 */
struct run_lun {
	const json_t *disk;
	char *volume;
	char *snapshot;
	char *lun;
	char *identity;
	bool mapped_server, mapped;
	json_t *mapping; /* for us: what `map` said */
	struct source *source;
};

/**
 * struct run_who - under which names the run is known; made by run_begin()
 * @id: 20261122T170000Z-1a2b, the last part of @owner
 * @name: of the session, and the prefix of all names: JOB-ID
 * @owner: lunette/HOST/JOB/ID
 * @initiator: by which this machine logs in to LUNs
 */
struct run_who {
	char id[32];
	char name[64];
	char owner[256];
	char initiator[224];
};

/**
 * struct run_log - what the run tells; made by run_begin()
 * @warnings: texts
 * @failed: a step has said why it failed
 */
struct run_log {
	struct story *story;
	struct journal *journal;
	json_t *warnings;
	bool failed;
};

/**
 * struct run_server - the protected server
 * @link: to its agent; of the step `agent`, as @info
 * @info: what the agent said of the server
 * @chap: what the server proves itself to the storage with; of run_begin()
 * @initiator: by which the server logs in to LUNs; of the step `server`
 * @disks: what the agent prepared, and holds it; of the step `disks`, as @volumes
 * @volumes: what is frozen
 * @frozen: what the agent said of the freeze; NULL: nothing was frozen, or it did not say; of the
 *          step `snapshot`
 * @software: what the agent said of a snapshot of its own; of the step `software`
 * @freezing: it was told to freeze, and did not say that it has thawed
 */
struct run_server {
	struct server *link;
	json_t *info;
	json_t *chap;
	char *initiator;
	json_t *disks;
	json_t *volumes;
	json_t *frozen;
	json_t *software;
	bool freezing;
};

/**
 * struct run_storage - the array behind its plug-in; of the step `storage`
 * @array: what `probe` said
 * @secrets: those of the file, and CHAP; of run_begin()
 * @volumes: of the storage: texts, one a LUN; of the step `disks`
 * @reservation: descriptor, or -1; of the step `reserve`
 * @asked: it can be asked, so that it is swept at the end
 * @leaked: objects that could not be removed
 */
struct run_storage {
	struct plugin *plugin;
	struct plugin_capabilities can;
	json_t *array;
	json_t *secrets;
	json_t *volumes;
	int reservation;
	bool asked;
	size_t leaked;
};

/**
 * struct run_snapshot - how far it is, and what shows it
 * @reserved: `prepare` was begun
 * @committed: `commit` was begun
 * @sure: and answered, so that the snapshots are known by name
 * @keep: the new snapshots are the base of the next delta, and stay
 * @failed_over: the storage has failed, and the server takes the snapshot itself
 * @base: the one of the last run, or NULL
 * @luns: @n_luns of them, of the step `disks`; those of run_server.software, with nothing of the
 *        storage, when @failed_over
 */
struct run_snapshot {
	bool reserved;
	bool committed;
	bool sure;
	bool keep;
	bool failed_over;
	json_t *base;
	size_t n_luns;
	struct run_lun *luns;
};

/**
 * struct run_point - what becomes a restore point; of the steps `connect` and `backup`
 * @repo: of the step `repository`
 * @stored: there is a restore point
 */
struct run_point {
	struct repo *repo;
	struct layout *layout;
	struct plan *plan;
	struct parent *parent;
	struct backup_result result;
	bool stored;
};

/**
 * struct run_upkeep - what was done for the repository behind the last step; of upkeep_run()
 * @done: a document for each task that was done, by its name; NULL: nothing was to be done
 * @note: what has been noted of the repository
 */
struct run_upkeep {
	json_t *done;
	json_t *note;
};

/**
 * struct run - see above. The first four are what is asked for; a group belongs to who makes it
 */
struct run {
	const struct settings *settings;
	const char *state;
	const atomic_bool *stop;
	unsigned int threads;
	struct run_who who;
	struct run_log log;
	struct run_server server;
	struct run_storage storage;
	struct run_snapshot snapshot;
	struct run_point point;
	struct run_upkeep upkeep;
};

/**
 * run_begin() - a name, secrets, a log and a journal for a new run
 * @run: settings, state, stop and threads are set; all else is zero
 * @echo: the story goes to standard error too
 */
int run_begin(struct run *run, bool echo, struct error *err);

/* The same for who only looks: no log, no journal. */
int run_begin_check(struct run *run, struct error *err);

/* All that is needed to clean up after the run, without the job file. To be decref'd. */
json_t *run_start(const struct run *run);

/* Frees what is still there; secrets are wiped with the process. */
void run_end(struct run *run);

/* Forgets the LUNs, of which none may be open. */
void run_drop_luns(struct run *run);

/* The owner HOST/JOB/ID of a run; HOST is this machine's name in allowed letters. */
void run_owner(const char *job, const char *id, char *ret, size_t size);

/* A warning: told, noted, and the run ends with status 3 at best. */
void run_warn(struct run *run, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Announces that something is going to be made or removed; @members as journal_note(). */
int run_intent(struct run *run, const char *call, json_t *members, struct error *err);

/* "application", "filesystem" or "crash": what may be promised of the snapshot. */
const char *run_consistency(const struct run *run);

/* The same as people read it; says so when the window was exceeded. */
const char *run_consistency_text(const struct run *run);

/* One word about each LUN and where it came from, for the manifest. To be decref'd. */
json_t *run_facts(const struct run *run);

/* ---- the steps, by what they deal with ---- */

int step_repository(struct run *run, struct error *err);
int step_repository_undo(struct run *run, struct error *err);
int step_agent(struct run *run, struct error *err);
int step_agent_undo(struct run *run, struct error *err);
int step_storage(struct run *run, struct error *err);
int step_storage_undo(struct run *run, struct error *err);
int step_disks(struct run *run, struct error *err);
int step_disks_undo(struct run *run, struct error *err);
int step_reserve(struct run *run, struct error *err);
int step_reserve_undo(struct run *run, struct error *err);
int step_snapshot(struct run *run, struct error *err);
int step_snapshot_undo(struct run *run, struct error *err);
int step_luns(struct run *run, struct error *err);
int step_luns_undo(struct run *run, struct error *err);
int step_server(struct run *run, struct error *err);
int step_server_undo(struct run *run, struct error *err);
int step_software(struct run *run, struct error *err);
int step_software_undo(struct run *run, struct error *err);
int step_map(struct run *run, struct error *err);
int step_map_undo(struct run *run, struct error *err);
int step_connect(struct run *run, struct error *err);
int step_connect_undo(struct run *run, struct error *err);
int step_backup(struct run *run, struct error *err);
int step_backup_undo(struct run *run, struct error *err);
int step_complete(struct run *run, struct error *err);

#endif
