/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sync - names on stable storage. A file that is synced is not there after a power cut if the
 * folder that has its name is not: the file's bytes are the file's, its name is the folder's.
 */
#ifndef LUNETTE_SYNC_H
#define LUNETTE_SYNC_H

#include "lunette/error.h"

/**
 * sync_folder_of() - bring the name of a file or a folder to stable storage, or that it has none
 * now
 * @path: need not be there any more; the folder that it lies in is
 */
int sync_folder_of(const char *path, struct error *err);

/**
 * sync_make_folders() - make a folder, and those that lead to it, so that they stay
 *
 * Those that are there already count as well: who made them may have died before he came to
 * syncing.
 */
int sync_make_folders(const char *path, struct error *err);

#endif
