/* SPDX-License-Identifier: GPL-3.0-or-later */
/* recognisers - all there are. See include/lunette/recognisers.h. */
#include <stddef.h>

#include "lunette/recognisers.h"

const struct recogniser *const layout_recognisers[] = {
	&layout_partitions, &layout_ldm, &layout_md, &layout_lvm, &layout_locks, NULL,
};
