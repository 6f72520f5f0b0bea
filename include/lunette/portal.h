/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * portal - what an iSCSI portal offers: its targets, and the LUNs of each.
 *
 * For who has the address of an array and nothing else. What is told here comes from the array:
 * names may hold anything.
 */
#ifndef LUNETTE_PORTAL_H
#define LUNETTE_PORTAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lunette/error.h"
#include "lunette/source.h"
#include "lunette/util.h"

/**
 * struct portal_lun - a LUN of a target
 * @address: its 8 bytes, in hexadecimal
 * @lun: its number; -1 when it has none
 * @source: the SOURCE that it is; NULL when it cannot be one
 * @disk: it is one, and @size to @id are known
 * @why: why they are not; code -ENODEV for what is no disk, which is as it should be
 */
struct portal_lun {
	char address[17];
	int lun;
	char *source;
	bool disk;
	uint64_t size;
	uint32_t sector;
	char vendor[9];
	char product[17];
	char serial[256];
	char id[SOURCE_ID_MAX];
	struct error why;
};

/**
 * struct portal_target - a target
 * @name: valid UTF-8
 * @why: why its LUNs are not known, or not all of them; code 0 when they are
 */
struct portal_target {
	char *name;
	struct error why;
	size_t n_luns;
	struct portal_lun *luns;
};

/**
 * struct portal - see the head of this file
 * @unlisted: targets that there are besides: more than anybody has
 */
struct portal {
	size_t n_targets;
	struct portal_target *targets;
	size_t unlisted;
};

/* Does @spec name a portal, or a target, and no LUN? */
bool portal_is_named(const char *spec);

/**
 * portal_list() - ask a portal what it has
 * @spec: `iscsi://[USER@]HOST[:PORT][/IQN]`
 * @opts: may be NULL; a secret is for targets and portal alike
 * @ret: to be freed with portal_free()
 *
 * A target that cannot be logged in to is listed, with its reason. However mute they are, it takes
 * no longer than three times opts->timeout_s, and the time that answers take.
 *
 * Return: 0; as source_open() when the portal itself, or the one target that was named, cannot be
 * asked.
 */
int portal_list(const char *spec, const struct source_options *opts, struct portal **ret,
		struct error *err);

/* Is all of it as it should be? */
bool portal_is_well(const struct portal *portal);

/* @portal: may be NULL */
void portal_free(struct portal *portal);
DEFINE_CLEANUP(struct portal *, portal_free)

#endif
