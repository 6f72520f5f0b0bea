/* SPDX-License-Identifier: GPL-3.0-or-later */
/* secret - see secret.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lunette/secret.h"

void secret_free(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}

static int read_all(int fd, char *buf, const char *what, const char *path, struct error *err)
{
	size_t len = 0;
	while (len < SECRET_MAX) {
		ssize_t n = read(fd, buf + len, SECRET_MAX - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_set(err, -errno, "%s '%s': %m", what, path);
		if (n == 0)
			break;
		len += (size_t)n;
	}
	if (len == SECRET_MAX)
		return error_set(err, -EMSGSIZE, "%s '%s' is too long", what, path);
	/* What is behind it would not count, and nobody would know. */
	if (memchr(buf, '\0', len))
		return error_set(err, -EINVAL, "%s '%s' is not text", what, path);
	buf[len] = '\0';
	return 0;
}

#ifdef _WIN32
/* Its lists of who may do what are not in a file's mode. */
static int check_owner(int fd, const char *what, const char *path, struct error *err)
{
	(void)fd, (void)what, (void)path, (void)err;
	return 0;
}
#else
/*
 * Of what is open, so that nobody puts another file there meanwhile. A link may lead to it, as
 * /dev/fd/N does, and what a system mounts for its services; that is readable by a group, too, as
 * is what an administrator gives to one. To root it is no matter whose it is: `sudo lunette` with
 * the user's own file.
 */
static int check_owner(int fd, const char *what, const char *path, struct error *err)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return error_set(err, -errno, "%s '%s': %m", what, path);
	if (!S_ISREG(st.st_mode))
		return 0;
	uid_t we = geteuid();
	if (st.st_uid != we && st.st_uid != 0 && we != 0)
		return error_set(err, -EACCES, "%s '%s' belongs to another user: chown it", what,
				 path);
	if (st.st_mode & (S_IRWXO | S_IWGRP))
		return error_set(err, -EACCES, "%s '%s' is open to others: chmod 600 it", what,
				 path);
	return 0;
}
#endif

static int read_text(int fd, const char *what, const char *path, char **ret, struct error *err)
{
	char *buf = calloc(1, SECRET_MAX);
	if (!buf)
		return error_set(err, -ENOMEM, "%s '%s': %m", what, path);
	int rc = read_all(fd, buf, what, path, err);
	if (rc < 0) {
		explicit_bzero(buf, SECRET_MAX);
		free(buf);
		return rc;
	}
	*ret = buf;
	return 0;
}

static int first_line(char *text, const char *what, const char *path, struct error *err)
{
	size_t len = strcspn(text, "\r\n");
	if (len == 0)
		return error_set(err, -EINVAL, "%s '%s' is empty: its first line counts", what,
				 path);
	explicit_bzero(text + len, strlen(text + len));
	return 0;
}

int secret_text(const char *path, const char *what, char **ret, struct error *err)
{
	CLEANUP(close_cleanup) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, -errno, "%s '%s': %m", what, path);
	int rc = check_owner(fd, what, path, err);
	return rc < 0 ? rc : read_text(fd, what, path, ret, err);
}

int secret_line(const char *path, const char *what, char **ret, struct error *err)
{
	CLEANUP(secret_free_cleanup) char *text = NULL;
	int rc = secret_text(path, what, &text, err);
	if (rc == 0)
		rc = first_line(text, what, path, err);
	if (rc == 0)
		*ret = steal(&text);
	return rc;
}

int secret_line_from(int fd, const char *what, const char *name, char **ret, struct error *err)
{
	CLEANUP(secret_free_cleanup) char *text = NULL;
	int rc = read_text(fd, what, name, &text, err);
	if (rc == 0)
		rc = first_line(text, what, name, err);
	if (rc == 0)
		*ret = steal(&text);
	return rc;
}

/* jansson has no way to wipe a text but through the value. */
static void wipe_texts(json_t *json)
{
	const char *key;
	json_t *value;
	json_object_foreach(json, key, value)
	{
		if (json_is_object(value))
			wipe_texts(value);
		else if (json_is_string(value))
			explicit_bzero((char *)json_string_value(value), json_string_length(value));
	}
}

void secret_json_free(json_t *json)
{
	wipe_texts(json);
	json_decref(json);
}

/* -1 when it is none. */
static int parse_descriptor(const char *text)
{
	char *end;
	long fd = strtol(text, &end, 10);
	return *text == '\0' || *end != '\0' || fd < 3 || fd > INT_MAX ? -1 : (int)fd;
}

int secret_inherited(json_t **ret, struct error *err)
{
	const char *name = getenv(SECRET_ENV);
	*ret = NULL;
	if (!name)
		return 0;
	CLEANUP(close_cleanup) int fd = parse_descriptor(name);
	if (fd < 0)
		return error_set(err, -EINVAL, SECRET_ENV " does not name a descriptor");
	unsetenv(SECRET_ENV);
	char *buf = calloc(1, SECRET_MAX);
	if (!buf)
		return error_set(err, -ENOMEM, "the secrets: %m");
	int rc = read_all(fd, buf, "secrets of", SECRET_ENV, err);
	CLEANUP(secret_json_free_cleanup) json_t *json = rc < 0 ? NULL : json_loads(buf, 0, NULL);
	explicit_bzero(buf, SECRET_MAX);
	free(buf);
	if (rc < 0)
		return rc;
	if (!json_is_object(json))
		return error_set(err, -EINVAL, "the secrets are not a JSON object");
	*ret = steal(&json);
	return 0;
}
