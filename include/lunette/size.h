/* SPDX-License-Identifier: GPL-3.0-or-later */
/* size - numbers of bytes as people write and read them. */
#ifndef LUNETTE_SIZE_H
#define LUNETTE_SIZE_H

#include <stdbool.h>
#include <stdint.h>

/* "256K", "4M", "1G", "65536". Return: false if it is not a number of bytes. */
bool size_parse(const char *text, uint64_t *ret);

/* "3.7 GiB", "512 B", for people. Returns @buf. */
#define SIZE_TEXT 32
const char *size_text(uint64_t bytes, char buf[SIZE_TEXT]);

#endif
