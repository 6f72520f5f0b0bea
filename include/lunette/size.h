/* SPDX-License-Identifier: GPL-3.0-or-later */
/* size - numbers of bytes as people write them. */
#ifndef LUNETTE_SIZE_H
#define LUNETTE_SIZE_H

#include <stdbool.h>
#include <stdint.h>

/* "256K", "4M", "1G", "65536". Return: false if it is not a number of bytes. */
bool size_parse(const char *text, uint64_t *ret);

#endif
