/* SPDX-License-Identifier: GPL-3.0-or-later */
/* target - the checks in front of every implementation. See include/lunette/target.h. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>

#include "lunette/target.h"

static int check_range(struct target *target, uint64_t len, uint64_t off, struct error *err)
{
	if (range_inside(len, off, target->size))
		return 0;
	return error_set(err, -ERANGE,
			 "write of %" PRIu64 " bytes at offset %" PRIu64
			 " reaches past the end (%" PRIu64 " bytes)",
			 len, off, target->size);
}

int target_write(struct target *target, const void *buf, size_t len, uint64_t off,
		 struct error *err)
{
	int rc = check_range(target, len, off, err);
	if (rc < 0 || len == 0)
		return rc;
	rc = target->ops->write(target, buf, len, off, err);
	assert(rc <= 0);
	return rc;
}

int target_zero(struct target *target, uint64_t len, uint64_t off, struct error *err)
{
	int rc = check_range(target, len, off, err);
	if (rc < 0 || len == 0)
		return rc;
	rc = target->ops->zero(target, len, off, err);
	assert(rc <= 0);
	return rc;
}

int target_flush(struct target *target, struct error *err)
{
	return target->ops->flush(target, err);
}

void target_free(struct target *target)
{
	if (target)
		target->ops->destroy(target);
}
