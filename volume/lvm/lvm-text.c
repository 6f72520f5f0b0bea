/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lvm-text - the metadata text as a tree, by libdevmapper's own parser.
 *
 * That parser calls itself for each section in a section and prints what it dislikes, so that depth
 * is checked here first, and its log is silenced.
 */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>

#include <libdevmapper.h>

#include "lvm.h"

/* LVM needs five: group, logical volumes, one of them, segment, settings. */
#define MAX_DEPTH 16

static void discard(int level, const char *file, int line, int dm_errno, const char *fmt, ...)
{
	(void)level;
	(void)file;
	(void)line;
	(void)dm_errno;
	(void)fmt;
}

static void silence(void)
{
	dm_log_with_errno_init(discard);
}

/* The end of a quoted string whose first quote is at @s. */
static const char *skip_string(const char *s)
{
	char quote = *s++;
	while (*s && *s != quote)
		s += *s == '\\' && quote == '"' && s[1] ? 2 : 1;
	return *s ? s + 1 : s;
}

/* The end of a word. One in the place of a value may be a number, and ends with its digits. */
static const char *skip_word(const char *s, bool value)
{
	if (value && strchr("0123456789.+-", *s))
		return s + 1 + strspn(s + 1, "0123456789.");
	return s + strcspn(s, " \t\n\v\f\r#={}");
}

/*
 * The parser's way of telling tokens apart. Words with quotes or brackets in them are legal to it;
 * LVM writes none, and without them what is inside a string is beyond doubt.
 */
static int check(const char *text, size_t len, struct error *err)
{
	size_t depth = 0, nodes = 0;
	char last = '\0'; /* the token in front, if it is of one character */
	for (const char *s = text, *next; *s; s = next) {
		next = s + 1;
		if (strchr(" \t\n\v\f\r", *s))
			continue;
		if (*s == '#') {
			next = s + strcspn(s, "\n");
			continue;
		}
		bool value = last == '=' || last == '[' || last == ',';
		last = *s;
		if (*s == '{' && ++depth > MAX_DEPTH)
			return error_set(err, -EUCLEAN,
					 "LVM metadata: sections in sections, %zu deep", depth);
		else if (*s == '}' && depth > 0)
			depth--;
		else if (*s == '"' || *s == '\'')
			next = skip_string(s);
		else if (!strchr("{}[],=", *s))
			next = skip_word(s, value);
		if (next > s + 1 && *s != '"' && *s != '\'' &&
		    strcspn(s, "\"'[],@") < (size_t)(next - s))
			return error_set(err, -EUCLEAN, "LVM metadata: a word with quotes in it");
		nodes += *s == '=' || *s == '{' || *s == ',';
	}
	/* Each costs a hundred bytes of memory; LVM spends far more text on one. */
	if (nodes > 64 + len / 8)
		return error_set(err, -EUCLEAN, "LVM metadata: %zu entries in %zu bytes", nodes,
				 len);
	return 0;
}

int lvm_text_parse(const char *text, struct dm_config_tree **ret, struct error *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, silence);
	size_t len = strlen(text);
	int rc = check(text, len, err);
	if (rc < 0)
		return rc;
	struct dm_config_tree *tree = dm_config_create();
	if (!tree)
		return error_set(err, -ENOMEM, "LVM metadata: %m");
	/* The other function looks for keys that are there twice, in quadratic time. */
	if (!dm_config_parse_without_dup_node_check(tree, text, text + len) || !tree->root) {
		dm_config_destroy(tree);
		return error_set(err, -EUCLEAN, "LVM metadata: its text is not well formed");
	}
	*ret = tree;
	return 0;
}

void lvm_text_free(struct dm_config_tree *tree)
{
	if (tree)
		dm_config_destroy(tree);
}

/* What has a value is no section. */
static const struct dm_config_node *section_from(const struct dm_config_node *node)
{
	while (node && node->v)
		node = node->sib;
	return node;
}

const struct dm_config_node *lvm_text_top(const struct dm_config_tree *tree)
{
	return section_from(tree->root);
}

const struct dm_config_node *lvm_text_next(const struct dm_config_node *node,
					   const struct dm_config_node *last)
{
	return section_from(last ? last->sib : node ? node->child : NULL);
}

const char *lvm_text_name(const struct dm_config_node *node)
{
	return node->key;
}

/* dm_config_find_node() takes paths and falls back on parents; a key here is a child's. */
static const struct dm_config_node *child(const struct dm_config_node *node, const char *key)
{
	for (const struct dm_config_node *n = node->child; n; n = n->sib)
		if (strcmp(n->key, key) == 0)
			return n;
	return NULL;
}

bool lvm_text_take_number(const struct dm_config_value **at, uint64_t *ret)
{
	const struct dm_config_value *v = *at;
	if (!v || v->type != DM_CFG_INT || v->v.i < 0)
		return false;
	*ret = (uint64_t)v->v.i;
	*at = v->next;
	return true;
}

bool lvm_text_take_string(const struct dm_config_value **at, const char **ret)
{
	const struct dm_config_value *v = *at;
	if (!v || v->type != DM_CFG_STRING)
		return false;
	*ret = v->v.str;
	*at = v->next;
	return true;
}

bool lvm_text_number(const struct dm_config_node *node, const char *key, uint64_t *ret)
{
	const struct dm_config_node *n = child(node, key);
	const struct dm_config_value *v = n ? n->v : NULL;
	return lvm_text_take_number(&v, ret);
}

bool lvm_text_string(const struct dm_config_node *node, const char *key, const char **ret)
{
	const struct dm_config_node *n = child(node, key);
	const struct dm_config_value *v = n ? n->v : NULL;
	return lvm_text_take_string(&v, ret);
}

const struct dm_config_node *lvm_text_section(const struct dm_config_node *node, const char *key)
{
	const struct dm_config_node *n = child(node, key);
	return n && !n->v ? n : NULL;
}

const struct dm_config_value *lvm_text_list(const struct dm_config_node *node, const char *key)
{
	const struct dm_config_node *n = child(node, key);
	return n && n->v && n->v->type != DM_CFG_EMPTY_ARRAY ? n->v : NULL;
}

bool lvm_text_flag(const struct dm_config_node *node, const char *key, const char *word)
{
	for (const struct dm_config_value *v = lvm_text_list(node, key); v; v = v->next)
		if (v->type == DM_CFG_STRING && strcmp(v->v.str, word) == 0)
			return true;
	return false;
}
