/* SPDX-License-Identifier: GPL-3.0-or-later */
/* portal-private - the targets that a portal knows, as they came. */
#ifndef PORTAL_PRIVATE_H
#define PORTAL_PRIVATE_H

#include "lun.h"
#include "lunette/portal.h"

/* Bounds for what a portal may say. */
#define PORTAL_TARGETS_MAX   1024
#define PORTAL_ADDRESSES_MAX 4

/**
 * struct portal_name - a target
 * @shown: its name as valid UTF-8
 * @target: as it came; "" when it is longer than names can be
 * @addresses: where it says that it can be reached: "HOST:PORT"
 */
struct portal_name {
	char *shown;
	char target[LUN_NAME_MAX];
	size_t n_addresses;
	char addresses[PORTAL_ADDRESSES_MAX][LUN_NAME_MAX];
};

/* @more: targets besides that do not fit in @list */
struct portal_names {
	size_t n;
	size_t more;
	struct portal_name list[PORTAL_TARGETS_MAX];
};

/* @login: without a target; @ret: zeros. Return: 0; as lun_session_open(); -EPROTO. */
int portal_names_ask(const struct lun_login *login, int64_t deadline, struct portal_names *ret,
		     struct error *err);

/* @names: from calloc(), or NULL */
void portal_names_free(struct portal_names *names);
DEFINE_CLEANUP(struct portal_names *, portal_names_free)

#endif
