/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz-lun-talk - all that a target says, in two parts, to a login and then to three commands. */
#include "fuzz.h"
#include "lun-talk.h"

static void ask(struct lun_talk *talk, uint8_t opcode, uint8_t tag)
{
	const uint8_t head[52] = { opcode, 0xc1, [19] = tag, [22] = 4 };
	lun_talk_to(talk, head, talk->digest ? 52 : 48, NULL);
}

static int hear(struct lun_talk *talk, const uint8_t *buf, size_t len)
{
	struct lun_talk_step did;
	int rc = 0;
	for (; len && rc == 0; buf += did.n, len -= did.n) {
		rc = lun_talk_from(talk, buf, len, &did, NULL);
		fuzz_check(did.n > 0 && did.n <= len);
	}
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct lun_talk talk;
	talk = (struct lun_talk){ 0 };
	bool gap;
	size_t first = size ? data[0] : 0;
	if (first + 1 > size)
		return 0;
	ask(&talk, 0x43, 0);
	if (hear(&talk, data + 1, first) < 0)
		return 0;
	ask(&talk, 0x01, 1);
	ask(&talk, 0x01, 2);
	ask(&talk, 0x44, 3);
	if (hear(&talk, data + 1 + first, size - 1 - first) == 0)
		for (uint32_t tag = 0; tag < 4; tag++)
			fuzz_check(lun_talk_got(&talk, tag, &gap) <= 1024);
	return 0;
}
