/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * marks - packs that are going to be removed.
 *
 * From when a mark is there, whoever begins to add to the repository treats the chunks of its packs
 * as if they were not there, makes no pack of the same name, and says in his lease that he heeds
 * it. The packs are removed when no lease is left that does not say so, unless a restore point that
 * was written meanwhile refers to them.
 */
#ifndef LUNETTE_MARKS_H
#define LUNETTE_MARKS_H

#include "lunette/id-set.h"
#include "lunette/repo-parts.h"

#define MARKS_FOLDER "marks"

/* Packs that one mark names at most; more of them are several marks. */
#define MARKS_PACKS 4096u

/* No mark has more bytes than this. */
#define MARKS_MAX (1u << 20)

/**
 * struct marks - the marks that there are
 * @names: an array of their names
 * @packs: all that they name
 * @damaged: names of those that cannot be read: nobody heeds them, and nobody acts on them
 */
struct marks {
	json_t *names;
	struct id_set *packs;
	json_t *damaged;
};

/**
 * marks_load() - read all marks
 *
 * Return: 0, also when some are damaged; what the store said; -ENOMEM.
 */
int marks_load(struct repo *repo, struct marks **ret, struct error *err);
void marks_free(struct marks *marks); /* may be NULL */
DEFINE_CLEANUP(struct marks *, marks_free)

bool marks_has(const struct marks *marks, const struct index_pack *pack);

/**
 * marks_put() - mark some packs
 * @packs: @n of them, at most MARKS_PACKS
 * @ret_name: of the mark
 *
 * On a full store the reserve is given back for it.
 *
 * Return: 0 when it is on stable storage; ...
 */
int marks_put(struct repo *repo, const struct index_pack *packs, size_t n, char ret_name[65],
	      struct error *err);

/* Takes a mark away. */
int marks_remove(struct repo *repo, const char *name, struct error *err);

/**
 * marks_parse() - read what a mark says, which is foreign, and add its packs to a set
 *
 * Return: 0; -EUCLEAN when it is damaged; -EPROTONOSUPPORT when it is of a newer version; -ENOMEM.
 */
int marks_parse(const json_t *document, struct id_set *packs, struct error *err);

#endif
