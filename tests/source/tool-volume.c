/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tool-volume - what a layout makes of SOURCEs, for the scripts that test on real disks.
 *
 *   tool-volume SOURCE...           warnings, groups and volumes, one a line
 *   tool-volume -c NAME SOURCE...   the bytes of a volume on standard output
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lunette/layout.h"
#include "lunette/source.h"

#define MAX_SOURCES 64
#define BLOCK       (1u << 20)

static void list(const struct layout *layout)
{
	for (size_t i = 0; i < layout->n_warnings; i++)
		printf("warning %s\n", layout->warnings[i]);
	for (size_t i = 0; i < layout->n_groups; i++) {
		const struct layout_group *g = layout->groups[i];
		printf("group %s %s %s\n", layout_kind_name(g->kind), g->name, g->id);
		for (size_t m = 0; m < g->n_missing; m++)
			printf("missing %s %s\n", g->name, g->missing[m]);
	}
	for (size_t i = 0; i < layout->n_volumes; i++) {
		const struct layout_volume *v = &layout->volumes[i];
		printf("volume %s %s %s %llu %s\n", v->name, layout_type_name(v->type),
		       layout_state_name(v->state), (unsigned long long)v->size, v->reason);
	}
}

static int copy(const struct layout *layout, const char *name, struct error *err)
{
	struct layout_volume *v = layout_find(layout, name);
	if (!v || !v->blk)
		return error_set(err, -1, "no volume '%s' that can be read", name);
	CLEANUP(free_cleanup) char *buf = malloc(BLOCK);
	for (uint64_t off = 0; buf && off < v->size; off += BLOCK) {
		size_t n = (size_t)MIN(v->size - off, (uint64_t)BLOCK);
		int rc = blk_read(v->blk, buf, n, off, err);
		if (rc < 0)
			return rc;
		fwrite(buf, 1, n, stdout);
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *name = argc > 2 && strcmp(argv[1], "-c") == 0 ? argv[2] : NULL;
	int first = name ? 3 : 1;
	struct layout_input inputs[MAX_SOURCES] = { 0 };
	struct source *sources[MAX_SOURCES];
	size_t n = 0;
	struct error err = { 0 };
	CLEANUP(layout_free_cleanup) struct layout *layout = NULL;
	int rc = 0;
	for (int i = first; rc == 0 && i < argc && n < MAX_SOURCES; i++) {
		rc = source_open(argv[i], NULL, &sources[n], &err);
		if (rc == 0)
			inputs[n] = (struct layout_input){ sources[n]->blk, sources[n]->spec };
		n += rc == 0;
	}
	if (rc == 0)
		rc = layout_new(inputs, n, NULL, &layout, &err);
	if (rc == 0 && name)
		rc = copy(layout, name, &err);
	else if (rc == 0)
		list(layout);
	for (size_t i = 0; i < n; i++)
		source_free(sources[i]);
	if (rc < 0)
		fprintf(stderr, "tool-volume: %s\n", err.msg);
	return rc < 0;
}
