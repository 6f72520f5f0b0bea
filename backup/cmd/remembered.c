/* SPDX-License-Identifier: GPL-3.0-or-later */
/* remembered - damage that the repository knows of although nobody has looked at it now. */
#include <inttypes.h>

#include "cmd.h"
#include "lunette/check.h"

bool cmd_warn_remembered(const struct check_result *result)
{
	if (result->n_remembered == 0)
		return false;
	cmd_warn(
		"an earlier check found damage in the data of %" PRIu64
		" restore point%s, and not all data was read now: 'lunette list' says of which, and "
		"--read-data looks again",
		result->n_remembered, cmd_plural(result->n_remembered));
	return true;
}
