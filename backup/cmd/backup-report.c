/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * backup-report - see backup-report.h.
 *
 * Every byte of the disks is in one line of the first part: free, skipped, not mapped, left out,
 * unchanged, zero, known or new.
 * What was read and what the threads were busy with comes after that.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "backup-report.h"
#include "cmd.h"

/* The word for a stage, as the report's sentence has it. */
static const char *stage_word(const char *stage)
{
	static const char *const words[][2] = {
		{ "limit", "by --limit" }, { "read", "by reading" },
		{ "hash", "by hashing" },  { "compress", "by compressing" },
		{ "write", "by writing" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcmp(stage, words[i][0]) == 0)
			return words[i][1];
	return "";
}

static double seconds(uint64_t ns)
{
	return (double)ns / 1e9;
}

static void print_bytes(const struct backup_report *report)
{
	const struct writer_stats *s = &report->result->stats;
	char a[CMD_SIZE_MAX], b[CMD_SIZE_MAX];
	printf("  disks      %s\n", cmd_size(s->size, a));
	printf("  free       %s, in file systems\n", cmd_size(s->free, a));
	if (s->skipped)
		printf("  skipped    %s, not chosen\n", cmd_size(s->skipped, a));
	printf("  not mapped %s\n", cmd_size(s->unmapped, a));
	if (s->excluded)
		printf("  left out   %s\n", cmd_size(s->excluded, a));
	if (report->parent)
		printf("  unchanged  %s since %.12s, not read\n", cmd_size(s->unchanged, a),
		       report->parent);
	printf("  zero       %s\n", cmd_size(s->zero, a));
	printf("  known      %s, in the repository already\n", cmd_size(s->known, a));
	printf("  new        %s, stored in %s\n", cmd_size(s->added, a), cmd_size(s->stored, b));
	if (s->unreadable)
		printf("  unreadable %s, of what is in use\n", cmd_size(s->unreadable, a));
}

static void print_reading(const struct backup_report *report)
{
	const struct writer_stats *s = &report->result->stats;
	double rate = report->seconds > 0 ? (double)s->read / report->seconds : 0;
	char a[CMD_SIZE_MAX], b[CMD_SIZE_MAX];
	printf("  read       %s in %.1f s, %s/s", cmd_size(s->read, a), report->seconds,
	       cmd_size((uint64_t)rate, b));
	if (s->stored > 0)
		printf("; %.2f times what was stored", (double)s->read / (double)s->stored);
	putchar('\n');
	if (report->verified)
		printf("  verified   %" PRIu64 " unchanged pieces, with --verify-seed %" PRIu64
		       "\n",
		       report->n_verified, report->seed);
}

static void print_times(const struct writer_times *t)
{
	printf("  busy       ");
	if (t->limit)
		printf("held back %.1f s, ", seconds(t->limit));
	printf("reading %.1f s, hashing %.1f s, compressing %.1f s, writing %.1f s, waiting %.1f s\n",
	       seconds(t->read), seconds(t->hash), seconds(t->compress),
	       seconds(t->add + t->commit), seconds(t->wait));
	printf("  held up    %s\n", stage_word(writer_bottleneck(t)));
}

int backup_report_text(const struct backup_report *report, struct error *err)
{
	printf("Restore point %s@%s, id %.12s\n", report->name, report->result->time,
	       report->result->id);
	print_bytes(report);
	print_reading(report);
	print_times(&report->result->stats.times);
	cmd_put_excluded(report->excluded);
	return cmd_print("", err);
}

/* What a backup with a parent verified, for a document; NULL without. */
static json_t *verified_json(const struct backup_report *report)
{
	if (!report->verified)
		return NULL;
	return json_pack("{s:I, s:I}", "chunks", (json_int_t)report->n_verified, "seed",
			 (json_int_t)report->seed);
}

int backup_report_json(const struct backup_report *report, struct error *err)
{
	const struct backup_result *result = report->result;
	const struct writer_stats *s = &result->stats;
	json_t *ratio =
		s->stored > 0 ? json_real((double)s->read / (double)s->stored) : json_null();
	json_t *doc = json_pack("{s:s, s:s, s:s, s:b, s:f, s:o*, s:O*, s:O*, s:o, s:o, s:o}", "id",
				result->id, "name", report->name, "time", result->time, "warnings",
				report->warnings, "seconds", report->seconds, "verified",
				verified_json(report), "excluded", report->excluded, "unreadable",
				report->unreadable, "stats", writer_stats_json(s), "ratio", ratio,
				"times", writer_times_json(&s->times));
	return cmd_print_json(doc, err);
}
