/* SPDX-License-Identifier: GPL-3.0-or-later */
/* json - a reference to a JSON value that goes with its scope: CLEANUP(json_decref_cleanup). */
#ifndef LUNETTE_JSON_H
#define LUNETTE_JSON_H

#include <jansson.h>

#include "lunette/util.h"

DEFINE_CLEANUP(json_t *, json_decref)

#endif
