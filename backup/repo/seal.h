/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * seal - how a chunk lies in its pack: compressed, or as it is when that would not make it smaller,
 * and then in a box if the repository is encrypted.
 * Sealing is the sealer of lunette/repo.h; opening is here.
 */
#ifndef REPO_SEAL_H
#define REPO_SEAL_H

#include "lunette/repo.h"

/* How to open it: one byte of FORMAT.md. */
enum {
	CODEC_STORED = 0,
	CODEC_ZSTD = 1,
};

struct opener;

int opener_new(struct opener **ret, struct error *err);
void opener_free(struct opener *opener);
DEFINE_CLEANUP(struct opener *, opener_free)

/**
 * opener_buf() - room for sealed bytes
 * @len: at most REPO_SEAL_BOUND(REPO_CHUNK_MAX)
 *
 * Return: the buffer, valid until the next call; NULL when there is no memory.
 */
void *opener_buf(struct opener *opener, size_t len);

/**
 * opener_open() - what was sealed, again. One thread at a time.
 * @sealed: foreign bytes, out of their box
 * @buf: @len bytes; must come out as exactly so many
 *
 * Return: 0; -EUCLEAN when they do not, or when the codec is unknown. What comes out still has to
 * be compared with the chunk's id.
 */
int opener_open(struct opener *opener, const void *sealed, size_t sealed_len, uint8_t codec,
		void *buf, size_t len, struct error *err);

#endif
