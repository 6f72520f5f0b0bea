/* SPDX-License-Identifier: GPL-3.0-or-later */
/* option-help - what is said about options: see option.h. */
#include <string.h>

#include "lunette/util.h"
#include "option.h"

#define COLUMNS   95
#define LABEL_MAX 24 /* what is longer has a line of its own */

/* The next piece that is not broken: a word, or all that a pair of backquotes holds. */
static size_t piece(const char *text)
{
	bool quoted = false;
	size_t n = 0;
	for (; text[n] && text[n] != '\n' && (quoted || text[n] != ' '); n++)
		quoted ^= text[n] == '`';
	return n;
}

void option_put_text(FILE *out, const char *text, int indent)
{
	int column = indent;
	bool begun = false;
	while (*text) {
		if (*text == '\n') {
			fprintf(out, "\n%*s", text[1] && text[1] != '\n' ? indent : 0, "");
			column = indent;
			begun = false;
			text++;
			continue;
		}
		size_t n = !begun && *text == ' ' ? strcspn(text, "\n") : piece(text);
		if (begun && column + 1 + (int)n > COLUMNS) {
			fprintf(out, "\n%*s", indent, "");
			column = indent;
			begun = false;
		}
		column += fprintf(out, "%s%.*s", begun ? " " : "", (int)n, text);
		begun = true;
		text += n;
		text += *text == ' ';
	}
	fputc('\n', out);
}

/* "-f, --foreground", "--progress[=json|none]". Return: columns. */
static int label(const struct option_row *row, char *buf, size_t size)
{
	char letter[] = "-x, ";
	letter[1] = row->letter;
	return snprintf(buf, size, "%s--%s%s%s%s", row->letter ? letter : "", row->name,
			!row->arg       ? ""
			: row->optional ? "[="
					: " ",
			row->arg ? row->arg : "", row->optional ? "]" : "");
}

bool option_is_for(const struct option_row *row, const char *verb)
{
	if (!verb || !row->verbs)
		return true;
	size_t len = strlen(verb);
	for (const char *at = row->verbs; at; at = strchr(at, ',')) {
		at += strspn(at, ", ");
		if (len > 0 && strcspn(at, ",") == len && strncmp(at, verb, len) == 0)
			return true;
	}
	return false;
}

static int widest(const struct option_row *row, const char *verb)
{
	char text[128];
	int most = 0;
	for (; row && row->kind != OPTION_KIND_NONE; row++) {
		int n = row->kind == OPTION_KIND_GROUP          ? widest(row->group->rows, verb)
			: row->name && option_is_for(row, verb) ? label(row, text, sizeof(text))
								: 0;
		if (n <= LABEL_MAX)
			most = MAX(most, n);
	}
	return most;
}

/* Where all verbs' options are told, it says first whose this one is. */
static void put_help(const struct option_row *row, const char *verb, int indent, FILE *out)
{
	char text[1024];
	bool whose = row->verbs && !verb;
	snprintf(text, sizeof(text), "%s%s%s", whose ? row->verbs : "", whose ? ": " : "",
		 row->help);
	option_put_text(out, text, indent);
}

static void put_rows(const struct option_row *row, const char *verb, int width, FILE *out)
{
	char text[128];
	for (; row && row->kind != OPTION_KIND_NONE; row++) {
		if (row->kind == OPTION_KIND_GROUP) {
			put_rows(row->group->rows, verb, width, out);
			continue;
		}
		if (row->kind == OPTION_KIND_HEADING) {
			fputc('\n', out);
			option_put_text(out, row->help, 0);
			continue;
		}
		if (!option_is_for(row, verb))
			continue;
		int n = label(row, text, sizeof(text));
		fprintf(out, "  %s", text);
		if (n > width)
			fprintf(out, "\n%*s", width + 4, "");
		else
			fprintf(out, "%*s", width - n + 2, "");
		put_help(row, verb, width + 4, out);
	}
}

void option_help(const struct option_row *rows, const char *verb, FILE *out)
{
	if (!rows)
		return;
	if (rows->kind != OPTION_KIND_HEADING)
		fputs("\nOptions:\n", out);
	put_rows(rows, verb, widest(rows, verb), out);
}

bool option_has_argument(const struct option_row *row, const char *word)
{
	for (; row && row->kind != OPTION_KIND_NONE; row++)
		if (row->kind == OPTION_KIND_GROUP ? option_has_argument(row->group->rows, word)
						   : row->arg && strcmp(row->arg, word) == 0)
			return true;
	return false;
}
