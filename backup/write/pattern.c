/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pattern - see pattern.h. Characters are code points; a byte that is not UTF-8 is one of its own.
 */
#include <errno.h>
#include <string.h>

#include "pattern.h"

enum token_kind {
	TOKEN_CHAR,
	TOKEN_ANY,       /* ? */
	TOKEN_CLASS,     /* [...] */
	TOKEN_STAR,      /* any number; stays where it is */
	TOKEN_STARS,     /* the same, '/' included */
	TOKEN_DIRS,      /* any number of directories: at the beginning of a name, */
	TOKEN_DIRS_NAME, /* and within one: always the next token */
	TOKEN_END,
	TOKEN_END_DIR,  /* if it is a directory */
	TOKEN_END_FILE, /* if it is none */
};

/**
 * struct token - what may come next in a path
 * @c: the character; of a class, where it begins in the set's ranges
 * @n: how many ranges a class has
 * @others: the class means what is not in it
 */
struct token {
	enum token_kind kind;
	uint32_t c;
	uint32_t n;
	bool others;
};

struct range {
	uint32_t first, last;
};

struct pattern_set {
	size_t n_tokens, token_room;
	struct token *tokens;
	size_t n_ranges, range_room;
	struct range *ranges;
	size_t n_starts, start_room;
	size_t *starts; /* first token of each pattern */
	uint64_t *scratch;
};

int pattern_set_new(struct pattern_set **ret, struct error *err)
{
	struct pattern_set *set = calloc(1, sizeof(*set));
	if (!set)
		return error_set(err, -ENOMEM, "patterns: %m");
	*ret = set;
	return 0;
}

void pattern_set_free(struct pattern_set *set)
{
	if (!set)
		return;
	free(set->tokens);
	free(set->ranges);
	free(set->starts);
	free(set->scratch);
	free(set);
}

/* ---- characters -------------------------------------------------------------------------------
 */

#define BYTE_BASE 0x110000u /* behind the last code point */

/* The next character of a string, which is not at its end. */
static uint32_t next_char(const char **text)
{
	const unsigned char *s = (const unsigned char *)*text;
	unsigned int more = s[0] >= 0xf0 && s[0] < 0xf8 ? 3 : s[0] >= 0xe0 ? 2 : s[0] >= 0xc0;
	uint32_t c = more ? s[0] & (0x3fu >> more) : s[0];
	if (s[0] >= 0xf8 || (s[0] >= 0x80 && s[0] < 0xc0))
		more = 4; /* begins nothing */
	for (unsigned int i = 1; more < 4 && i <= more; i++) {
		if ((s[i] & 0xc0) != 0x80)
			more = 4;
		else
			c = c << 6 | (s[i] & 0x3f);
	}
	if (more == 4) {
		(*text)++;
		return BYTE_BASE + s[0];
	}
	*text += more + 1;
	return c;
}

/* ---- compiling --------------------------------------------------------------------------------
 */

static int grow(void **array, size_t *room, size_t n, size_t size, struct error *err)
{
	if (n < *room)
		return 0;
	size_t more = *room ? 2 * *room : 64;
	void *larger = reallocarray(*array, more, size);
	if (!larger)
		return error_set(err, -ENOMEM, "patterns: %m");
	*array = larger;
	*room = more;
	return 0;
}

static int add_token(struct pattern_set *set, struct token token, struct error *err)
{
	if (set->n_tokens == PATTERN_TOKENS_MAX)
		return error_set(err, -E2BIG,
				 "the patterns are too many, or too long: they may "
				 "have 65536 characters in all");
	int rc = grow((void **)&set->tokens, &set->token_room, set->n_tokens, sizeof(*set->tokens),
		      err);
	if (rc == 0)
		set->tokens[set->n_tokens++] = token;
	return rc;
}

/* The end of a text, in a class or behind a backslash, is an error: 0 is not a character. */
static uint32_t escaped_char(const char **text)
{
	if (**text == '\\')
		(*text)++;
	return **text ? next_char(text) : 0;
}

/* Behind the '[', up to behind the ']'. A ']' that comes first is one of the class. */
static int add_class(struct pattern_set *set, const char **text, struct error *err)
{
	struct token class = { .kind = TOKEN_CLASS, .c = (uint32_t)set->n_ranges };
	class.others = **text == '!' || **text == '^';
	*text += class.others;
	do {
		struct range range;
		range.first = range.last = escaped_char(text);
		if ((*text)[0] == '-' && (*text)[1] && (*text)[1] != ']') {
			(*text)++;
			range.last = escaped_char(text);
		}
		if (range.first == 0 || range.last == 0 || **text == '\0')
			return error_set(err, -EINVAL, "a '[' has no ']'");
		if (range.first > range.last)
			return error_set(err, -EINVAL, "a range in '[...]' is the wrong way round");
		int rc = grow((void **)&set->ranges, &set->range_room, set->n_ranges,
			      sizeof(*set->ranges), err);
		if (rc < 0)
			return rc;
		set->ranges[set->n_ranges++] = range;
		class.n++;
	} while (**text != ']');
	(*text)++;
	return add_token(set, class, err);
}

static int add_dirs(struct pattern_set *set, struct error *err)
{
	int rc = add_token(set, (struct token){ .kind = TOKEN_DIRS }, err);
	return rc < 0 ? rc : add_token(set, (struct token){ .kind = TOKEN_DIRS_NAME }, err);
}

static int add_stars(struct pattern_set *set, const char **text, bool name_begins,
		     struct error *err)
{
	size_t n = strspn(*text, "*");
	*text += n;
	if (n >= 2 && name_begins && **text == '/' && (*text)[1]) {
		(*text)++;
		return add_dirs(set, err);
	}
	return add_token(set, (struct token){ .kind = n >= 2 ? TOKEN_STARS : TOKEN_STAR }, err);
}

static int add_one(struct pattern_set *set, const char **text, bool name_begins, struct error *err)
{
	switch (**text) {
	case '*':
		return add_stars(set, text, name_begins, err);
	case '?':
		(*text)++;
		return add_token(set, (struct token){ .kind = TOKEN_ANY }, err);
	case '[':
		(*text)++;
		return add_class(set, text, err);
	case '/':
		if (name_begins)
			return error_set(err, -EINVAL, "there is no name between two '/'");
		break;
	case '\\':
		if ((*text)[1] == '\0' || (*text)[1] == '/')
			return error_set(err, -EINVAL,
					 "a '\\' is for the character behind it: between names "
					 "there is '/'");
		(*text)++;
		break;
	}
	return add_token(set, (struct token){ .c = next_char(text) }, err);
}

static int add_tokens(struct pattern_set *set, const char *text, bool files_only, struct error *err)
{
	struct token end = { .kind = files_only ? TOKEN_END_FILE : TOKEN_END };
	int rc = 0;
	if (*text == '/')
		text++;
	else
		rc = add_dirs(set, err);
	if (rc == 0 && *text == '\0')
		rc = error_set(err, -EINVAL, "there is no name in it");
	for (bool name_begins = true; rc == 0 && *text;) {
		if (text[0] == '/' && text[1] == '\0' && !name_begins) {
			end.kind = TOKEN_END_DIR;
			break;
		}
		bool slash = *text == '/';
		const char *before = text;
		rc = add_one(set, &text, name_begins, err);
		name_begins = slash || (text - before > 2 && text[-1] == '/');
	}
	return rc < 0 ? rc : add_token(set, end, err);
}

int pattern_add(struct pattern_set *set, const char *text, bool files_only, struct error *err)
{
	size_t start = set->n_tokens;
	int rc = 0;
	if (strlen(text) > PATTERN_MAX)
		rc = error_set(err, -EINVAL, "it is longer than %zu bytes", PATTERN_MAX);
	else if (*text == '!')
		rc = error_set(err, -EINVAL,
			       "a pattern cannot take another one back; write '\\!' for a name "
			       "that begins so");
	if (rc == 0)
		rc = grow((void **)&set->starts, &set->start_room, set->n_starts,
			  sizeof(*set->starts), err);
	if (rc == 0)
		rc = add_tokens(set, text, files_only, err);
	if (rc < 0) {
		set->n_tokens = start;
		return rc == -ENOMEM ? rc : error_wrap(err, rc, "pattern '%.200s'", text);
	}
	uint64_t *scratch = realloc(set->scratch, pattern_words(set) * sizeof(*scratch));
	if (!scratch)
		return error_set(err, -ENOMEM, "patterns: %m");
	set->scratch = scratch;
	set->starts[set->n_starts++] = start;
	return 0;
}

/* ---- matching ---------------------------------------------------------------------------------
 */

size_t pattern_words(const struct pattern_set *set)
{
	return BITS_WORDS(set->n_tokens + 1);
}

/* Sets a token's bit, and those of the tokens that may come next because it may stand for nothing.
 */
static void reach(const struct pattern_set *set, uint64_t *state, size_t i)
{
	for (;;) {
		bits_put(state, i, i + 1, true);
		switch (set->tokens[i].kind) {
		case TOKEN_STAR:
		case TOKEN_STARS:
			i++;
			break;
		case TOKEN_DIRS:
			i += 2;
			break;
		default:
			return;
		}
	}
}

void pattern_start(const struct pattern_set *set, uint64_t *state)
{
	memset(state, 0, pattern_words(set) * sizeof(*state));
	for (size_t i = 0; i < set->n_starts; i++)
		reach(set, state, set->starts[i]);
}

static bool in_class(const struct pattern_set *set, const struct token *class, uint32_t c)
{
	bool in = false;
	for (uint32_t i = 0; i < class->n && !in; i++)
		in = c >= set->ranges[class->c + i].first && c <= set->ranges[class->c + i].last;
	return in != class->others;
}

/* What one token makes of a character. */
static void step_token(const struct pattern_set *set, size_t i, uint32_t c, uint64_t *to)
{
	const struct token *token = &set->tokens[i];
	switch (token->kind) {
	case TOKEN_CHAR:
		if (c == token->c)
			reach(set, to, i + 1);
		break;
	case TOKEN_ANY:
		if (c != '/')
			reach(set, to, i + 1);
		break;
	case TOKEN_CLASS:
		if (c != '/' && in_class(set, token, c))
			reach(set, to, i + 1);
		break;
	case TOKEN_STAR:
		if (c != '/')
			reach(set, to, i);
		break;
	case TOKEN_STARS:
		reach(set, to, i);
		break;
	case TOKEN_DIRS:
		if (c != '/')
			reach(set, to, i + 1);
		break;
	case TOKEN_DIRS_NAME:
		reach(set, to, c == '/' ? i - 1 : i);
		break;
	case TOKEN_END:
	case TOKEN_END_DIR:
	case TOKEN_END_FILE:
		break;
	}
}

static void step(const struct pattern_set *set, uint64_t *state, uint32_t c)
{
	size_t bytes = pattern_words(set) * sizeof(*state), n = set->n_tokens;
	memcpy(set->scratch, state, bytes);
	memset(state, 0, bytes);
	for (size_t i = 0; (i = bits_find(set->scratch, i, n, true)) < n; i++)
		step_token(set, i, c, state);
}

static bool matches(const struct pattern_set *set, const uint64_t *state, bool is_dir)
{
	size_t n = set->n_tokens;
	for (size_t i = 0; (i = bits_find(state, i, n, true)) < n; i++) {
		enum token_kind kind = set->tokens[i].kind;
		if (kind == TOKEN_END || kind == (is_dir ? TOKEN_END_DIR : TOKEN_END_FILE))
			return true;
	}
	return false;
}

bool pattern_name(const struct pattern_set *set, const uint64_t *dir, const char *name, bool is_dir,
		  uint64_t *state)
{
	if (set->n_tokens == 0)
		return false;
	if (state != dir)
		memcpy(state, dir, pattern_words(set) * sizeof(*state));
	while (*name)
		step(set, state, next_char(&name));
	bool matched = matches(set, state, is_dir);
	step(set, state, '/');
	return matched;
}

bool pattern_goes_on(const struct pattern_set *set, const uint64_t *state)
{
	return bits_find(state, 0, set->n_tokens, true) < set->n_tokens;
}
