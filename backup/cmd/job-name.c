/* SPDX-License-Identifier: GPL-3.0-or-later */
/* job-name - which job is meant: by its name, or by its file. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "job-private.h"
#include "lunette/names.h"
#include "lunette/settings.h"
#include "lunette/state.h"

const char *job_folder(void)
{
	const char *given = getenv("LUNETTE_JOBS");
	return given && *given ? given : JOB_FOLDER;
}

int job_file(const char *word, char ret[PATH_MAX], struct error *err)
{
	if (strchr(word, '/') || access(word, F_OK) == 0) {
		int n = snprintf(ret, PATH_MAX, "%s", word);
		return n < PATH_MAX ? 0 : error_set(err, -ENAMETOOLONG, "job file: %m");
	}
	int n = snprintf(ret, PATH_MAX, "%s/%s.conf", job_folder(), word);
	if (n >= PATH_MAX || !names_ok(word) || access(ret, F_OK) < 0)
		return error_set(err, -ENOENT, "there is neither a file '%s' nor '%s/%s.conf'",
				 word, job_folder(), word);
	return 0;
}

void job_tell_mistake(void *ctx, const char *mistake)
{
	(void)ctx;
	cmd_say("", mistake);
}

int job_name(const char *state, const char *word, char **ret, struct error *err)
{
	char file[PATH_MAX];
	CLEANUP(settings_free_cleanup) struct settings *settings = NULL;
	bool known = names_ok(word) && state_has_job(state, word);
	int rc = known ? 0 : job_file(word, file, NULL);
	if (rc < 0)
		return error_set(err, rc,
				 "there is no job '%s' in '%s', and no job file of that name", word,
				 state);
	if (!known)
		rc = settings_read(file, job_tell_mistake, NULL, &settings, err);
	if (rc < 0)
		return rc;
	*ret = strdup(known ? word : settings->name);
	return *ret ? 0 : error_set(err, -ENOMEM, "%m");
}
