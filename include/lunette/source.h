/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * source - opens what the user names: an image file, a block device, or a LUN over iSCSI.
 */
#ifndef LUNETTE_SOURCE_H
#define LUNETTE_SOURCE_H

#include "lunette/blk.h"
#include "lunette/error.h"
#include "lunette/layout.h"

/**
 * struct source_options - how to reach LUNs; every member may be NULL or 0 for the default
 * @initiator: iSCSI initiator name; default: /etc/iscsi/initiatorname.iscsi, else one made of the
 *             host's name
 * @chap_secret: what we prove with; the user's name is part of the SOURCE
 * @mutual_user: when set, the target must prove itself too
 * @mutual_secret: what the target proves with
 * @timeout_s: how long a LUN may be away before reading fails, in seconds; default 30
 * @header_digest: ask for a CRC of each header; without it, only if the target insists
 * @data_digest: ask for a CRC of all data: refused with -EOPNOTSUPP, libiscsi 1.19 has none
 *
 * Strings belong to the caller. The secrets are copied, because a lost session is logged in again,
 * and the copies are wiped when the LUN is closed.
 */
struct source_options {
	const char *initiator;
	const char *chap_secret;
	const char *mutual_user;
	const char *mutual_secret;
	unsigned int timeout_s;
	bool header_digest;
	bool data_digest;
};

/* Room for every iSCSI name. */
#define SOURCE_INITIATOR_MAX 256

/**
 * source_initiator() - the name under which LUNs are logged in to, when no other is given
 */
void source_initiator(char ret[SOURCE_INITIATOR_MAX]);

/* Room for every identity. */
#define SOURCE_ID_MAX 272

/**
 * struct source - an opened SOURCE
 * @spec: as the user wrote it, without secrets (there are none in it)
 * @blk: its bytes; the source holds a reference
 * @vendor: SCSI vendor and product, "" when the source has none
 * @serial: VPD page 0x80
 * @id: VPD page 0x83 designator as "naa.…", "eui.…" or "t10.…": what a LUN is known by, never its
 *      number; "" when the source has none
 */
struct source {
	char *spec;
	struct blk *blk;
	char vendor[9];
	char product[17];
	char serial[256];
	char id[SOURCE_ID_MAX];
};

/**
 * source_open() - open a path or `iscsi://[USER@]HOST[:PORT]/IQN/LUN`, read-only
 * @opts: may be NULL
 * @ret: to be freed with source_free()
 *
 * Size and sector size are the device's own; an image file has 512-byte sectors unless its GPT
 * says otherwise.
 *
 * Return: 0; -EINVAL for a SOURCE that is not well formed; -ENOENT for a path, target or LUN that
 * does not exist; -EACCES for a refused login or a missing permission; -ETIMEDOUT; -EIO ...
 */
int source_open(const char *spec, const struct source_options *opts, struct source **ret,
		struct error *err);

/**
 * source_introduce() - tell a layout who its disk is, see layout_introduce()
 */
int source_introduce(const struct source *source, struct layout *layout, size_t disk,
		     struct error *err);

/**
 * source_identity() - what a disk is known by, from its VPD page 0x83
 * @page: as the disk answered, its head of 4 bytes included; @len bytes, any
 * @ret: "naa.…", "eui.…" or "t10.…"; "" when there is none in the page
 */
void source_identity(const uint8_t *page, size_t len, char ret[SOURCE_ID_MAX]);

/**
 * source_free() - close and free
 * @source: may be NULL
 */
void source_free(struct source *source);
DEFINE_CLEANUP(struct source *, source_free)

/**
 * blk_nbd_open() - what a program serves as NBD on its standard streams, as a blk
 * @argv: the program and its arguments, NULL behind the last; found through PATH. It ends when the
 *        blk is destroyed
 * @name: for messages
 *
 * Extents come from base:allocation, where the server has it.
 *
 * Return: 0; -EIO when the program does not serve; -ENOMEM.
 */
int blk_nbd_open(char *const argv[], const char *name, struct blk **ret, struct error *err);

/**
 * blk_file_open() - an image file or a block device as a blk
 *
 * Extents come from SEEK_DATA and SEEK_HOLE.
 *
 * Return: 0 or a negative errno: -ENOENT, -EACCES, -EISDIR, -EINVAL for what is neither, ...
 */
int blk_file_open(const char *path, struct blk **ret, struct error *err);

#endif
