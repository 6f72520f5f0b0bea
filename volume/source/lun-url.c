/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lun-url - iscsi://[USER@]HOST[:PORT]/IQN/LUN, strictly.
 *
 * Its one idea: a name that is taken apart wrongly reaches the wrong LUN, so whatever is not
 * plainly right is refused. Nothing in front of the @ is ever shown: somebody may have put a secret
 * there.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lun.h"

#define SCHEME "iscsi://"
#define PORT   "3260"
#define FORM   "iscsi://[USER@]HOST[:PORT]/IQN/LUN"

/* The highest number that fits the flat addressing of SAM. */
#define LUN_MAX 16383

bool lun_is_url(const char *spec)
{
	return strncasecmp(spec, "iscsi:", 6) == 0;
}

/* Copies [from, to) when it fits and is not empty. */
static bool copy(char *dst, size_t room, const char *from, const char *to)
{
	size_t len = (size_t)(to - from);
	if (len == 0 || len >= room)
		return false;
	memcpy(dst, from, len);
	dst[len] = '\0';
	return true;
}

static bool only(const char *text, const char *others)
{
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && !strchr(others, *text))
			return false;
	return true;
}

static bool is_iscsi_name(const char *name)
{
	return strncmp(name, "iqn.", 4) == 0 || strncmp(name, "eui.", 4) == 0 ||
	       strncmp(name, "naa.", 4) == 0;
}

/* A number without sign, blanks or leading zeros, of at most @max; -1 if it is not one. */
static int number(const char *text, int max)
{
	char *end;
	if (!isdigit((unsigned char)*text) || (*text == '0' && text[1]))
		return -1;
	errno = 0;
	unsigned long n = strtoul(text, &end, 10);
	return *end || errno || n > (unsigned long)max ? -1 : (int)n;
}

static int parse_user(const char *from, const char *to, struct lun_url *url, struct error *err)
{
	if (!copy(url->user, sizeof(url->user), from, to))
		return error_set(err, -EINVAL, "CHAP user in front of '@' is empty or too long");
	/* A colon is at home in a user that is called like its initiator. */
	bool secret =
		strchr(url->user, '%') || (strchr(url->user, ':') && !is_iscsi_name(url->user));
	if (!secret)
		return 0;
	explicit_bzero(url->user, sizeof(url->user));
	return error_set(
		err, -EINVAL,
		"a secret does not belong into the name of a LUN, where every user of this "
		"machine can see it: take it out, and give it by --chap-secret-file or "
		"$LUNETTE_CHAP_SECRET");
}

static int parse_host(const char *from, const char *to, struct lun_url *url, struct error *err)
{
	const char *end;
	bool ok;
	if (*from == '[') {
		end = memchr(from, ']', (size_t)(to - from));
		ok = end && copy(url->host, sizeof(url->host), from + 1, end) &&
		     only(url->host, ":.%-_") && strchr(url->host, ':');
		if (!ok)
			return error_set(err, -EINVAL, "no IPv6 address between '[' and ']'");
		end++;
	} else {
		end = memchr(from, ':', (size_t)(to - from));
		end = end ? end : to;
		if (end < to && memchr(end + 1, ':', (size_t)(to - end - 1)))
			return error_set(err, -EINVAL, "an IPv6 address goes into brackets: [::1]");
		ok = copy(url->host, sizeof(url->host), from, end) && only(url->host, ".-_");
		if (!ok)
			return error_set(err, -EINVAL, "no host name or address behind '%s'",
					 SCHEME);
	}
	strcpy(url->port, PORT);
	if (end == to)
		return 0;
	if (*end != ':' || !copy(url->port, sizeof(url->port), end + 1, to) ||
	    number(url->port, 65535) < 1)
		return error_set(err, -EINVAL, "the port is not a number from 1 to 65535");
	return 0;
}

/* @path: behind the host's slash; "" for all of its targets. */
static int parse_path(const char *path, struct lun_url *url, struct error *err)
{
	const char *slash = strchrnul(path, '/');
	if (*path == '\0')
		return 0;
	if (!copy(url->target, sizeof(url->target), path, slash) || !is_iscsi_name(url->target) ||
	    !only(url->target, ".-_:"))
		return error_set(err, -EINVAL,
				 "the target's name does not begin with iqn., eui. or naa., or has "
				 "characters that such names do not have");
	if (slash[0] == '\0' || slash[1] == '\0')
		return 0;
	url->lun = number(slash + 1, LUN_MAX);
	if (url->lun < 0)
		return error_set(err, -EINVAL, "the LUN is not a number from 0 to %d", LUN_MAX);
	return 0;
}

static int parse(const char *spec, struct lun_url *url, struct error *err)
{
	if (strncmp(spec, SCHEME, strlen(SCHEME)) != 0)
		return error_set(err, -EINVAL, "the form is %s", FORM);
	const char *host = spec + strlen(SCHEME);
	/* The last @: a secret may have one of its own, and must not be taken for a host. */
	const char *at = strrchr(host, '@');
	if (at) {
		int rc = parse_user(host, at, url, err);
		if (rc < 0)
			return rc;
		host = at + 1;
	}
	const char *slash = strchrnul(host, '/');
	int rc = parse_host(host, slash, url, err);
	return rc < 0 ? rc : parse_path(*slash ? slash + 1 : slash, url, err);
}

int lun_url_parse_place(const char *spec, struct lun_url *ret, struct error *err)
{
	struct lun_url url = { .lun = -1 };
	int rc = parse(spec, &url, err);
	if (rc < 0) {
		const char *at = strrchr(spec, '@');
		return at ? error_wrap(err, rc, "LUN 'iscsi://...%s'", at)
			  : error_wrap(err, rc, "LUN '%s'", spec);
	}
	*ret = url;
	return 0;
}

int lun_url_parse(const char *spec, struct lun_url *ret, struct error *err)
{
	struct lun_url url;
	int rc = lun_url_parse_place(spec, &url, err);
	if (rc < 0)
		return rc;
	if (url.lun < 0)
		return error_set(err, -EINVAL,
				 "'%s' names no LUN: the form is " FORM "; `lunette probe %s` "
				 "lists what there is",
				 spec, spec);
	*ret = url;
	return 0;
}

int lun_url_print(const struct lun_url *url, char ret[LUN_URL_MAX])
{
	bool v6 = strchr(url->host, ':');
	bool usual = strcmp(url->port, PORT) == 0;
	return snprintf(ret, LUN_URL_MAX, SCHEME "%s%s%s%s%s%s%s/%s/%d", url->user,
			*url->user ? "@" : "", v6 ? "[" : "", url->host, v6 ? "]" : "",
			usual ? "" : ":", usual ? "" : url->port, url->target, url->lun);
}
