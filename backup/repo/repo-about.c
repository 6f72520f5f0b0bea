/* SPDX-License-Identifier: GPL-3.0-or-later */
/* repo-about - what an open repository says of itself. See repo.h. */
#include <errno.h>

#include "lunette/repo-parts.h"

int repo_may_write(const struct repo *repo, struct error *err)
{
	if (!repo->config.write_refused[0])
		return 0;
	return error_set(err, -EPROTONOSUPPORT,
			 "repository '%s': adding to it needs the feature '%s', which this lunette "
			 "does not know: please use a newer one",
			 repo->path, repo->config.write_refused);
}

uint32_t repo_chunk_size(const struct repo *repo)
{
	return repo->config.chunk_size;
}

int repo_level(const struct repo *repo)
{
	return repo->config.level;
}

const char *repo_path(const struct repo *repo)
{
	return repo->path;
}

const char *repo_id(const struct repo *repo)
{
	return repo->config.id;
}

bool repo_ids_agree(const struct repo *a, const struct repo *b)
{
	return !a->keys && !b->keys;
}

int repo_identify(const struct repo *repo, const void *buf, size_t len, struct chunk_id *ret,
		  struct error *err)
{
	return repo->keys ? keys_chunk_id(repo->keys, buf, len, ret, err)
			  : digest(buf, len, ret->bytes, err);
}
