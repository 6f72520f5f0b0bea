/* SPDX-License-Identifier: GPL-3.0-or-later */
/* open-fixture - an empty, open repository of its own for each test. */
#ifndef OPEN_FIXTURE_H
#define OPEN_FIXTURE_H

#include "repo-fixture.h"

struct fixture {
	char *dir;
	struct repo *repo;
};

static inline int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	f->dir = fixture_dir();
	*state = f;
	ok(repo_init(f->dir, FIXTURE_SETTINGS, err));
	ok(repo_open(f->dir, NULL, &f->repo, err));
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;
	repo_close(f->repo);
	fixture_dir_free(f->dir);
	free(f);
	return 0;
}

#endif
