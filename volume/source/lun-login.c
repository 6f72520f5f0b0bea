/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lun-login - what a login needs, from the URL and the options; checked once, before any network.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lun.h"

#define INITIATOR_FILE "/etc/iscsi/initiatorname.iscsi"
#define TIMEOUT_S      30

static int copy(char *dst, const char *src, const char *what, struct error *err)
{
	size_t len = strlen(src);
	if (len == 0 || len >= LUN_NAME_MAX)
		return error_set(err, -EINVAL, "the %s is empty or longer than %d characters", what,
				 LUN_NAME_MAX - 1);
	memcpy(dst, src, len + 1);
	return 0;
}

/* The name that the system's own initiator uses, so that the array's access lists fit. */
static bool name_of_system(char *dst)
{
	FILE *f = fopen(INITIATOR_FILE, "re");
	if (!f)
		return false;
	char line[LUN_NAME_MAX + 32];
	bool found = false;
	while (!found && fgets(line, sizeof(line), f)) {
		line[strcspn(line, " \t\r\n")] = '\0';
		found = strncmp(line, "InitiatorName=", 14) == 0 &&
			copy(dst, line + 14, "", NULL) == 0;
	}
	fclose(f);
	return found;
}

static void name_of_host(char *dst)
{
	char host[64] = "";
	gethostname(host, sizeof(host) - 1);
	for (char *p = host; *p; p++)
		*p = isalnum((unsigned char)*p) ? (char)tolower((unsigned char)*p) : '-';
	snprintf(dst, LUN_NAME_MAX, "iqn.2026-11.lunette:%s", *host ? host : "localhost");
}

void source_initiator(char ret[SOURCE_INITIATOR_MAX])
{
	_Static_assert(SOURCE_INITIATOR_MAX >= LUN_NAME_MAX, "every name fits");
	if (!name_of_system(ret))
		name_of_host(ret);
}

static int set_chap(struct lun_login *login, const struct source_options *opts, struct error *err)
{
	if (*login->url.user) {
		if (!opts->chap_secret)
			return error_set(
				err, -EACCES,
				"CHAP user '%s' is given, but no secret: use --chap-secret-file or "
				"$LUNETTE_CHAP_SECRET",
				login->url.user);
		int rc = copy(login->secret, opts->chap_secret, "CHAP secret", err);
		if (rc < 0)
			return rc;
	}
	if (!opts->mutual_user)
		return 0;
	if (!*login->url.user)
		return error_set(
			err, -EINVAL,
			"a target proves itself only to who logs in with CHAP: give USER@ in front "
			"of the host");
	if (!opts->mutual_secret)
		return error_set(err, -EINVAL, "mutual CHAP user '%s' is given, but no secret",
				 opts->mutual_user);
	int rc = copy(login->mutual_user, opts->mutual_user, "mutual CHAP user", err);
	return rc < 0 ? rc
		      : copy(login->mutual_secret, opts->mutual_secret, "mutual CHAP secret", err);
}

int lun_login_init(struct lun_login *login, const struct lun_url *url,
		   const struct source_options *opts, struct error *err)
{
	/* Better no LUN than one whose data is not checked although somebody asked for it. */
	if (opts->data_digest)
		return error_set(
			err, -EOPNOTSUPP,
			"data digests are not possible: libiscsi does not have them; header "
			"digests are");
	login->url = *url;
	login->header_digest = opts->header_digest;
	login->timeout_s = opts->timeout_s ? opts->timeout_s : TIMEOUT_S;
	if (opts->initiator) {
		int rc = copy(login->initiator, opts->initiator, "initiator's name", err);
		if (rc < 0)
			return rc;
	} else {
		source_initiator(login->initiator);
	}
	return set_chap(login, opts, err);
}
