/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * verify - are these LUNs the snapshot of the server's disks, of this moment, and all of them?
 *
 * Neither storage nor plug-in is believed: identity, size and what is on a LUN are read from the
 * LUN itself, and compared with what the agent read from the server's disks.
 */
#ifndef JOB_VERIFY_H
#define JOB_VERIFY_H

#include "run.h"

/**
 * verify_set() - before the snapshot, for this machine's own disks: does each group of disks have
 * all its members in the set?
 *
 * Return: 0; -ENODATA with the missing LUN's name.
 */
int verify_set(struct run *run, struct error *err);

/**
 * verify_lun() - compare an opened LUN with the disk that it should be a snapshot of
 *
 * Return: 0; -EUCLEAN with what differs.
 */
int verify_lun(const struct run_lun *lun, struct error *err);

/**
 * verify_contents() - compare the snapshot's volumes with what the agent read while they were
 * frozen: a LUN that shows an older snapshot is found out here
 *
 * What could not be compared is a warning; when the window was exceeded, nothing can be. Return: 0;
 * -EUCLEAN.
 */
int verify_contents(struct run *run, struct error *err);

/* Is the file system that the agent means on this volume? */
bool verify_is_volume(const struct layout_volume *volume, const char *uuid);

#endif
