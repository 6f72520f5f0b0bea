/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lun-wire - between the connection to a target and libiscsi, so that lun-talk sees all of it
 * first. */
#ifndef LUN_WIRE_H
#define LUN_WIRE_H

#include "lun-talk.h"

struct iscsi_context;
struct scsi_iovec;
struct lun_wire;

/*
 * Puts itself into a connection that libiscsi has just made.
 *
 * Return: 0; @ret is to be freed after the context.
 */
int lun_wire_new(struct iscsi_context *iscsi, struct lun_wire **ret, struct error *err);

/* Ends the connection, too. NULL is fine. */
void lun_wire_free(struct lun_wire *wire);

/* What to poll for. Return: the descriptor; -1 when the session is lost. */
int lun_wire_poll(struct lun_wire *wire, short *ret_events, struct error *err);

/* Carries what has come. Return: 0; -ECONNRESET, -EPROTO: the session is lost. */
int lun_wire_carry(struct lun_wire *wire, short events, struct error *err);

/*
 * Has the data of a command that was given to libiscsi put where it belongs, past libiscsi.
 *
 * @iov: all that is expected; borrowed until lun_wire_got(). What has no room here goes by libiscsi
 */
void lun_wire_into(struct lun_wire *wire, uint32_t tag, const struct scsi_iovec *iov, int n);

/* See lun_talk_got(). Nothing is put anywhere for the command any more. */
size_t lun_wire_got(struct lun_wire *wire, uint32_t tag, bool *ret_gap);

#endif
