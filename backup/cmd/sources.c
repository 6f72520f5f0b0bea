/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sources - SOURCE arguments: how LUNs are reached, and opening all of a server's disks. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "lunette/filesystem.h"

/* Takes the file's first line. The last one that was named counts. @to: a char *. */
static int take_secret(const struct option_row *row, void *to, const char *arg, struct error *err)
{
	(void)row;
	char **secret = to;
	secret_free(steal(secret));
	return cmd_secret_line(arg, "secret file", secret, err);
}

static const struct option_row rows[] = {
	OPTION_HEADING("Options for LUNs:"),
	{ "chap-secret-file", "FILE",
	  "CHAP secret of USER: the first line of FILE; else $LUNETTE_CHAP_SECRET",
	  OPTION_CALL(struct cmd_sources, chap_secret, char *, take_secret) },
	{ "chap-mutual-user", "NAME", "the target must prove itself too, as NAME",
	  OPTION_TEXT(struct cmd_sources, options.mutual_user) },
	{ "chap-mutual-secret-file", "FILE", "with this secret; else $LUNETTE_CHAP_MUTUAL_SECRET",
	  OPTION_CALL(struct cmd_sources, mutual_secret, char *, take_secret) },
	{ "initiator", "IQN", "our name; default: that of this host",
	  OPTION_TEXT(struct cmd_sources, options.initiator) },
	{ "timeout", "SECONDS", "how long a LUN may be away (default 30)",
	  OPTION_NUMBER(struct cmd_sources, options.timeout_s, 1, 86400) },
	{ "header-digest", NULL, "ask for CRCs of headers; a target that insists has them",
	  OPTION_FLAG(struct cmd_sources, options.header_digest) },
	{ "data-digest", NULL, "not possible with this libiscsi: refused",
	  OPTION_FLAG(struct cmd_sources, options.data_digest) },
	{ 0 },
};

static void free_sources(void *sources)
{
	cmd_sources_free(sources);
}

const struct option_group cmd_source_options = { .rows = rows, .free = free_sources };

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
	rc = layout_new(inputs, n, NULL, &layout, err);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = source_introduce(sources->sources[i], layout, i, err);
	if (rc == 0)
		rc = fs_identify(layout, err);
	if (rc < 0)
		return rc;
	*ret = steal(&layout);
	return 0;
}

int cmd_sources_list(struct cmd_sources *sources, const char *spec, struct portal **ret,
		     struct error *err)
{
	int rc = find_secrets(sources, err);
	return rc ? rc : portal_list(spec, &sources->options, ret, err);
}

void cmd_sources_free(struct cmd_sources *sources)
{
	for (size_t i = 0; i < sources->n; i++)
		source_free(sources->sources[i]);
	free(sources->sources);
	secret_free(sources->chap_secret);
	secret_free(sources->mutual_secret);
	*sources = (struct cmd_sources){ 0 };
}

bool cmd_warn_layout(const struct layout *layout)
{
	for (size_t i = 0; i < layout->n_warnings; i++)
		cmd_say("warning: ", layout->warnings[i]);
	return layout->n_warnings > 0;
}
