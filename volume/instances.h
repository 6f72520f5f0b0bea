/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * instances - tells clones of one group apart.
 *
 * Two snapshots of one server, open at once, bring every member of its groups twice, with the same
 * identity. They must never be merged: half a volume from Monday and half from Tuesday is garbage
 * that looks like data. What the members say decides when it can, else the order in which the disks
 * were given.
 */
#ifndef INSTANCES_H
#define INSTANCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct instance_member - a member that was found, in the order of the disks
 * @id: what a clone has in common with its original
 * @generation: grows with every change of the group: event count, sequence number
 * @instance: set by instances_assign(), from 0
 */
struct instance_member {
	const char *id;
	uint64_t generation;
	unsigned int instance;
};

enum instances_verdict {
	INSTANCES_ONE,      /* no member was there twice */
	INSTANCES_BY_DATA,  /* the generations tell the clones apart */
	INSTANCES_BY_ORDER, /* nothing but the order of the disks does */
};

/**
 * instances_assign() - put the members of one group together with those they belong to
 * @members: @n of them, at least one
 * @ret: the number of instances
 */
enum instances_verdict instances_assign(struct instance_member *members, size_t n,
					unsigned int *ret);

#endif
