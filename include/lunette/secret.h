/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * secret - passwords and keys: from files, for commands and for jobs, and from whoever started us.
 *
 * A file that is ours or root's and that nobody else may write, and nobody but its group read; or a
 * pipe. What is in memory is wiped before it is given back.
 */
#ifndef LUNETTE_SECRET_H
#define LUNETTE_SECRET_H

#include <jansson.h>

#include "lunette/error.h"
#include "lunette/util.h"

/* Names the descriptor from which a program that was started can read its secrets. */
#define SECRET_ENV "LUNETTE_SECRETS_FD"

/* Longest secret, and longest file with one. */
#define SECRET_MAX 65536

/* Wipes and frees; @secret may be NULL. */
void secret_free(char *secret);
DEFINE_CLEANUP(char *, secret_free)

/**
 * secret_text() - all that is in a file
 * @what: "key file", for messages
 * @ret: to be freed with secret_free()
 *
 * Return: 0; -EACCES when it is a file that others own (unless we are root), may read or write, or
 * that its group may write; -EMSGSIZE when it is too long; -EINVAL when it has a byte 0; what
 * opening or reading it said.
 */
int secret_text(const char *path, const char *what, char **ret, struct error *err);

/* The same of its first line, which must not be empty (-EINVAL). */
int secret_line(const char *path, const char *what, char **ret, struct error *err);

/* The same of what comes from a descriptor until its end; "@what '@name'" is what messages call it.
 */
int secret_line_from(int fd, const char *what, const char *name, char **ret, struct error *err);

/**
 * secret_inherited() - the secrets that a job hands to a plug-in or an agent, by the descriptor
 * that SECRET_ENV names, which is closed
 * @ret: an object, to be freed with secret_json_free(); NULL when there is none
 *
 * Return: 0; -EINVAL when that is no descriptor, or what comes from it no object;
 * -EMSGSIZE when it is too long; what reading
 * said.
 */
int secret_inherited(json_t **ret, struct error *err);

/* Wipes the texts in an object and gives up a reference to it, the last one; @json may be NULL. */
void secret_json_free(json_t *json);
DEFINE_CLEANUP(json_t *, secret_json_free)

#endif
