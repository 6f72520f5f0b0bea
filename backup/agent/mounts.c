/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mounts - see mounts.h.
 *
 * Source: Linux, Documentation/filesystems/proc.rst, 3.5: "36 35 98:0 /mnt1 /mnt2 rw,noatime
 * master:1 - ext3 /dev/root rw,errors=continue", with any number of words before the "-"; blanks in
 * a word are written as \040.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "mounts.h"

/* Words with \ooo in them become what they mean. */
static void unescape(char *word)
{
	char *to = word;
	for (const char *p = word; *p; p++) {
		if (p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' &&
		    p[3] >= '0' && p[3] <= '7') {
			*to++ = (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0'));
			p += 3;
		} else {
			*to++ = *p;
		}
	}
	*to = '\0';
}

static char *next_word(char **line)
{
	char *word = strsep(line, " ");
	if (word)
		unescape(word);
	return word;
}

/* Return: 1 when the line was one, 0 when not, or -ENOMEM. */
static int parse(char *line, struct mount_entry *ret)
{
	unsigned int major, minor;
	const char *id = strsep(&line, " ");
	strsep(&line, " ");
	char *dev = strsep(&line, " ");
	char *root = next_word(&line);
	char *point = next_word(&line);
	char *word = strsep(&line, " ");
	while (word && strcmp(word, "-") != 0)
		word = strsep(&line, " ");
	char *type = next_word(&line);
	char *source = next_word(&line);
	const char *options = line ? line : "";
	if (!source || sscanf(dev, "%u:%u", &major, &minor) != 2)
		return 0;
	*ret = (struct mount_entry){ .id = strtoull(id, NULL, 10),
				     .dev = makedev(major, minor),
				     .root = strdup(root),
				     .point = strdup(point),
				     .type = strdup(type),
				     .source = strdup(source),
				     .read_only = strncmp(options, "ro", 2) == 0 &&
						  (options[2] == ',' || options[2] == '\0') };
	return ret->root && ret->point && ret->type && ret->source ? 1 : -ENOMEM;
}

int mounts_read(const char *top, struct mounts *ret, struct error *err)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/proc/self/mountinfo", top);
	FILE *file = fopen(path, "re");
	if (!file)
		return error_set(err, -errno, "open '%s': %m", path);
	*ret = (struct mounts){ 0 };
	CLEANUP(free_cleanup) char *line = NULL;
	size_t room = 0;
	int rc = 0;
	for (ssize_t n; rc >= 0 && (n = getline(&line, &room, file)) > 0;) {
		line[n - (line[n - 1] == '\n')] = '\0';
		void *bigger = reallocarray(ret->list, ret->n + 1, sizeof(*ret->list));
		rc = -ENOMEM;
		if (!bigger)
			break;
		ret->list = bigger;
		ret->list[ret->n] = (struct mount_entry){ 0 };
		rc = parse(line, &ret->list[ret->n]);
		ret->n += rc != 0;
	}
	fclose(file);
	if (rc >= 0)
		return 0;
	mounts_clear(ret);
	return error_set(err, rc, "the list of mounts: %m");
}

void mounts_clear(struct mounts *mounts)
{
	for (size_t i = 0; i < mounts->n; i++) {
		free(mounts->list[i].root);
		free(mounts->list[i].point);
		free(mounts->list[i].type);
		free(mounts->list[i].source);
	}
	free(mounts->list);
	*mounts = (struct mounts){ 0 };
}

static bool lies_in(const char *path, const char *dir)
{
	size_t n = strlen(dir);
	if (n == 1 && dir[0] == '/')
		return path[0] == '/';
	return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

const struct mount_entry *mounts_find(const struct mounts *mounts, const char *path)
{
	/* Of those at the same place the last one hides the others. */
	const struct mount_entry *best = NULL;
	for (size_t i = 0; i < mounts->n; i++) {
		const struct mount_entry *m = &mounts->list[i];
		if (lies_in(path, m->point) && (!best || strlen(m->point) >= strlen(best->point)))
			best = m;
	}
	return best;
}
