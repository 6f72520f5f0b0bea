/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pack-format - a pack's bytes, shared by what writes it and what reads it.
 *
 * Source: FORMAT.md, "Pack". Numbers are little-endian.
 *
 *	header                   table entry                 trailer
 *	  0  8  "LUNEPACK"         0 32  chunk id              0  8  "PACKTAIL"
 *	  8  4  version, 1        32  4  offset                8  4  version, 1
 *	 12  4  features          36  4  stored length        12  4  features
 *	                          40  4  length               16  4  number of entries
 *	                          44  1  codec                20  4  offset of the table
 *	                          45  1  kind                 24  8  salt
 *	                          46  2  zero
 *
 * Where it is encrypted, all entries of the table together are one box, with the trailer as what
 * goes with it.
 */
#ifndef REPO_PACK_FORMAT_H
#define REPO_PACK_FORMAT_H

#include "lunette/bytes.h"
#include "lunette/digest.h"

#define PACK_HEADER_MAGIC  "LUNEPACK"
#define PACK_TRAILER_MAGIC "PACKTAIL"
#define PACK_VERSION       1
#define PACK_ENCRYPTED     1u /* feature */
#define PACK_HEADER_BYTES  16
#define PACK_ENTRY_BYTES   48
#define PACK_TRAILER_BYTES 32

#endif
