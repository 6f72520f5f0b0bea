/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * holdings - which disks and volumes a restore point holds, by what they are and not by what they
 * are called: two points of one name may be of other disks, and "disk0" is whatever came first.
 *
 * A volume of a group is told by the group's id and its own name, a partition by its table's id and
 * where it begins, so that it stays what it is when it is formatted anew. What has neither is told
 * by its UUID, or its name. But a volume on which nothing is recognised any more is not what it
 * was: its beginning may be overwritten, and then each backup of it is worth less than those
 * before. Nor is a partition whose disk was cut short: one that ends with its disk is told by that
 * end, too.
 */
#ifndef HOLDINGS_H
#define HOLDINGS_H

#include <jansson.h>

#include "lunette/error.h"

/**
 * holdings_of() - what a restore point holds
 * @point: its manifest, checked
 * @ret: an object with a member for each disk and volume, at least one; a new reference
 *
 * Where volumes were chosen no disk is held, as what is outside of them need not be there.
 */
int holdings_of(const json_t *point, json_t **ret, struct error *err);

#endif
