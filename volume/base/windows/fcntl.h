/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fcntl - what Windows' C library has by another name: a descriptor that children do not get. */
#ifndef WINDOWS_FCNTL_H
#define WINDOWS_FCNTL_H

#include_next <fcntl.h>

#define O_CLOEXEC O_NOINHERIT

#endif
