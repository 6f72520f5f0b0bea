/* SPDX-License-Identifier: GPL-3.0-or-later */
/* say - see say.h. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "lunette/util.h"
#include "say.h"

int cmd_usage(struct error *err, const char *fmt, ...)
{
	char text[256];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	error_set(err, -EINVAL, "%s", text);
	return STATUS_USAGE;
}

void cmd_say(const char *kind, const char *sentence)
{
	flockfile(stderr);
	fprintf(stderr, "lunette: %s", kind);
	cmd_put(stderr, sentence, 0);
	fputc('\n', stderr);
	funlockfile(stderr);
}

/* Also by threads that work for the command. */
static atomic_bool warned;

bool cmd_has_warned(void)
{
	return warned;
}

void cmd_warn(const char *fmt, ...)
{
	warned = true;
	char text[sizeof(((struct error *)NULL)->msg) + 256];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	cmd_say("warning: ", text);
}

const char *cmd_size(uint64_t bytes, char *buf)
{
	return size_text(bytes, buf);
}

void cmd_put(FILE *out, const char *text, int width)
{
	mbstate_t state = { 0 };
	while (*text) {
		wchar_t c;
		size_t n = mbrtowc(&c, text, MB_LEN_MAX, &state);
		int columns = n > MB_LEN_MAX ? -1 : wcwidth(c);
		if (columns < 0) {
			fputc('?', out);
			text += n > MB_LEN_MAX ? 1 : n;
			state = (mbstate_t){ 0 };
			width--;
		} else {
			fwrite(text, 1, n, out);
			text += n;
			width -= columns;
		}
	}
	for (; width > 0; width--)
		fputc(' ', out);
}

static bool done;

void cmd_done(void)
{
	done = true;
}

static bool to_stderr;

void cmd_report_to_stderr(void)
{
	to_stderr = true;
}

static int print(const char *text, struct error *err)
{
	FILE *out = to_stderr ? stderr : stdout;
	const char *name = to_stderr ? "error" : "output";
	if (fputs(text, out) < 0 || fflush(out) != 0)
		return error_set(err, -errno, "write to standard %s: %m", name);
	if (ferror(out)) /* of what came before */
		return error_set(err, -EIO, "not all could be written to standard %s", name);
	return 0;
}

int cmd_print(const char *text, struct error *err)
{
	struct error why = { 0 };
	int rc = print(text, &why);
	if (rc < 0 && !done)
		return error_copy(err, rc, &why);
	if (rc < 0)
		cmd_warn("it is done, but the report is lost: %s", why.msg);
	return 0;
}

static bool printed_json;

bool cmd_has_printed_json(void)
{
	return printed_json;
}

int cmd_print_json(json_t *doc, struct error *err)
{
	CLEANUP(free_cleanup) char *text = json_dumps(doc, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	json_decref(doc);
	if (!text)
		return error_set(err, -ENOMEM, "report: %m");
	printed_json = true;
	fputs(text, to_stderr ? stderr : stdout);
	return cmd_print("\n", err);
}
