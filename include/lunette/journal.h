/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * journal - what a run meant to do, and what became of it, for whoever comes after its death.
 *
 * One JSON object a line, only ever added to. A record is on stable storage when journal_note()
 * returns, so that an intent that was noted first is known whatever happens next. Only the last
 * line can be torn; it is passed over by readers and cut off before the next one is added. Room for
 * what a run has to say is set aside when its journal is made: a disk that becomes full meanwhile
 * does not keep it from its end.
 */
#ifndef LUNETTE_JOURNAL_H
#define LUNETTE_JOURNAL_H

#include <jansson.h>
#include <stdio.h>
#include <sys/types.h>

#include "lunette/error.h"
#include "lunette/util.h"

struct journal;

/* Makes a new one (-EEXIST when it is there), or opens one to add to it. */
int journal_create(const char *path, struct journal **ret, struct error *err);
int journal_append(const char *path, struct journal **ret, struct error *err);
void journal_close(struct journal *journal); /* may be NULL */
DEFINE_CLEANUP(struct journal *, journal_close)

/**
 * journal_note() - add a record, with its "record", "time" and "ms"
 * @kind: "start", "step", "intent", ...
 * @members: what else it says; stolen, also on failure; may be NULL when there was no memory
 *
 * Return: 0 when it is on stable storage.
 */
int journal_note(struct journal *journal, const char *kind, json_t *members, struct error *err);

/**
 * journal_read() - all whole records, in order
 * @ret: an array of objects, a new reference
 *
 * Return: 0; -EUCLEAN when it is no journal: damaged before its last line, or not even a file; what
 * opening and reading said.
 */
int journal_read(const char *path, json_t **ret, struct error *err);

/**
 * journal_open_file() - open a file of the state folder to read it, and nothing else that has its
 * name
 * @max: bytes
 *
 * Return: 0; -EUCLEAN when it is no file of ours; -ENOENT; ...
 */
int journal_open_file(const char *path, off_t max, FILE **ret, struct error *err);

/* The last record of a kind, borrowed; NULL when there is none. */
json_t *journal_last(const json_t *records, const char *kind);

#endif
