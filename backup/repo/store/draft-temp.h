/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * draft-temp - a draft in a temporary file of this host: for stores where objects cannot take
 * shape, since all of their bytes are sent when they are put.
 */
#ifndef STORE_DRAFT_TEMP_H
#define STORE_DRAFT_TEMP_H

#include "lunette/store.h"

int draft_temp_new(struct store_draft **ret, struct error *err);

#endif
