/* SPDX-License-Identifier: GPL-3.0-or-later */
/* run - see run.h: names and secrets of a run, and what it says of itself. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "run.h"
#include "lunette/hex.h"
#include "lunette/json.h"
#include "lunette/names.h"
#include "lunette/random.h"
#include "lunette/shape.h"

/* ---- names and secrets ------------------------------------------------------------------------
 */

/* This machine's name, in letters that a storage may be given. */
static void host_name(char *ret, size_t size)
{
	if (gethostname(ret, size) < 0 || !*ret)
		snprintf(ret, size, "proxy");
	ret[size - 1] = '\0';
	names_mend(ret);
}

void run_owner(const char *job, const char *id, char *ret, size_t size)
{
	char host[64];
	host_name(host, sizeof(host));
	snprintf(ret, size, "lunette/%s/%s/%s", host, job, id);
}

/* The digits behind the time are those of its second's fraction: ids are in the order of runs. */
static void make_names(struct run *run)
{
	char host[64], time_text[32] = "";
	const char *job = run->settings->name;
	struct timespec now = { 0 };
	struct tm utc;
	clock_gettime(CLOCK_REALTIME, &now);
	if (gmtime_r(&now.tv_sec, &utc))
		strftime(time_text, sizeof(time_text), "%Y%m%dT%H%M%SZ", &utc);
	unsigned int digits = (unsigned int)(((uint64_t)now.tv_nsec << 16) / 1000000000);
	snprintf(run->who.id, sizeof(run->who.id), "%s-%04x", time_text, digits & 0xffff);
	snprintf(run->who.name, sizeof(run->who.name), "%s-%s", job, run->who.id);
	run_owner(job, run->who.id, run->who.owner, sizeof(run->who.owner));
	host_name(host, sizeof(host));
	if (run->settings->initiator)
		snprintf(run->who.initiator, sizeof(run->who.initiator), "%s",
			 run->settings->initiator);
	else
		snprintf(run->who.initiator, sizeof(run->who.initiator),
			 "iqn.2026-11.lunette:%s.%s", host, job);
	/* Names of iSCSI are in small letters, without '_'. */
	for (char *c = run->who.initiator; *c; c++)
		*c = *c == '_' ? '-' : *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
}

/* Anew for each run; CHAP takes 12 to 16 characters everywhere. 31 of 256 is what 32 letters cost
 * not: each letter is as likely as the others. */
static int make_secrets(struct run *run, struct error *err)
{
	static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";
	unsigned char random[22];
	char user[] = "lunette-00000000", secret[17];
	int rc = random_bytes(random, sizeof(random), err);
	if (rc == 0)
		rc = settings_read_secrets(run->settings->secrets_file, &run->storage.secrets, err);
	if (rc < 0)
		return rc;
	hex_text(random + 16, 4, user + 8);
	for (int i = 0; i < 16; i++)
		secret[i] = letters[random[i] % 32];
	secret[16] = '\0';
	run->server.chap = json_pack("{s:s, s:s}", "chap_user", user, "chap_secret", secret);
	explicit_bzero(secret, sizeof(secret));
	if (!run->server.chap || json_object_update(run->storage.secrets, run->server.chap) < 0)
		return error_set(err, -ENOMEM, "secrets: %m");
	return 0;
}

/* ---- begin and end ----------------------------------------------------------------------------
 */

json_t *run_start(const struct run *run)
{
	const struct settings *s = run->settings;
	return json_pack(
		"{s:i, s:s, s:s, s:s, s:s, s:i, s:o, s:s, s:O, s:s*, s:s, s:s*, s:b, s:I, s:I}",
		"version", 1, "job", s->name, "run", run->who.id, "name", run->who.name, "owner",
		run->who.owner, "pid", (int)getpid(), "file", json_text(s->file), "plugin",
		s->plugin, "config", s->config, "secrets_file", s->secrets_file, "agent", s->agent,
		"agent_program", s->agent_program, "install_agent", s->install_agent,
		"storage_limit", (json_int_t)s->storage_limit, "agent_limit",
		(json_int_t)s->agent_limit);
}

static int introduce(struct run *run, struct error *err)
{
	run->log.warnings = json_array();
	make_names(run);
	return make_secrets(run, err);
}

int run_begin_check(struct run *run, struct error *err)
{
	int rc = introduce(run, err);
	return rc < 0 ? rc : story_open(NULL, true, &run->log.story, err);
}

/* One that cannot be read is none: the next backup reads all, and makes a new one. */
static int read_base(struct run *run, struct error *err)
{
	struct error why = { 0 };
	int rc = state_base_read(run->state, run->settings->name, &run->snapshot.base, &why);
	if (rc == -EUCLEAN)
		run_warn(run, "the base of the next delta cannot be used: %s", why.msg);
	return rc < 0 && rc != -EUCLEAN ? error_copy(err, rc, &why) : 0;
}

int run_begin(struct run *run, bool echo, struct error *err)
{
	int rc = introduce(run, err);
	if (rc < 0)
		return rc;
	CLEANUP(free_cleanup)
	char *log = state_run_file(run->state, run->settings->name, run->who.id, "log");
	CLEANUP(free_cleanup)
	char *journal = state_run_file(run->state, run->settings->name, run->who.id, "journal");
	if (!log || !journal)
		return error_set(err, -ENOMEM, "%m");
	rc = story_open(log, echo, &run->log.story, err);
	if (rc == 0)
		rc = journal_create(journal, &run->log.journal, err);
	if (rc == 0)
		rc = journal_note(run->log.journal, "start", run_start(run), err);
	return rc < 0 ? rc : read_base(run, err);
}

void run_drop_luns(struct run *run)
{
	for (size_t i = 0; i < run->snapshot.n_luns; i++) {
		struct run_lun *lun = &run->snapshot.luns[i];
		free(lun->volume);
		free(lun->snapshot);
		free(lun->lun);
		free(lun->identity);
		json_decref(lun->mapping);
	}
	free(run->snapshot.luns);
	run->snapshot.luns = NULL;
	run->snapshot.n_luns = 0;
}

void run_end(struct run *run)
{
	run_drop_luns(run);
	free(run->server.initiator);
	json_t *all[] = { run->log.warnings,   run->storage.secrets, run->server.chap,
			  run->server.info,    run->storage.array,   run->server.disks,
			  run->server.volumes, run->storage.volumes, run->snapshot.base,
			  run->server.frozen,  run->server.software, run->upkeep.done,
			  run->upkeep.note };
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		json_decref(all[i]);
	journal_close(run->log.journal);
	story_close(run->log.story);
}

/* ---- what it says of itself -------------------------------------------------------------------
 */

void run_warn(struct run *run, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	story_say(run->log.story, "WARNING: %s", text);
	json_array_append_new(run->log.warnings, json_text(text));
}

int run_intent(struct run *run, const char *call, json_t *members, struct error *err)
{
	if (members && json_object_set_new(members, "call", json_string(call)) < 0) {
		json_decref(members);
		members = NULL;
	}
	if (!run->log.journal) { /* who only checks makes nothing */
		json_decref(members);
		return 0;
	}
	return journal_note(run->log.journal, "intent", members, err);
}

/* The window is the storage's; a snapshot of the server itself has none. */
static bool is_window_exceeded(const struct run *run)
{
	return !run->server.software && shape_flag(run->server.frozen, "window_exceeded");
}

const char *run_consistency(const struct run *run)
{
	const char *reached = shape_text(
		run->server.software ? run->server.software : run->server.frozen, "consistency");
	if (is_window_exceeded(run))
		return "crash";
	if (strcmp(reached, "application") == 0 || strcmp(reached, "filesystem") == 0)
		return reached;
	return "crash";
}

const char *run_consistency_text(const struct run *run)
{
	const char *reached = run_consistency(run);
	if (is_window_exceeded(run))
		return "frozen, but the window was exceeded: crash consistent at most";
	if (strcmp(reached, "application") == 0)
		return "application consistent";
	return strcmp(reached, "filesystem") == 0 ? "file-system consistent" : "crash consistent";
}

static json_t *storage_facts(const struct run *run)
{
	json_t *luns = json_array();
	for (size_t i = 0; i < run->snapshot.n_luns; i++) {
		const struct run_lun *lun = &run->snapshot.luns[i];
		json_array_append_new(luns, json_pack("{s:s, s:s, s:s, s:s, s:s}", "device",
						      shape_text(lun->disk, "name"), "identity",
						      shape_text(lun->disk, "identity"), "volume",
						      lun->volume, "snapshot", lun->snapshot, "lun",
						      lun->identity));
	}
	return json_pack("{s:s, s:s, s:s, s:o}", "vendor", shape_text(run->storage.array, "vendor"),
			 "product", shape_text(run->storage.array, "product"), "id",
			 shape_text(run->storage.array, "id"), "luns", luns);
}

static json_t *software_facts(const struct run *run)
{
	json_t *disks = json_array();
	for (size_t i = 0; i < run->snapshot.n_luns; i++) {
		const json_t *disk = run->snapshot.luns[i].disk;
		json_array_append_new(disks,
				      json_pack("{s:s, s:s, s:s}", "name", shape_text(disk, "name"),
						"device", shape_text(disk, "original"), "snapshot",
						shape_text(disk, "export")));
	}
	return json_pack("{s:o}", "disks", disks);
}

json_t *run_facts(const struct run *run)
{
	const char *host = shape_text(json_object_get(run->server.info, "host"), "name");
	json_t *facts = json_pack("{s:s, s:s, s:{s:s, s:s}}", "host", host, "consistency",
				  run_consistency(run), "job", "name", run->settings->name, "run",
				  run->who.id);
	if (!facts)
		return NULL;
	int rc = run->server.software
			 ? json_object_set_new(facts, "software_snapshot", software_facts(run))
			 : json_object_set_new(facts, "storage", storage_facts(run));
	if (rc == 0 && is_window_exceeded(run))
		rc = json_object_set_new(facts, "window_exceeded", json_true());
	if (rc == 0)
		return facts;
	json_decref(facts);
	return NULL;
}
