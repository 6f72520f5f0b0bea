/* SPDX-License-Identifier: GPL-3.0-or-later */
/* probe-portal - see probe-portal.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "lunette/json.h"
#include "probe-portal.h"

/* ---- for people ---- */

static void put(const char *before, const char *text)
{
	fputs(before, stdout);
	cmd_put(stdout, text, 0);
}

/* "ACME ARRAY, serial SN, naa.6000": as much of it as there is. */
static void print_identity(const struct portal_lun *lun)
{
	const char *between = ", ";
	if (*lun->vendor)
		put(between, lun->vendor);
	if (*lun->product)
		put(*lun->vendor ? " " : between, lun->product);
	if (*lun->serial)
		put(", serial ", lun->serial);
	if (*lun->id)
		put(between, lun->id);
}

static void print_lun(const struct portal_lun *lun)
{
	char size[CMD_SIZE_MAX];
	if (lun->source)
		put("  ", lun->source);
	else if (lun->lun >= 0)
		printf("  LUN %d", lun->lun);
	else
		printf("  LUN 0x%s", lun->address);
	if (lun->disk) {
		printf("\n         %s, %" PRIu32 "-byte sectors", cmd_size(lun->size, size),
		       lun->sector);
		print_identity(lun);
	} else {
		put("\n         ", lun->why.msg);
	}
	putchar('\n');
}

static void print_portal(const struct portal *portal)
{
	for (size_t i = 0; i < portal->n_targets; i++) {
		const struct portal_target *target = &portal->targets[i];
		put("", target->name);
		putchar('\n');
		if (target->why.code) {
			put("  ", target->why.msg);
			putchar('\n');
		}
		for (size_t j = 0; j < target->n_luns; j++)
			print_lun(&target->luns[j]);
		if (target->n_luns == 0 && !target->why.code)
			puts("  it shows no LUN to us");
	}
	if (portal->unlisted)
		printf("and %zu target%s more, which are too many\n", portal->unlisted,
		       cmd_plural(portal->unlisted));
}

/* ---- for scripts ---- */

static json_t *text_or_null(const char *text)
{
	return *text ? json_text(text) : json_null();
}

static json_t *lun_object(const struct portal_lun *lun)
{
	bool disk = lun->disk;
	return json_pack(
		"{so so ss so so so so so so so}", "source",
		lun->source ? json_text(lun->source) : json_null(), "lun",
		lun->lun < 0 ? json_null() : json_integer(lun->lun), "address", lun->address,
		"size", disk ? json_integer((json_int_t)lun->size) : json_null(), "sector_size",
		disk ? json_integer(lun->sector) : json_null(), "vendor", text_or_null(lun->vendor),
		"product", text_or_null(lun->product), "serial", text_or_null(lun->serial), "id",
		text_or_null(lun->id), "reason", text_or_null(lun->why.msg));
}

static json_t *target_object(const struct portal_target *target)
{
	json_t *luns = json_array();
	for (size_t i = 0; i < target->n_luns; i++)
		json_array_append_new(luns, lun_object(&target->luns[i]));
	return json_pack("{so so so}", "name", json_text(target->name), "reason",
			 target->why.code ? json_text(target->why.msg) : json_null(), "luns", luns);
}

/* @why: that there is nothing, or NULL */
static int print_json(const struct portal *portal, const struct error *why, struct error *err)
{
	json_t *targets = json_array();
	for (size_t i = 0; i < portal->n_targets; i++)
		json_array_append_new(targets, target_object(&portal->targets[i]));
	json_t *doc =
		json_pack("{so sI}", "targets", targets, "unlisted", (json_int_t)portal->unlisted);
	if (why)
		json_object_set_new(doc, "error", cmd_failure_json(why->code, why));
	return cmd_print_json(doc, err);
}

int probe_portal(struct cmd_sources *sources, const char *spec, bool json, struct error *err)
{
	CLEANUP(portal_free_cleanup) struct portal *portal = NULL;
	int rc = cmd_sources_list(sources, spec, &portal, err);
	if (rc)
		return rc;
	char name[SOURCE_INITIATOR_MAX];
	struct error why = { 0 };
	source_initiator(name);
	if (portal->n_targets == 0)
		error_set(&why, -ENOENT, "'%s' shows no target to initiator '%s'", spec,
			  sources->options.initiator ? sources->options.initiator : name);
	if (!json)
		print_portal(portal);
	rc = json ? print_json(portal, why.code ? &why : NULL, err) : cmd_print("", err);
	if (rc < 0)
		return rc;
	if (why.code)
		return error_copy(err, why.code, &why);
	return portal_is_well(portal) ? STATUS_DONE : STATUS_WARNINGS;
}
