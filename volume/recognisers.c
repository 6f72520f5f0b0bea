/* SPDX-License-Identifier: GPL-3.0-or-later */
/* recognisers - all there are. See include/lunette/recognisers.h. */
#include <stddef.h>

#include "lunette/recognisers.h"

layout_recogniser *const layout_recognisers[] = {
	layout_find_partitions, layout_find_ldm, layout_find_md, layout_find_lvm, NULL,
};
