/* SPDX-License-Identifier: GPL-3.0-or-later */
/* errno - what Windows' C library lacks: numbers of errors that only we set, far from its own. */
#ifndef WINDOWS_ERRNO_H
#define WINDOWS_ERRNO_H

#include_next <errno.h>

#define EUCLEAN      1001
#define ESTALE       1002
#define EDQUOT       1003
#define EKEYREJECTED 1004
#define EREMOTEIO    1005

#endif
