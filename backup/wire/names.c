/* SPDX-License-Identifier: GPL-3.0-or-later */
/* names - see names.h. */
#include <string.h>

#include "lunette/names.h"

#define ALNUM "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define SIGNS "._-"
#define OWNER "lunette/"

/* Any number of letters, digits and signs that a name may have. */
static bool is_part(const char *text, size_t len)
{
	return len >= 1 && len <= NAMES_MAX && strspn(text, ALNUM SIGNS) >= len;
}

bool names_ok(const char *name)
{
	return is_part(name, strlen(name)) && !strchr(SIGNS, name[0]);
}

void names_mend(char *name)
{
	if (strlen(name) > NAMES_MAX)
		name[NAMES_MAX] = '\0';
	for (char *c = name + strspn(name, ALNUM SIGNS); *c; c += strspn(c, ALNUM SIGNS))
		*c = '-';
	if (!name[0])
		name[1] = '\0';
	if (strchr(SIGNS, name[0]))
		name[0] = 'x';
}

bool names_owner_ok(const char *owner)
{
	int parts = 1;
	if (strncmp(owner, OWNER, strlen(OWNER)) != 0)
		return false;
	for (const char *part = owner + strlen(OWNER); part; parts++) {
		size_t len = strcspn(part, "/");
		if (!is_part(part, len))
			return false;
		part = part[len] ? part + len + 1 : NULL;
	}
	return parts == 4;
}

bool names_same_owner(const char *a, const char *b)
{
	size_t len = (size_t)(strrchr(a, '/') - a);
	return strlen(b) > len && strncmp(a, b, len + 1) == 0;
}
