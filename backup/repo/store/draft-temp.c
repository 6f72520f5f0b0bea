/* SPDX-License-Identifier: GPL-3.0-or-later */
/* draft-temp - see draft-temp.h. */
#include <errno.h>
#include <unistd.h>

#include "draft-temp.h"
#include "temp.h"

struct draft_temp {
	struct store_draft draft;
	int fd;
};

static int draft_temp_read(const struct store_source *source, void *buf, size_t len, uint64_t off,
			   struct error *err)
{
	return temp_read(((const struct draft_temp *)source)->fd, buf, len, off, err);
}

static int draft_temp_append(struct store_draft *draft, const void *buf, size_t len,
			     struct error *err)
{
	return temp_write(((struct draft_temp *)draft)->fd, buf, len, draft->source.size, err);
}

static void draft_temp_free(struct store_draft *draft)
{
	close(((struct draft_temp *)draft)->fd);
	free(draft);
}

int draft_temp_new(struct store_draft **ret, struct error *err)
{
	static const struct store_source_ops source_ops = { .read = draft_temp_read };
	static const struct store_draft_ops ops = { .append = draft_temp_append,
						    .free = draft_temp_free };
	CLEANUP(free_cleanup) struct draft_temp *temp = calloc(1, sizeof(*temp));
	if (!temp)
		return error_set(err, -ENOMEM, "begin an object: %m");
	int rc = temp_open(&temp->fd, err);
	if (rc < 0)
		return rc;
	temp->draft = (struct store_draft){ .source.ops = &source_ops, .ops = &ops };
	*ret = &steal(&temp)->draft;
	return 0;
}
