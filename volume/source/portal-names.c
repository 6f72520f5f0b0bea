/* SPDX-License-Identifier: GPL-3.0-or-later */
/* portal-names - the targets that a portal knows: a discovery session. See portal-private.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lunette/utf8.h"
#include "portal-private.h"

/* The session comes first: lun_session_done() gets it. */
struct discovery {
	struct lun_session session;
	struct portal_names *names;
	int rc;
};

static char *clean_copy(const char *text, size_t most)
{
	size_t len = strnlen(text, most);
	char *copy = malloc(3 * len + 1);
	if (copy)
		utf8_clean(text, len, copy, 3 * len + 1);
	return copy;
}

/* Its addresses are "HOST:PORT,GROUP"; what of them cannot be used is passed over. */
static int take(struct portal_names *names, const struct iscsi_discovery_address *found)
{
	if (names->n == PORTAL_TARGETS_MAX) {
		names->more++;
		return 0;
	}
	struct portal_name *name = &names->list[names->n];
	*name = (struct portal_name){ .shown = clean_copy(found->target_name, LUN_NAME_MAX) };
	if (!name->shown)
		return -ENOMEM;
	names->n++;
	/* One that is too long for libiscsi, or for us, would be another one when it is cut. */
	if (strlen(found->target_name) < sizeof(name->target))
		strcpy(name->target, found->target_name);
	for (const struct iscsi_target_portal *p = found->portals; p; p = p->next) {
		size_t len = strcspn(p->portal, ",");
		if (name->n_addresses < PORTAL_ADDRESSES_MAX && len > 0 && len < LUN_NAME_MAX)
			memcpy(name->addresses[name->n_addresses++], p->portal, len);
	}
	return 0;
}

static void on_names(struct iscsi_context *iscsi, int status, void *data, void *private_data)
{
	struct discovery *d = private_data;
	const struct iscsi_discovery_address *found = status == SCSI_STATUS_GOOD ? data : NULL;
	for (; found && d->rc == 0; found = found->next)
		d->rc = take(d->names, found);
	lun_session_done(iscsi, status, NULL, &d->session);
}

/* libiscsi's list begins with what came last. */
static void turn_round(struct portal_names *names)
{
	for (size_t i = 0; i < names->n / 2; i++) {
		struct portal_name first = names->list[i];
		names->list[i] = names->list[names->n - 1 - i];
		names->list[names->n - 1 - i] = first;
	}
}

static int ask(struct discovery *d, int64_t deadline, struct error *err)
{
	struct lun_session *s = &d->session;
	s->awaited.done = false;
	if (iscsi_discovery_async(s->iscsi, on_names, d) != 0)
		return error_set(err, -ENOMEM, "SendTargets: %m");
	int rc = lun_session_await(s, deadline, err);
	if (rc < 0)
		return error_wrap(err, rc, "SendTargets");
	if (s->awaited.status != SCSI_STATUS_GOOD)
		return error_set(err, -EPROTO, "the portal does not say which targets it has: %s",
				 s->awaited.text);
	turn_round(d->names);
	return d->rc < 0 ? error_set(err, d->rc, "list of targets: %m") : 0;
}

int portal_names_ask(const struct lun_login *login, int64_t deadline, struct portal_names *ret,
		     struct error *err)
{
	struct discovery d = { .session = { .login = login, .wake_fd = -1 }, .names = ret };
	int rc = lun_session_open(&d.session, deadline, err);
	if (rc == 0) {
		rc = ask(&d, deadline, err);
		/* Nobody is called back any more who could write into what is freed. */
		if (rc == 0)
			lun_session_logout(&d.session);
	}
	lun_session_free(&d.session);
	return rc;
}

void portal_names_free(struct portal_names *names)
{
	for (size_t i = 0; names && i < names->n; i++)
		free(names->list[i].shown);
	free(names);
}
