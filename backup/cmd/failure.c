/* SPDX-License-Identifier: GPL-3.0-or-later */
/* failure - what a cause becomes for a script: an exit status, and a word. Both are in lunette(8).
 */
#include "say.h"
#include "lunette/json.h"

static const struct {
	int status;
	const char *word;
} kinds[] = {
	[ERROR_KIND_NONE] = { STATUS_FAILED, "failed" },
	[ERROR_KIND_NOT_FOUND] = { STATUS_NOT_FOUND, "not_found" },
	[ERROR_KIND_PASSWORD] = { STATUS_PASSWORD, "wrong_password" },
	[ERROR_KIND_BUSY] = { STATUS_BUSY, "busy" },
};

int cmd_status(int rc, const struct error *err)
{
	return rc < 0 ? kinds[err->kind].status : rc;
}

json_t *cmd_failure_json(int rc, const struct error *err)
{
	return json_pack("{s:s, s:o}", "code", rc == STATUS_USAGE ? "usage" : kinds[err->kind].word,
			 "message", json_text(err->msg));
}
