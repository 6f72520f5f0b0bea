/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * settings - what a job file says, checked completely before anything is touched.
 *
 * It is an INI file; the one table in settings.c says which sections and keys there are, and what
 * they may hold. Every mistake is found at once and told with its line. Secrets are never in it:
 * it names the files that hold them.
 */
#ifndef LUNETTE_SETTINGS_H
#define LUNETTE_SETTINGS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lunette/error.h"
#include "lunette/util.h"
#include "lunette/retention.h"
#include "lunette/upkeep.h"

#define SETTINGS_JOB_NAME_MAX 32 /* so that the names of its snapshots fit into 63 */
#define SETTINGS_THREADS_MAX  64

/* A list of texts; both it and they are owned. */
struct settings_list {
	size_t n;
	char **items;
};

/**
 * struct settings - a job
 *
 * Times are milliseconds. Texts are NULL when the file does not have them and there is no default.
 */
struct settings {
	char *file; /* absolute, as are all paths in it */

	/* [job] */
	char *name;
	char *repository;
	char *password_file;
	char *point_name; /* what restore points are called; default: the job's name */
	char *initiator;  /* our iSCSI name; default: made of host and job */

	/* [server] */
	char *agent;         /* "local", or "ssh:[USER@]HOST" */
	bool install_agent;  /* bring it through ssh, or replace what is there */
	char *agent_program; /* default: lunette-agent beside us, or on the server's $PATH */
	struct settings_list volumes;
	bool cluster;
	char *pre_freeze; /* paths on the server */
	char *post_thaw;
	unsigned int hook_limit;

	/* [disks] {"DEVICE":"IDENTITY"} */
	json_t *disks;

	/* [storage] */
	char *plugin; /* path of the executable */
	char *secrets_file;
	json_t *config;       /* {"KEY":"VALUE"}: all else in the section */
	json_t *config_lines; /* {"KEY":LINE} */

	/* [limits] */
	unsigned int snapshot_limit;
	unsigned int commit_limit;
	unsigned int freeze_limit;
	unsigned int storage_limit; /* of every other call of the plug-in */
	unsigned int agent_limit;   /* and of the agent */
	unsigned int snapshots;     /* per volume of the array */

	/* [policy] */
	bool failover;

	/* [backup] */
	bool whole_disks; /* not only the volumes that are named */
	bool only_known;  /* and nothing of what lies outside of known volumes */
	struct settings_list exclude;
	int level;            /* 0: the repository's */
	uint64_t limit;       /* bytes a second; 0: none */
	uint64_t memory;      /* bytes; 0: the writer's default */
	unsigned int threads; /* 0: one a processor */
	bool delta;
	double verify_changed; /* percent */
	unsigned int full_every;

	/* [retention] */
	struct retention_policy retention;

	/* [upkeep] of the repository */
	enum upkeep_when prune;
	enum upkeep_when check;
	struct check_portion read_data;

	/* [hooks], on the proxy */
	char *before;
	char *after;

	/* [notify] */
	char *notify;
	bool notify_always;
	char *prometheus_file;
};

/**
 * settings_read() - read a job file and check all that can be checked without asking anybody
 * @tell: called for each mistake, with "FILE:LINE: ..."; may be NULL
 * @ret: to be freed with settings_free()
 *
 * Return: 0; -EINVAL when there are mistakes: @err says how many; -ENOENT...
 */
int settings_read(const char *path, void (*tell)(void *ctx, const char *mistake), void *ctx,
		  struct settings **ret, struct error *err);
void settings_free(struct settings *settings); /* may be NULL */
DEFINE_CLEANUP(struct settings *, settings_free)

/**
 * settings_check_plugin() - compare [storage] with what the plug-in says that it wants
 * @info: of the plug-in
 * @secrets: of the secrets file; may be NULL
 *
 * Return: 0; -EINVAL: @tell has been called for each mistake.
 */
int settings_check_plugin(const struct settings *settings, const json_t *info,
			  const json_t *secrets, void (*tell)(void *ctx, const char *mistake),
			  void *ctx, struct error *err);

/**
 * settings_read_secrets() - read a secrets file: KEY = VALUE lines
 * @path: may be NULL: there are none
 * @ret: an object of texts, a new reference
 *
 * Return: 0; -EACCES when others may read the file; -EINVAL; ...
 */
int settings_read_secrets(const char *path, json_t **ret, struct error *err);

#endif
