/* SPDX-License-Identifier: GPL-3.0-or-later */
/* writer-stats - see writer-stats.h. */
#include "lunette/util.h"
#include "lunette/writer-stats.h"

const char *writer_stats_doubt(const struct writer_stats *stats)
{
	return stats->used > stats->zero || stats->unreadable
		       ? NULL
		       : "the restore point holds nothing, for there is no byte "
			 "on the disks but zeros: are they the right ones?";
}

json_t *writer_stats_json(const struct writer_stats *stats)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
			 "size", (json_int_t)stats->size, "used", (json_int_t)stats->used,
			 "unmapped", (json_int_t)stats->unmapped, "excluded",
			 (json_int_t)stats->excluded, "free", (json_int_t)stats->free, "skipped",
			 (json_int_t)stats->skipped, "unchanged", (json_int_t)stats->unchanged,
			 "zero", (json_int_t)stats->zero, "known", (json_int_t)stats->known, "new",
			 (json_int_t)stats->added, "unreadable", (json_int_t)stats->unreadable,
			 "read", (json_int_t)stats->read, "gaps", (json_int_t)stats->gaps, "stored",
			 (json_int_t)stats->stored);
}

uint64_t writer_stats_total(const struct writer_stats *stats)
{
	double fill = stats->planned ? (double)stats->wanted / (double)stats->planned : 1;
	return stats->wanted + (uint64_t)(fill * (double)(stats->size - stats->planned));
}

static double seconds(uint64_t ns)
{
	uint64_t ms = ns / 1000000; /* more digits would only be noise */
	return (double)ms / 1000;
}

json_t *writer_times_json(const struct writer_times *times)
{
	return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:i, s:i, s:s}", "limit",
			 seconds(times->limit), "read", seconds(times->read), "hash",
			 seconds(times->hash), "compress", seconds(times->compress), "add",
			 seconds(times->add), "commit", seconds(times->commit), "wait",
			 seconds(times->wait), "readers", (int)times->readers, "threads",
			 (int)times->threads, "bottleneck", writer_bottleneck(times));
}

const char *writer_bottleneck(const struct writer_times *times)
{
	uint64_t compute = times->hash + times->compress;
	unsigned int readers = MAX(times->readers, 1u); /* none, where there was nothing to read */
	const struct {
		const char *name;
		uint64_t busy;
		unsigned int at_once;
	} stages[] = {
		{ "read", times->read, readers },
		{ "limit", times->limit, readers },
		{ times->hash > times->compress ? "hash" : "compress", compute, times->threads },
		{ "write", MAX(times->add, times->commit), 1 },
	};
	size_t most = 0;
	for (size_t i = 1; i < ARRAY_SIZE(stages); i++)
		if (stages[i].busy * stages[most].at_once > stages[most].busy * stages[i].at_once)
			most = i;
	return stages[most].name;
}
