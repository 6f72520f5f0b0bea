/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * portal - targets and LUNs, one after the other. See include/lunette/portal.h.
 *
 * Its one idea: what fails costs patience, and there is only so much of it for all of the portal. A
 * target that is mute is waited for; a hundred of them are not.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lunette/clock.h"
#include "lunette/hex.h"
#include "portal-private.h"

/* For how many times the time of one login failures are waited for. */
#define FAILURES 3
/* Of all targets together. */
#define LUNS_MAX 16384

/**
 * struct listing - a portal while it is asked
 * @login: of what is asked just now
 * @patience: how long, in ms, failures may take still
 * @since: when the present question began
 * @room: for so many LUNs more
 */
struct listing {
	struct lun_login login;
	int64_t patience;
	int64_t since;
	size_t room;
};

/* A question begins. Return: its deadline, or -ETIMEDOUT when nothing is asked any more. */
static int64_t begin(struct listing *l, struct error *err)
{
	l->since = clock_now_ms();
	if (l->patience <= 0)
		return error_set(err, -ETIMEDOUT,
				 "not asked: waiting for the others took too long");
	return l->since + MIN(l->patience, (int64_t)l->login.timeout_s * 1000);
}

static void note_failure(struct listing *l)
{
	l->patience -= clock_now_ms() - l->since;
}

/* ---- the LUNs of a target ---- */

static void describe(struct portal_lun *lun, const struct lun_identity *id)
{
	lun->disk = true;
	lun->size = id->size;
	lun->sector = id->sector;
	memcpy(lun->vendor, id->vendor, sizeof(lun->vendor));
	memcpy(lun->product, id->product, sizeof(lun->product));
	memcpy(lun->serial, id->serial, sizeof(lun->serial));
	memcpy(lun->id, id->id, sizeof(lun->id));
}

static int identify(struct listing *l, struct lun_session *s, struct portal_lun *lun,
		    struct error *err)
{
	struct lun_identity identity;
	int64_t deadline = begin(l, err);
	if (deadline < 0)
		return (int)deadline;
	/* The session may have gone with the LUN before. */
	int rc = s->iscsi ? 0 : lun_session_open(s, deadline, err);
	if (rc == 0)
		rc = lun_identify(s, deadline, &identity, err);
	if (rc == 0)
		describe(lun, &identity);
	else if (rc != -ENODEV)
		note_failure(l);
	return rc;
}

static int list_lun(struct listing *l, struct lun_session *s, const struct lun_reported *reported,
		    struct portal_lun *lun, struct error *err)
{
	hex_text(reported->address, sizeof(reported->address), lun->address);
	lun->lun = reported->lun;
	if (lun->lun < 0) {
		error_set(&lun->why, -EOPNOTSUPP, "its address is no number, and cannot be used");
		return 0;
	}
	l->login.url.lun = lun->lun;
	int rc = identify(l, s, lun, &lun->why);
	/* What is no disk is no SOURCE; another one may be one later. */
	if (rc == -ENODEV || rc == -ENOENT)
		return 0;
	char source[LUN_URL_MAX];
	lun_url_print(&l->login.url, source);
	lun->source = strdup(source);
	return lun->source ? 0 : error_set(err, -ENOMEM, "list of LUNs: %m");
}

static int list_luns(struct listing *l, struct lun_session *s, const struct lun_report *report,
		     struct portal_target *target, struct error *err)
{
	size_t n = MIN(report->n, l->room);
	l->room -= n;
	target->luns = calloc(MAX(n, (size_t)1), sizeof(*target->luns));
	if (!target->luns)
		return error_set(err, -ENOMEM, "list of LUNs: %m");
	int rc = 0;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = list_lun(l, s, &report->luns[i], &target->luns[target->n_luns++], err);
	if (report->missing || n < report->n)
		error_set(&target->why, -EPROTO,
			  "it says that it has %" PRIu64 " LUNs, and only %zu of them are known",
			  report->told, n);
	return rc;
}

/* ---- targets ---- */

/* Logs in, and asks for its LUNs. Return: 0 or why not. */
static int reach(struct listing *l, struct lun_session *s, struct lun_report *report,
		 struct error *err)
{
	int64_t deadline = begin(l, err);
	if (deadline < 0)
		return (int)deadline;
	l->login.url.lun = 0; /* every target answers there for all */
	int rc = lun_session_open(s, deadline, err);
	if (rc == 0)
		rc = lun_report_ask(s, deadline, report, err);
	if (rc < 0)
		note_failure(l);
	return rc;
}

/* Another portal of the same array: "HOST:PORT". Return: whether it is one. */
static bool move_to(struct lun_url *url, const char *address)
{
	char spec[LUN_URL_MAX];
	struct lun_url there;
	snprintf(spec, sizeof(spec), "iscsi://%s/%s/0", address, url->target);
	if (lun_url_parse(spec, &there, NULL) < 0 || strcmp(there.target, url->target) != 0)
		return false;
	if (strcmp(there.host, url->host) == 0 && strcmp(there.port, url->port) == 0)
		return false;
	strcpy(url->host, there.host);
	strcpy(url->port, there.port);
	return true;
}

/* @name: NULL when it was not asked for. Return: 0 or the memory's error; others are the target's.
 */
static int list_target(struct listing *l, const struct portal_name *name,
		       struct portal_target *target, struct error *err)
{
	const struct lun_url portal = l->login.url;
	struct lun_session s = { .login = &l->login, .wake_fd = -1 };
	CLEANUP(free_cleanup) struct lun_report *report = calloc(1, sizeof(*report));
	if (!report)
		return error_set(err, -ENOMEM, "list of LUNs: %m");
	int rc = reach(l, &s, report, &target->why);
	/* That portal may know only of it. But its own addresses need not be reached from here. */
	for (size_t i = 0; name && rc == -ENOENT && i < name->n_addresses; i++) {
		struct lun_url first = l->login.url;
		struct error why = { 0 };
		if (!move_to(&l->login.url, name->addresses[i]))
			continue;
		lun_session_free(&s);
		int other = reach(l, &s, report, &why);
		if (other == 0)
			rc = target->why.code = 0;
		else
			l->login.url = first;
	}
	if (rc == 0)
		rc = list_luns(l, &s, report, target, err);
	else
		rc = 0;
	lun_session_logout(&s);
	lun_session_free(&s);
	l->login.url = portal;
	return rc;
}

/* Could a SOURCE have it? It is what is printed, and taken apart again. */
static bool is_usable(const struct listing *l, const char *target)
{
	struct lun_url url = l->login.url, again;
	char source[LUN_URL_MAX];
	snprintf(url.target, sizeof(url.target), "%s", target);
	url.lun = 0;
	lun_url_print(&url, source);
	return lun_url_parse(source, &again, NULL) == 0 && strcmp(again.target, target) == 0 &&
	       strcmp(again.host, url.host) == 0;
}

static int list_targets(struct listing *l, struct portal_names *names, struct portal *portal,
			struct error *err)
{
	int rc = 0;
	portal->targets = calloc(MAX(names->n, (size_t)1), sizeof(*portal->targets));
	if (!portal->targets)
		return error_set(err, -ENOMEM, "list of targets: %m");
	portal->unlisted = names->more;
	for (size_t i = 0; i < names->n && rc == 0; i++) {
		const struct portal_name *name = &names->list[i];
		struct portal_target *target = &portal->targets[portal->n_targets++];
		target->name = steal(&names->list[i].shown);
		if (!is_usable(l, name->target)) {
			error_set(&target->why, -EINVAL, "no SOURCE can have that name");
			continue;
		}
		strcpy(l->login.url.target, name->target);
		rc = list_target(l, name, target, err);
		l->login.url.target[0] = '\0';
	}
	return rc;
}

static int list_portal(struct listing *l, struct portal *portal, struct error *err)
{
	CLEANUP(portal_names_free_cleanup) struct portal_names *names = calloc(1, sizeof(*names));
	if (!names)
		return error_set(err, -ENOMEM, "list of targets: %m");
	int rc = portal_names_ask(&l->login, begin(l, err), names, err);
	return rc < 0 ? rc : list_targets(l, names, portal, err);
}

/* The one that was named: that it cannot be asked is the answer. */
static int list_one(struct listing *l, struct portal *portal, struct error *err)
{
	portal->targets = calloc(1, sizeof(*portal->targets));
	if (portal->targets)
		portal->targets[0].name = strdup(l->login.url.target);
	if (!portal->targets || !portal->targets[0].name)
		return error_set(err, -ENOMEM, "list of targets: %m");
	portal->n_targets = 1;
	struct portal_target *target = &portal->targets[0];
	int rc = list_target(l, NULL, target, err);
	if (rc == 0 && target->why.code && target->n_luns == 0)
		return error_copy(err, target->why.code, &target->why);
	return rc;
}

bool portal_is_named(const char *spec)
{
	struct lun_url url;
	return lun_is_url(spec) && lun_url_parse_place(spec, &url, NULL) == 0 && url.lun < 0;
}

int portal_list(const char *spec, const struct source_options *opts, struct portal **ret,
		struct error *err)
{
	static const struct source_options defaults;
	struct listing l = { 0 };
	struct lun_url url;
	int rc = lun_url_parse_place(spec, &url, err);
	if (rc == 0)
		rc = lun_login_init(&l.login, &url, opts ? opts : &defaults, err);
	if (rc < 0)
		return rc;
	CLEANUP(portal_free_cleanup) struct portal *portal = calloc(1, sizeof(*portal));
	if (!portal)
		return error_set(err, -ENOMEM, "list of targets: %m");
	l.room = LUNS_MAX;
	l.patience = (int64_t)FAILURES * l.login.timeout_s * 1000;
	rc = *url.target ? list_one(&l, portal, err) : list_portal(&l, portal, err);
	explicit_bzero(&l.login, sizeof(l.login));
	if (rc < 0)
		return error_wrap(err, rc, "'%s'", spec);
	*ret = steal(&portal);
	return 0;
}

bool portal_is_well(const struct portal *portal)
{
	bool well = portal->unlisted == 0;
	for (size_t i = 0; i < portal->n_targets; i++) {
		const struct portal_target *target = &portal->targets[i];
		well = well && target->why.code == 0;
		for (size_t j = 0; j < target->n_luns; j++)
			well = well &&
			       (target->luns[j].disk || target->luns[j].why.code == -ENODEV);
	}
	return well;
}

void portal_free(struct portal *portal)
{
	if (!portal)
		return;
	for (size_t i = 0; i < portal->n_targets; i++) {
		struct portal_target *target = &portal->targets[i];
		for (size_t j = 0; j < target->n_luns; j++)
			free(target->luns[j].source);
		free(target->luns);
		free(target->name);
	}
	free(portal->targets);
	free(portal);
}
