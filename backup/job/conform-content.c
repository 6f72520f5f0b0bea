/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * conform-content - what snapshots show, byte by byte, and what `allocated` and `delta` say of it.
 *
 * Two snapshots, and between them, if we may, the volume is written to. Then everything that
 * `delta` does not name must be the same in both, and what `allocated` does not name must be zero.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "conform-private.h"
#include "lunette/digest.h"
#include "lunette/blk.h"
#include "lunette/random.h"

#define STEP   (1u << 20)
#define WRITES 200
#define PAGES  1000000

/* ---- ranges -----------------------------------------------------------------------------------
 */

/* All pages of `allocated` or `delta`. */
static int get_ranges(struct conform *c, const char *verb, const json_t *params, json_t **ret)
{
	CONFORM_JSON *all = json_array();
	uint64_t start = 0;
	for (int i = 0; i < PAGES; i++) {
		CONFORM_JSON *page = NULL;
		json_t *ask = json_copy((json_t *)params);
		json_object_set_new(ask, "start", json_integer((json_int_t)start));
		int rc = conform_call(c, verb, ask, &page);
		if (rc < 0)
			return rc;
		const json_t *first =
			json_array_get(json_array_get(json_object_get(page, "extents"), 0), 0);
		if (first && (uint64_t)json_integer_value(first) < start)
			return error_set(&c->err, -EPROTO, "a range lies before 'start'");
		json_array_extend(all, json_object_get(page, "extents"));
		const json_t *next = json_object_get(page, "next");
		if (json_is_null(next)) {
			*ret = steal(&all);
			return 0;
		}
		if ((uint64_t)json_integer_value(next) <= start)
			return error_set(&c->err, -EPROTO, "'next' does not come forward");
		start = (uint64_t)json_integer_value(next);
	}
	return error_set(&c->err, -EPROTO, "there are too many pages");
}

static uint64_t number(const json_t *range, size_t i)
{
	return (uint64_t)json_integer_value(json_array_get(range, i));
}

static uint64_t total(const json_t *ranges)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < json_array_size(ranges); i++)
		sum += number(json_array_get(ranges, i), 1);
	return sum;
}

/* Zeroes what the ranges name in [off, off + len), beginning with range @i. */
static void blank(const json_t *ranges, size_t *i, char *buf, size_t len, uint64_t off)
{
	for (; *i < json_array_size(ranges); (*i)++) {
		const json_t *range = json_array_get(ranges, *i);
		uint64_t begin = MAX(number(range, 0), off);
		uint64_t end = MIN(number(range, 0) + number(range, 1), off + len);
		if (begin < end)
			memset(buf + (begin - off), 0, (size_t)(end - begin));
		if (number(range, 0) + number(range, 1) > off + len)
			return;
	}
}

/*
 * Reads all of @a and, unless it is NULL, @b; what @ranges names does not count.
 * Return: 0 when they are the same, or @a is zero; 1 when not, with the place in @ret.
 */
static int compare(struct conform *c, struct blk *a, struct blk *b, const json_t *ranges,
		   uint64_t *ret)
{
	CLEANUP(free_cleanup) char *one = malloc(STEP);
	CLEANUP(free_cleanup) char *two = calloc(1, STEP);
	size_t i = 0;
	if (!one || !two)
		return error_set(&c->err, -ENOMEM, "%m");
	if (b && a->size != b->size)
		return error_set(&c->err, -ERANGE, "the sizes differ");
	for (uint64_t off = 0; off < a->size; off += STEP) {
		size_t len = (size_t)MIN((uint64_t)STEP, a->size - off), k = i;
		int rc = blk_read(a, one, len, off, &c->err);
		if (rc == 0 && b)
			rc = blk_read(b, two, len, off, &c->err);
		if (rc < 0)
			return rc;
		blank(ranges, &i, one, len, off);
		if (b)
			blank(ranges, &k, two, len, off);
		if (memcmp(one, two, len) != 0) {
			for (*ret = off; one[*ret - off] == two[*ret - off]; (*ret)++)
				;
			return 1;
		}
		if (conform_stopped(c))
			return error_set(&c->err, -EINTR, "interrupted");
	}
	return 0;
}

static void check_same(struct conform *c, struct blk *a, struct blk *b, const json_t *ranges,
		       const char *what, const char *paragraph)
{
	uint64_t at = 0;
	int rc = compare(c, a, b, ranges, &at);
	if (rc < 0)
		conform_check(c, false, what, paragraph, "%s", c->err.msg);
	else
		conform_check(c, rc == 0, what, paragraph, "it differs at byte %llu",
			      (unsigned long long)at);
}

/* ---- one moment and the next ------------------------------------------------------------------
 */

/* Writes to the volume itself, here and there. */
static int write_here_and_there(struct conform *c)
{
	char buf[32768];
	uint64_t size = shape_size(json_array_get(c->volumes, 0), "size");
	CLEANUP(close_cleanup) int fd = open(c->o->write_to, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set(&c->err, -errno, "open '%s': %m", c->o->write_to);
	if (size < sizeof(buf))
		return error_set(&c->err, -ERANGE, "the volume has less than 32 KiB");
	for (int i = 0; i < WRITES; i++) {
		uint64_t place[2];
		if (random_bytes(place, sizeof(place), &c->err) < 0 ||
		    random_bytes(buf, 256, &c->err) < 0)
			return c->err.code;
		for (size_t k = 256; k < sizeof(buf); k++)
			buf[k] = buf[k - 256];
		size_t len = (size_t)(place[0] % (sizeof(buf) / 512) + 1) * 512;
		/* At the very beginning and end, too. */
		uint64_t off = i == 0   ? 0
			       : i == 1 ? size - len
					: place[1] % (size - len) / 512 * 512;
		ssize_t n = pwrite(fd, buf, len, (off_t)off);
		if (n != (ssize_t)len)
			return error_set(&c->err, n < 0 ? -errno : -EIO, "write to '%s': %m",
					 c->o->write_to);
	}
	if (fsync(fd) < 0)
		return error_set(&c->err, -errno, "sync '%s': %m", c->o->write_to);
	return 0;
}

/* One digest for each megabyte. */
static int read_digests(struct conform *c, struct blk *blk, uint8_t **ret)
{
	CLEANUP(free_cleanup) char *buf = malloc(STEP);
	size_t n = (size_t)((blk->size + STEP - 1) / STEP);
	CLEANUP(free_cleanup) uint8_t *digests = calloc(n ? n : 1, DIGEST_SIZE);
	if (!buf || !digests)
		return error_set(&c->err, -ENOMEM, "%m");
	for (size_t i = 0; i < n; i++) {
		uint64_t off = (uint64_t)i * STEP;
		size_t len = (size_t)MIN((uint64_t)STEP, blk->size - off);
		int rc = blk_read(blk, buf, len, off, &c->err);
		if (rc == 0)
			rc = digest(buf, len, digests + i * DIGEST_SIZE, &c->err);
		if (rc < 0)
			return rc;
	}
	*ret = steal(&digests);
	return 0;
}

/* The second snapshot shows what is in the volume now, since nobody else writes to it. */
static void compare_with_volume(struct conform *c, struct blk *snapshot)
{
	struct blk *volume = NULL;
	static const char what[] = "the snapshot shows the volume as it was at the commit";
	int rc = blk_file_open(c->o->write_to, &volume, &c->err);
	if (rc < 0) {
		conform_check(c, false, what, P_VERB("commit"), "%s", c->err.msg);
		return;
	}
	check_same(c, snapshot, volume, NULL, what, P_VERB("commit"));
	blk_unref(volume);
}

static void check_unchanged(struct conform *c, struct blk *first, const uint8_t *before)
{
	CLEANUP(free_cleanup) uint8_t *after = NULL;
	int rc = read_digests(c, first, &after);
	size_t n = (size_t)((first->size + STEP - 1) / STEP);
	conform_check(c, rc == 0 && memcmp(before, after, n * DIGEST_SIZE) == 0,
		      "a snapshot does not change while its volume is written to", P_VERB("commit"),
		      "%s", rc < 0 ? c->err.msg : "its content is another one");
}

static void check_allocated(struct conform *c, const char *snapshot, struct blk *blk)
{
	CONFORM_JSON *ranges = NULL, *params = json_pack("{s:s}", "snapshot", snapshot);
	static const char what[] = "what 'allocated' does not name reads as zero";
	if (!c->can.allocated) {
		conform_skip(c, what, P_VERB("allocated"), "capabilities says that it cannot");
		return;
	}
	int rc = get_ranges(c, "allocated", params, &ranges);
	if (!conform_ended(c, rc, NULL, "allocated", P_VERB("allocated")))
		return;
	conform_check(c, total(ranges) <= blk->size, "'allocated' is not more than the volume",
		      P_VERB("allocated"), "it is");
	check_same(c, blk, NULL, ranges, what, P_VERB("allocated"));
}

static void check_delta(struct conform *c, const char *from, const char *to, struct blk *a,
			struct blk *b)
{
	CONFORM_JSON *ranges = NULL, *params = json_pack("{s:s, s:s}", "from", from, "to", to);
	CONFORM_JSON *none = NULL, *itself = json_pack("{s:s, s:s}", "from", to, "to", to);
	static const char what[] = "what 'delta' does not name is the same";
	if (!c->can.delta) {
		conform_skip(c, what, P_VERB("delta"), "capabilities says that it cannot");
		return;
	}
	int rc = get_ranges(c, "delta", params, &ranges);
	if (!conform_ended(c, rc, NULL, "delta", P_VERB("delta")))
		return;
	check_same(c, a, b, ranges, what, P_VERB("delta"));
	rc = get_ranges(c, "delta", itself, &none);
	conform_ended(c, rc, NULL, "delta of a snapshot and itself", P_VERB("delta"));
}

static void compare_two(struct conform *c, const char *from, const char *to)
{
	struct shown first = { 0 }, second = { 0 };
	CLEANUP(free_cleanup) uint8_t *before = NULL;
	char one[CONFORM_NAME_SIZE], two[CONFORM_NAME_SIZE];
	CONFORM_JSON *taken = NULL;
	conform_name(c, "l5", one);
	conform_name(c, "l6", two);
	int rc = conform_show(c, one, from, &first);
	if (rc == 0)
		rc = read_digests(c, first.source->blk, &before);
	if (rc == 0 && c->o->write_to)
		rc = write_here_and_there(c);
	if (rc == 0)
		rc = conform_take(c, to, &taken);
	const char *later = conform_snapshot(taken, 0);
	if (rc == 0)
		rc = conform_show(c, two, later, &second);
	conform_check(c, rc == 0, "two snapshots can be read side by side", P_VERB("map"), "%s",
		      c->err.msg);
	if (rc == 0) {
		if (c->o->write_to) {
			check_unchanged(c, first.source->blk, before);
			compare_with_volume(c, second.source->blk);
		} else {
			conform_skip(c, "a snapshot does not change while its volume is written to",
				     P_VERB("commit"), "that takes --write-test");
		}
		check_allocated(c, later, second.source->blk);
		check_delta(c, from, later, first.source->blk, second.source->blk);
	}
	conform_hide(c, &first);
	conform_hide(c, &second);
}

void conform_content(struct conform *c)
{
	CONFORM_JSON *taken = NULL;
	char set[CONFORM_NAME_SIZE], later[CONFORM_NAME_SIZE];
	conform_name(c, "s4", set);
	conform_name(c, "s5", later);
	if (conform_take(c, set, &taken) < 0)
		return;
	compare_two(c, conform_snapshot(taken, 0), later);
	if (c->can.delta) {
		conform_do(c, "snap-delete",
			   json_pack("{s:s}", "snapshot", conform_snapshot(taken, 0)));
		int rc = conform_do(c, "delta",
				    json_pack("{s:s, s:s}", "from", conform_snapshot(taken, 0),
					      "to", conform_snapshot(taken, 0)));
		conform_ended(c, rc, "NOT_FOUND", "delta from a snapshot that is gone is NOT_FOUND",
			      P_VERB("delta"));
	}
	conform_clean_up(c);
}
