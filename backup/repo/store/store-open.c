/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * store-open - which store a REPO names: a table of schemes. What a row opens may be several stores
 * on top of each other: who knows where the objects lie knows what has to stand in front of them.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lunette/store.h"

/**
 * struct scheme - a kind of store
 * @name: SCHEME in "SCHEME://WHERE"
 * @example: for messages
 * @create: make an empty one; @where is what stands behind "://"
 * @open: one that is there
 */
struct scheme {
	const char *name;
	const char *example;
	int (*create)(const char *where, struct store **ret, struct error *err);
	int (*open)(const char *where, struct store **ret, struct error *err);
};

/* A folder is named by its path alone; this is for those who write everything as an address. */
static int check_file(const char *where, struct error *err)
{
	return *where == '/' ? 0
			     : error_set(err, -EINVAL,
					 "repository 'file://%s': a path from the root is "
					 "needed, as in 'file:///srv/repo'",
					 where);
}

static int file_create(const char *where, struct store **ret, struct error *err)
{
	int rc = check_file(where, err);
	return rc < 0 ? rc : store_dir_create(where, ret, err);
}

static int file_open(const char *where, struct store **ret, struct error *err)
{
	int rc = check_file(where, err);
	return rc < 0 ? rc : store_dir_open(where, ret, err);
}

static const struct scheme schemes[] = {
	{ "file", "file:///FOLDER", file_create, file_open },
};

/* Letters, digits and "+-." in front of "://"; 0: it is a path. */
static size_t scheme_len(const char *url)
{
	size_t n = 0;
	while (isalnum((unsigned char)url[n]) || (n > 0 && url[n] && strchr("+-.", url[n])))
		n++;
	return n > 0 && strncmp(url + n, "://", 3) == 0 ? n : 0;
}

static int refuse(const char *url, size_t len, struct error *err)
{
	char known[256] = "a folder's path";
	size_t n = strlen(known);
	for (size_t i = 0; i < ARRAY_SIZE(schemes) && n < sizeof(known); i++)
		n += (size_t)snprintf(known + n, sizeof(known) - n, ", %s", schemes[i].example);
	return error_set(err, -EOPNOTSUPP,
			 "repository '%s': this lunette cannot keep one in '%.*s://'; it knows %s",
			 url, (int)len, url, known);
}

/* @ret: NULL: a folder. @ret_where: what the scheme is given. */
static int find(const char *url, const struct scheme **ret, const char **ret_where,
		struct error *err)
{
	size_t len = scheme_len(url);
	*ret = NULL;
	*ret_where = len ? url + len + 3 : url;
	for (size_t i = 0; len && i < ARRAY_SIZE(schemes); i++)
		if (strlen(schemes[i].name) == len && strncmp(url, schemes[i].name, len) == 0)
			*ret = &schemes[i];
	return len && !*ret ? refuse(url, len, err) : 0;
}

int store_open(const char *url, struct store **ret, struct error *err)
{
	const struct scheme *scheme;
	const char *where;
	int rc = find(url, &scheme, &where, err);
	if (rc < 0)
		return rc;
	return scheme ? scheme->open(where, ret, err) : store_dir_open(where, ret, err);
}

int store_create(const char *url, struct store **ret, struct error *err)
{
	const struct scheme *scheme;
	const char *where;
	int rc = find(url, &scheme, &where, err);
	if (rc < 0)
		return rc;
	return scheme ? scheme->create(where, ret, err) : store_dir_create(where, ret, err);
}
