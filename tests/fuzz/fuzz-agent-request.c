/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz-agent-request - a line that an agent or a plug-in is sent. */
#include "fuzz.h"
#include "lunette/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(request_free_cleanup) struct request *request = NULL;
	if (request_parse((const char *)data, size, &request, NULL) < 0)
		return 0;
	fuzz_check(request->id && request->verb);
	if (request->broken.code == 0)
		fuzz_check(json_is_object(request->params) && !json_is_null(request->id));
	return 0;
}
