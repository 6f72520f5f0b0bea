/* SPDX-License-Identifier: GPL-3.0-or-later */
/* check-judge - what all that a check has found means. */
#include <errno.h>
#include <inttypes.h>

#include "lunette/check.h"

int check_judge(const struct check_result *result, bool data, struct error *err)
{
	if (result->n_problems == 0)
		return 0;
	const char *s = result->n_problems == 1 ? "" : "s";
	if (result->out_of_reach > 0)
		return error_set(err, -EIO,
				 "it is not known whether the repository is whole: %" PRIu64
				 " of its objects could not be read, and may be well (%" PRIu64
				 " problem%s in all); see that they can be read, and check again",
				 result->out_of_reach, result->n_problems, s);
	return error_set(err, -EUCLEAN,
			 "the repository is damaged: %" PRIu64 " problem%s, %" PRIu64
			 " restore point%s hurt; 'lunette repair%s' saves what can be saved",
			 result->n_problems, s, result->n_hurt,
			 result->n_hurt == 1 ? " is" : "s are", data ? " --read-data" : "");
}
