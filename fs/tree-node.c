/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tree-node - the numbers of nodes.
 *
 * The one idea: a number is decoded, not looked up, so nothing has to be remembered or forgotten.
 */
#include <errno.h>
#include <inttypes.h>

#include "tree-private.h"

uint64_t tree_number(const struct tree *tree, const struct tree_node *node)
{
	if (node->kind == NODE_FILE)
		return (uint64_t)(node->slot) << FS_INO_BITS | (node->ino & TREE_INO_MASK);
	if (node->kind == NODE_ROOT || (!tree->points && node->kind == NODE_POINT))
		return TREE_ROOT;
	return (uint64_t)node->point << 24 | (uint64_t)node->kind << 20 | node->index;
}

int tree_decode(const struct tree *tree, uint64_t number, struct tree_node *ret, struct error *err)
{
	struct tree_node node = { .slot = (uint32_t)(number >> FS_INO_BITS) };
	if (node.slot > 0) {
		node.kind = NODE_FILE;
		node.ino = number & TREE_INO_MASK;
	} else if (number == TREE_ROOT) {
		node.kind = tree->points ? NODE_ROOT : NODE_POINT;
	} else {
		node.point = (uint32_t)(number >> 24);
		node.kind = (enum node_kind)(number >> 20 & 0xf);
		node.index = (uint32_t)(number & (NODE_INDEX_MAX - 1));
		bool only_points = node.kind <= NODE_POINT || node.point > 0;
		if (node.kind == NODE_ROOT || node.kind >= NODE_FILE ||
		    (!tree->points && only_points))
			return error_set(err, -ESTALE, "there is no node %" PRIu64, number);
	}
	*ret = node;
	return 0;
}
