/* SPDX-License-Identifier: GPL-3.0-or-later */
/* upkeep - what `prune` and `check` note of themselves, for those who ask when it was done last:
 * `list`, jobs, and Prometheus. */
#include <stdio.h>

#include "cmd.h"
#include "lunette/json.h"
#include "lunette/state.h"

static const struct option_row rows[] = {
	{ "state", "DIR",
	  "where it is noted what was done; else $LUNETTE_STATE, else /var/lib/lunette, if it is there",
	  OPTION_ENV(struct cmd_upkeep, state, "LUNETTE_STATE") },
	{ "prometheus-file", "FILE",
	  "write what was done last to FILE, for the text file collector of the node exporter; else to "
	  "$LUNETTE_PROMETHEUS_FILE",
	  OPTION_ENV(struct cmd_upkeep, prometheus_file, "LUNETTE_PROMETHEUS_FILE") },
	{ 0 },
};

const struct option_group cmd_upkeep_options = { .rows = rows };

/* Who has not said where is not bothered on a machine, or as a user, that keeps no notes. */
static bool is_noted(const struct cmd_upkeep *upkeep)
{
	return upkeep->state.text || access(state_path(NULL), W_OK) == 0;
}

int cmd_upkeep_choose(const struct cmd_upkeep *upkeep, const struct repo *repo,
		      struct check_portion *portion, struct error *err)
{
	if (portion->parts == 0 || portion->part > 0)
		return 0;
	return upkeep_choose(state_path(upkeep->state.text), repo_id(repo), portion, err);
}

void cmd_upkeep_note(const struct cmd_upkeep *upkeep, const struct repo *repo,
		     enum upkeep_task task, json_t *document)
{
	CLEANUP(json_decref_cleanup) json_t *doc = document, *note = NULL;
	struct error err = { 0 };
	int rc = 0;
	if (is_noted(upkeep))
		rc = upkeep_note(state_path(upkeep->state.text), repo_id(repo), task, doc, &note,
				 &err);
	if (rc < 0)
		cmd_warn("what was done is not noted: %s", err.msg);
	if (!upkeep->prometheus_file.text)
		return;
	if (!note)
		note = upkeep_add(NULL, task, doc);
	if (upkeep_metrics(upkeep->prometheus_file.text, repo_path(repo), note, &err) < 0)
		cmd_warn("%s", err.msg);
}

json_t *cmd_upkeep_done(const struct repo *repo)
{
	CLEANUP(json_decref_cleanup) json_t *note = NULL;
	if (upkeep_read(state_path(NULL), repo_id(repo), &note, NULL) < 0)
		return NULL;
	json_t *done = json_object();
	for (enum upkeep_task task = 0; task < UPKEEP_TASKS; task++) {
		json_t *document = json_object_get(note, upkeep_name(task));
		if (json_is_object(document))
			json_object_set(done, upkeep_name(task), document);
	}
	if (json_object_size(done) > 0)
		return done;
	json_decref(done);
	return NULL;
}

void cmd_upkeep_put(const json_t *done)
{
	for (enum upkeep_task task = 0; task < UPKEEP_TASKS; task++) {
		char text[UPKEEP_TEXT];
		const json_t *document = json_object_get(done, upkeep_name(task));
		if (!document)
			continue;
		upkeep_text(task, document, text);
		printf("last %s ", upkeep_name(task));
		cmd_put(stdout, cmd_json_text(document, "time"), 0);
		fputs(": ", stdout);
		cmd_put(stdout, text, 0);
		putchar('\n');
	}
}
