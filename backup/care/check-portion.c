/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * check-portion - of which packs the data is read.
 *
 * The name of a pack is a digest, and as good as random: divided by the number of parts it tells in
 * which of them the pack is, now and in every later check. A part is therefore about as large as
 * the others, and new packs move no others from one part to the next.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "check-private.h"
#include "lunette/bytes.h"
#include "lunette/random.h"

/* ---- what the user says ------------------------------------------------------------------------
 */

/* @text: up to @end, and nothing behind it. */
static bool parse_number(const char *text, const char *end, uint32_t *ret)
{
	char *stop;
	unsigned long n = strtoul(text, &stop, 10);
	if (*text < '0' || *text > '9' || stop != end || n < 1 || n > CHECK_PARTS_MAX)
		return false;
	*ret = (uint32_t)n;
	return true;
}

static bool parse_part(const char *text, const char *slash, struct check_portion *ret)
{
	bool next = strncmp(text, "next/", 5) == 0;
	*ret = (struct check_portion){ 0 };
	return (next || parse_number(text, slash, &ret->part)) &&
	       parse_number(slash + 1, slash + strlen(slash), &ret->parts) &&
	       ret->part <= ret->parts;
}

static bool parse_percent(const char *text, struct check_portion *ret)
{
	char *end;
	double percent = strtod(text, &end);
	if (end == text || strcmp(end + (*end == '%'), "") != 0 || !(percent > 0 && percent <= 100))
		return false;
	*ret = (struct check_portion){ .percent = percent };
	return true;
}

bool check_portion_any(const struct check_portion *portion)
{
	return portion->parts > 0 || portion->percent > 0;
}

int check_portion_parse(const char *text, struct check_portion *ret, struct error *err)
{
	struct check_portion portion;
	const char *slash = strchr(text, '/');
	if (!(slash ? parse_part(text, slash, &portion) : parse_percent(text, &portion)))
		return error_set(
			err, -EINVAL,
			"'%s': a percentage up to 100, as 5%%, or one of at most %u parts, as "
			"3/30 or next/30, is wanted",
			text, CHECK_PARTS_MAX);
	*ret = portion;
	return 0;
}

/* ---- which packs those are ---------------------------------------------------------------------
 */

/* xorshift64*: only to choose packs. */
static uint64_t draw(uint64_t *random, uint64_t below)
{
	*random ^= *random >> 12;
	*random ^= *random << 25;
	*random ^= *random >> 27;
	return (*random * 0x2545f4914f6cdd1du >> 11) % below;
}

static bool can_be_read(const struct check_pack *pack)
{
	return pack->n > 0 && pack->size > 0 && !pack->damaged;
}

static void choose_part(struct check *check, uint32_t part, uint32_t parts)
{
	assert(part >= 1 && part <= parts);
	for (size_t i = 0; i < check->n_packs; i++) {
		struct check_pack *pack = &check->packs[i];
		pack->chosen = can_be_read(pack) && get_be(pack->id, 8) % parts == part - 1;
	}
}

/* Each of the packs that are left is chosen with the same chance. */
static int choose_some(struct check *check, double percent, struct error *err)
{
	uint64_t left = 0, random;
	for (size_t i = 0; i < check->n_packs; i++)
		left += can_be_read(&check->packs[i]);
	uint64_t choose = MIN(left, (uint64_t)((double)left * percent / 100 + 0.999999));
	int rc = random_bytes(&random, sizeof(random), err);
	if (rc < 0)
		return rc;
	random |= 1;
	for (size_t i = 0; i < check->n_packs && choose > 0; i++) {
		struct check_pack *pack = &check->packs[i];
		if (!can_be_read(pack))
			continue;
		pack->chosen = draw(&random, left--) < choose;
		choose -= pack->chosen;
	}
	return 0;
}

int check_choose(struct check *check, struct error *err)
{
	const struct check_portion *portion = &check->opts->portion;
	if (portion->parts == 0)
		return choose_some(check, portion->percent, err);
	choose_part(check, portion->part, portion->parts);
	return 0;
}
