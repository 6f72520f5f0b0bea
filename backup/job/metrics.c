/* SPDX-License-Identifier: GPL-3.0-or-later */
/* metrics - see metrics.h. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lunette/state.h"
#include "lunette/utf8.h"
#include "lunette/util.h"
#include "metrics.h"

int metrics_open(struct metrics *metrics, struct error *err)
{
	*metrics = (struct metrics){ 0 };
	metrics->out = open_memstream(&metrics->text, &metrics->size);
	return metrics->out ? 0 : error_set(err, -ENOMEM, "metrics: %m");
}

void metrics_close(struct metrics *metrics)
{
	if (metrics->out)
		fclose(metrics->out);
	free(metrics->text);
}

static void put_label(FILE *out, const struct metrics_label *label)
{
	/* One byte that is not UTF-8, and the whole file is refused. */
	size_t len = strlen(label->value);
	CLEANUP(free_cleanup) char *value = malloc(3 * len + 1);
	if (value)
		utf8_clean(label->value, len, value, 3 * len + 1);
	fprintf(out, "%s=\"", label->name);
	for (const char *p = value ? value : ""; *p; p++) {
		if (*p == '"' || *p == '\\' || *p == '\n')
			fputc('\\', out);
		fputc(*p == '\n' ? 'n' : *p, out);
	}
	fputc('"', out);
}

void metrics_add(struct metrics *metrics, const char *name, const char *type, const char *help,
		 double value)
{
	FILE *out = metrics->out;
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n%s{", name, help, name, type, name);
	for (size_t i = 0; i < metrics->n_labels; i++) {
		fputs(i ? "," : "", out);
		put_label(out, &metrics->labels[i]);
	}
	fprintf(out, "} %.17g\n", value);
}

static bool is_about(const char *line, const char *prefix)
{
	if (strncmp(line, "# HELP ", 7) == 0 || strncmp(line, "# TYPE ", 7) == 0)
		line += 7;
	return strncmp(line, prefix, strlen(prefix)) == 0;
}

void metrics_take_over(struct metrics *metrics, const char *path, const char *prefix)
{
	FILE *in = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	while (in && getline(&line, &room, in) > 0)
		if (is_about(line, prefix) && strchr(line, '\n'))
			fputs(line, metrics->out);
	free(line);
	if (in)
		fclose(in);
}

int metrics_write(struct metrics *metrics, const char *path, struct error *err)
{
	FILE *out = metrics->out;
	metrics->out = NULL;
	if (fclose(out) != 0)
		return error_set(err, -ENOMEM, "metrics: %m");
	return state_replace_file(path, metrics->text, 0644, err);
}
