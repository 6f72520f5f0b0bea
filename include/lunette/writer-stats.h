/* SPDX-License-Identifier: GPL-3.0-or-later */
/* writer-stats - what a backup did with the bytes of the disks, and where its time went. */
#ifndef LUNETTE_WRITER_STATS_H
#define LUNETTE_WRITER_STATS_H

#include <stdint.h>

#include <jansson.h>

/**
 * struct writer_times - nanoseconds that the threads were busy with each thing, all added up
 * @wall: that it took
 * @limit: held back by the limit
 * @read: waiting for the source
 * @hash: finding zeros, identifying chunks, looking them up
 * @compress: sealing them
 * @add: putting them into packs
 * @commit: bringing packs and indexes to stable storage
 * @wait: threads that could have computed had nothing to do
 * @readers: threads that read at once, at most
 * @threads: threads that compute at once, at most
 */
struct writer_times {
	uint64_t wall;
	uint64_t limit;
	uint64_t read;
	uint64_t hash;
	uint64_t compress;
	uint64_t add;
	uint64_t commit;
	uint64_t wait;
	unsigned int readers;
	unsigned int threads;
};

/**
 * struct writer_stats - what became of the bytes of one or more disks
 * @size: of the disks
 * @used: stored, and not one of the next four
 * @unmapped: the source knows them to be zero, so that they are not read
 * @excluded: in use by files that are left out
 * @free: by what file systems say
 * @skipped: of volumes that were not chosen, and the like
 * @unchanged: of @used, those of chunks that are the parent's
 * @zero: of @used, those of chunks that turned out to be zero
 * @known: of @used, those of chunks that the repository had already, or that came twice
 * @added: of @used, those of chunks that were new
 * @unreadable: of @used, those that could not be read; counted among the others too, as the zeros
 *              that stand for them
 * @read: from the source
 * @gaps: of @read, those that are not in use, and were read over
 * @stored: that new chunks and chunk maps take in packs
 * @planned: of @size, those of which it is known by now which must be read; not in reports
 * @wanted: of @planned, those that must be
 * @times: that it took
 *
 * Every byte is counted once: @size is @used, @unmapped, @excluded, @free and @skipped, and of
 * these
 * @used is @unchanged, @zero, @known and @added.
 */
struct writer_stats {
	uint64_t size;
	uint64_t used;
	uint64_t unmapped;
	uint64_t excluded;
	uint64_t free;
	uint64_t skipped;
	uint64_t unchanged;
	uint64_t zero;
	uint64_t known;
	uint64_t added;
	uint64_t unreadable;
	uint64_t read;
	uint64_t gaps;
	uint64_t stored;
	uint64_t planned;
	uint64_t wanted;
	struct writer_times times;
};

/**
 * writer_stats_total() - how many bytes will be read in all, @gaps apart, as far as can be told
 *
 * What has not been planned yet is taken to be as full as what has been. Return: never less than
 * @wanted; exactly that when all is planned.
 */
uint64_t writer_stats_total(const struct writer_stats *stats);

/* A sentence for a warning when there is reason to ask whether the right disks were given: nothing
 * of them had to be stored. Else NULL. */
const char *writer_stats_doubt(const struct writer_stats *stats);

/* The counts as a manifest and a report have them. Return: a new reference; NULL without memory. */
json_t *writer_stats_json(const struct writer_stats *stats);

/* What each stage took, in seconds, for a report. Return: a new reference; NULL without memory. */
json_t *writer_times_json(const struct writer_times *times);

/**
 * writer_bottleneck() - what a backup would have been faster without
 *
 * Return: "limit", "read", "hash", "compress" or "write": that of which most of what can go on at
 * once was busy for most of the time.
 */
const char *writer_bottleneck(const struct writer_times *times);

#endif
