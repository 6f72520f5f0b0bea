/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * key-text - the master key on paper: four lines, each with a checksum of its own, so that who
 * types them in learns which one is wrong.
 *
 * A line is 8 bytes of the key and 2 bytes of checksum, in base 32 without the letters that are
 * taken for others (I, L, O; and U). Source: FORMAT.md, "The exported key".
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#include "lunette/keys.h"

#define LINES      4
#define LINE_BYTES (KEYS_MASTER / LINES)
#define SUM_BYTES  2
#define DIGITS     16 /* (LINE_BYTES + SUM_BYTES) * 8 / 5 */

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static int line_sum(unsigned int n, const uint8_t *bytes, uint8_t ret[SUM_BYTES], struct error *err)
{
	uint8_t text[1 + LINE_BYTES] = { (uint8_t)n }, sum[DIGEST_SIZE];
	memcpy(text + 1, bytes, LINE_BYTES);
	int rc = digest(text, sizeof(text), sum, err);
	memcpy(ret, sum, SUM_BYTES);
	OPENSSL_cleanse(text, sizeof(text));
	return rc;
}

/* "ABCD-EFGH-JKMN-PQRS" */
static void print_line(const uint8_t bytes[LINE_BYTES + SUM_BYTES], char ret[DIGITS + 4])
{
	for (unsigned int i = 0; i < DIGITS; i++) {
		unsigned int bit = 5 * i, value = 0;
		for (unsigned int b = bit; b < bit + 5; b++)
			value = value << 1 | (bytes[b / 8] >> (7 - b % 8) & 1);
		if (i > 0 && i % 4 == 0)
			*ret++ = '-';
		*ret++ = alphabet[value];
	}
	*ret = '\0';
}

int keys_export(const struct keys *keys, const char *repo_id, char **ret, struct error *err)
{
	char lines[LINES][DIGITS + 4];
	for (unsigned int i = 0; i < LINES; i++) {
		uint8_t bytes[LINE_BYTES + SUM_BYTES];
		memcpy(bytes, keys->master + i * LINE_BYTES, LINE_BYTES);
		int rc = line_sum(i + 1, bytes, bytes + LINE_BYTES, err);
		if (rc < 0)
			return rc;
		print_line(bytes, lines[i]);
		OPENSSL_cleanse(bytes, sizeof(bytes));
	}
	int n = asprintf(
		ret,
		"# The key of the lunette repository %s.\n"
		"# WHOEVER HAS THESE LINES CAN READ EVERY BACKUP IN IT, without a password, and\n"
		"# changing passwords does not change that. Print them, keep them in a safe, and\n"
		"# remove this file. When all passwords are lost, type the four lines into a file:\n"
		"#   lunette key add --repo REPO --key-file FILE\n"
		"1: %s\n2: %s\n3: %s\n4: %s\n",
		repo_id, lines[0], lines[1], lines[2], lines[3]);
	OPENSSL_cleanse(lines, sizeof(lines));
	return n < 0 ? error_set(err, -ENOMEM, "export the key: %m") : 0;
}

/* -1: not a digit. People and typewriters mistake some letters. */
static int value_of(char c)
{
	c = (char)toupper((unsigned char)c);
	c = c == 'O' ? '0' : c == 'I' || c == 'L' ? '1' : c;
	const char *found = c ? strchr(alphabet, c) : NULL;
	return found ? (int)(found - alphabet) : -1;
}

/* Return: whether there are exactly DIGITS digits; blanks and dashes between them do not matter. */
static bool parse_line(const char *text, const char *end, uint8_t ret[LINE_BYTES + SUM_BYTES])
{
	unsigned int n = 0;
	memset(ret, 0, LINE_BYTES + SUM_BYTES);
	for (; text < end; text++) {
		if (*text == '-' || isspace((unsigned char)*text))
			continue;
		int value = value_of(*text);
		if (value < 0 || n == DIGITS)
			return false;
		for (unsigned int b = 5 * n; b < 5 * n + 5; b++)
			if (value >> (5 * n + 4 - b) & 1)
				ret[b / 8] |= (uint8_t)(0x80 >> b % 8);
		n++;
	}
	return n == DIGITS;
}

static int import_line(unsigned int n, const char *text, const char *end, uint8_t *ret,
		       struct error *err)
{
	uint8_t bytes[LINE_BYTES + SUM_BYTES], sum[SUM_BYTES];
	bool fine = parse_line(text, end, bytes);
	int rc = line_sum(n, bytes, sum, err);
	if (rc == 0 && (!fine || memcmp(sum, bytes + LINE_BYTES, SUM_BYTES) != 0))
		rc = error_set(err, -EINVAL,
			       "the exported key: line %u is not as it was printed: %d letters and "
			       "digits are expected after '%u:'",
			       n, DIGITS, n);
	if (rc == 0)
		memcpy(ret, bytes, LINE_BYTES);
	OPENSSL_cleanse(bytes, sizeof(bytes));
	return rc;
}

/* Where a line's digits begin, if it begins with "N:". */
static const char *after_number(const char *line, unsigned int n)
{
	line += strspn(line, " \t");
	if (*line != (char)('0' + n))
		return NULL;
	line++;
	line += strspn(line, " \t");
	return *line == ':' ? line + 1 : NULL;
}

int keys_import(const char *text, uint8_t ret[KEYS_MASTER], struct error *err)
{
	unsigned int n = 0;
	uint8_t master[KEYS_MASTER];
	int rc = 0;
	for (const char *end; rc == 0 && *text && n < LINES; text = *end ? end + 1 : end) {
		end = text + strcspn(text, "\n");
		const char *digits = after_number(text, n + 1);
		if (digits) {
			rc = import_line(n + 1, digits, end, master + n * LINE_BYTES, err);
			n++;
		}
	}
	if (rc == 0 && n < LINES)
		rc = error_set(err, -EINVAL,
			       "the exported key: there is no line that begins with '%u:'", n + 1);
	if (rc == 0)
		memcpy(ret, master, KEYS_MASTER);
	OPENSSL_cleanse(master, sizeof(master));
	return rc;
}
