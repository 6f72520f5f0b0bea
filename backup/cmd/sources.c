/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sources - SOURCE arguments: how LUNs are reached, and opening all of a server's disks. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "lunette/filesystem.h"

/* The last one that was named counts. */
static int read_secret(const char *path, char **ret, struct error *err)
{
	CLEANUP(cmd_secret_free_cleanup) char *before = *ret;
	*ret = NULL;
	return cmd_secret_line(path, "secret file", ret, err);
}

int cmd_sources_option(struct cmd_sources *sources, int opt, const char *arg, struct error *err)
{
	struct source_options *o = &sources->options;
	switch (opt) {
	case CMD_OPT_INITIATOR:
		o->initiator = arg;
		return 0;
	case CMD_OPT_CHAP_SECRET_FILE:
		return read_secret(arg, &sources->chap_secret, err);
	case CMD_OPT_MUTUAL_USER:
		o->mutual_user = arg;
		return 0;
	case CMD_OPT_MUTUAL_SECRET_FILE:
		return read_secret(arg, &sources->mutual_secret, err);
	case CMD_OPT_TIMEOUT: {
		char *end;
		unsigned long n = strtoul(arg, &end, 10);
		if (*arg < '0' || *arg > '9' || *end || n < 1 || n > 86400)
			return cmd_usage(err, "--timeout '%s': seconds, from 1 to 86400", arg);
		o->timeout_s = (unsigned int)n;
		return 0;
	}
	case CMD_OPT_HEADER_DIGEST:
		o->header_digest = true;
		return 0;
	case CMD_OPT_DATA_DIGEST:
		o->data_digest = true;
		return 0;
	default:
		return 1;
	}
}

static int find_secrets(struct cmd_sources *sources, struct error *err)
{
	struct source_options *o = &sources->options;
	o->chap_secret =
		sources->chap_secret ? sources->chap_secret : getenv("LUNETTE_CHAP_SECRET");
	o->mutual_secret = sources->mutual_secret ? sources->mutual_secret
						  : getenv("LUNETTE_CHAP_MUTUAL_SECRET");
	if (o->mutual_user && !o->mutual_secret)
		return cmd_usage(err, "--chap-mutual-user needs --chap-mutual-secret-file or "
				      "$LUNETTE_CHAP_MUTUAL_SECRET");
	return 0;
}

/* One disk in two places would be taken for two clones, and stored twice. */
static int check_twice(const struct cmd_sources *sources, const struct source *new,
		       struct error *err)
{
	for (size_t i = 0; i < sources->n; i++) {
		const struct source *old = sources->sources[i];
		if (strcmp(old->spec, new->spec) == 0)
			return error_set(err, -EINVAL, "'%s' is given twice", new->spec);
		if (*new->id && strcmp(old->id, new->id) == 0)
			return error_set(err, -EINVAL, "'%s' and '%s' are the same LUN (%s)",
					 old->spec, new->spec, new->id);
	}
	return 0;
}

int cmd_sources_open(struct cmd_sources *sources, char **specs, size_t n, struct layout **ret,
		     struct error *err)
{
	int rc = find_secrets(sources, err);
	if (rc)
		return rc;
	sources->sources = calloc(n, sizeof(*sources->sources));
	CLEANUP(free_cleanup) struct layout_input *inputs = calloc(n, sizeof(*inputs));
	if (!sources->sources || !inputs)
		return error_set(err, -ENOMEM, "open %zu disks: %m", n);
	for (size_t i = 0; i < n; i++) {
		rc = source_open(specs[i], &sources->options, &sources->sources[i], err);
		if (rc < 0)
			return rc;
		rc = check_twice(sources, sources->sources[i], err);
		sources->n = i + 1;
		if (rc < 0)
			return rc;
		inputs[i] = (struct layout_input){ .blk = sources->sources[i]->blk,
						   .source = sources->sources[i]->spec };
	}
	CLEANUP(layout_free_cleanup) struct layout *layout = NULL;
	rc = layout_new(inputs, n, &layout, err);
	if (rc < 0)
		return rc;
	rc = fs_identify(layout, err);
	if (rc < 0)
		return rc;
	*ret = steal(&layout);
	return 0;
}

void cmd_sources_free(struct cmd_sources *sources)
{
	for (size_t i = 0; i < sources->n; i++)
		source_free(sources->sources[i]);
	free(sources->sources);
	cmd_secret_free(sources->chap_secret);
	cmd_secret_free(sources->mutual_secret);
	*sources = (struct cmd_sources){ 0 };
}

bool cmd_warn_layout(const struct layout *layout)
{
	for (size_t i = 0; i < layout->n_warnings; i++)
		cmd_say("warning: ", layout->warnings[i]);
	return layout->n_warnings > 0;
}
