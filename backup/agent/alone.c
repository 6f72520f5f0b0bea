/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * alone - what stands in the place of others' code, so that the agent needs no library where it is
 * brought.
 *
 * The agent is linked statically. What has no static library is left out, by a definition that the
 * linker meets before the other one. So this file belongs to the program, not to the room.
 */
#include <stddef.h>

#include "lunette/recognisers.h"

/* Not LVM, whose metadata libdevmapper's parser reads. Nothing is lost: a physical volume's label
 * tells its disk from all others, and which logical volumes lie on which disks is asked of the
 * kernel. */
const struct recogniser *const layout_recognisers[] = {
	&layout_partitions, &layout_ldm, &layout_md, &layout_locks, NULL,
};

/* libiscsi's: LUNs come over TCP. Its own would bring the RDMA libraries. */
struct iscsi_context;
int iscsi_init_iser_transport(struct iscsi_context *iscsi);
int iscsi_init_iser_transport(struct iscsi_context *iscsi)
{
	(void)iscsi;
	return -1;
}
