/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz-lease - what other hosts say in leases and marks. */
#include "fuzz-repo.h"
#include "lunette/lease.h"
#include "lunette/json.h"
#include "lunette/marks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(json_decref_cleanup)
	json_t *document = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
	if (!document)
		return 0;
	struct lease_info info;
	if (lease_parse(document, &info, NULL) == 0) {
		char text[LEASE_TEXT_MAX];
		const struct lease_owner self = { .boot = "here" };
		const struct lease_now now = { 1000000, 1000000 };
		lease_text(&info, text);
		fuzz_check(strlen(text) < sizeof(text));
		(void)lease_is_void(&info, &self, &now);
		fuzz_check(json_is_array(info.marks));
		lease_info_free(&info);
	}
	struct id_set *packs;
	if (id_set_new(2 * MARKS_PACKS, &packs, NULL) == 0) {
		const struct chunk_id zero = { { 0 } };
		if (marks_parse(document, packs, NULL) == 0)
			fuzz_check(!id_set_has(packs, &zero));
		id_set_free(packs);
	}
	return 0;
}
