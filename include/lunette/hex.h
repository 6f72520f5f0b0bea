/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hex - bytes as hexadecimal digits, in small letters, and back. */
#ifndef LUNETTE_HEX_H
#define LUNETTE_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of the text of a UUID: 36 characters and the NUL. */
#define HEX_UUID 37

/* Two digits a byte; @ret has 2 * @len + 1 bytes. */
void hex_text(const void *bytes, size_t len, char *ret);

/**
 * hex_parse() - the bytes that a text stands for
 * @text: 2 * @len digits and nothing else. Capital letters are none: what names something has one
 *	  spelling only
 *
 * Return: false when it is not that; @ret is as it was.
 */
bool hex_parse(const char *text, void *ret, size_t len);

/* What one digit stands for, capital or not; -1 when it is none. */
int hex_digit(char c);

/* 16 bytes in their order, as 8-4-4-4-12 digits. */
void hex_uuid(const uint8_t bytes[16], char ret[HEX_UUID]);

#endif
