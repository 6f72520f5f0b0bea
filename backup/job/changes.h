/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * changes - backing up only what the storage says has changed since the snapshot of the last run.
 *
 * That snapshot, the base, is kept for it, one a volume, and base.json knows it and the restore
 * point that was made of it. When anything about it does not fit, all is read: that is slower, and
 * never wrong. From time to time all is read anyhow, because storage has been wrong before.
 */
#ifndef JOB_CHANGES_H
#define JOB_CHANGES_H

#include "run.h"

/* Sets run.point.parent, or leaves it NULL: all is to be read. A list that cannot be had is a
 * warning. */
int changes_open(struct run *run, struct error *err);

/**
 * changes_keep_base() - the snapshot of this run becomes the base, and the last one goes
 *
 * Return: 0, also when the old one could not be removed yet: the sweep at the end does it.
 */
int changes_keep_base(struct run *run, struct error *err);

/**
 * changes_distrust() - a backup by the list failed: the list may be wrong, so that its base must
 * not be used again
 *
 * Return: @err's code.
 */
int changes_distrust(struct run *run, struct error *err);

#endif
