/* SPDX-License-Identifier: GPL-3.0-or-later */
/* instances - see instances.h. */
#include <string.h>

#include "instances.h"

/* Is there a member with this identity in an instance, among the first @n? */
static bool has(const struct instance_member *members, size_t n, unsigned int instance,
		const char *id)
{
	for (size_t i = 0; i < n; i++)
		if (members[i].instance == instance && strcmp(members[i].id, id) == 0)
			return true;
	return false;
}

/* How often the most frequent identity is there. */
static unsigned int count_copies(const struct instance_member *members, size_t n)
{
	unsigned int most = 0;
	for (size_t i = 0; i < n; i++) {
		unsigned int same = 0;
		for (size_t j = i; j < n; j++)
			same += strcmp(members[i].id, members[j].id) == 0;
		if (same > most)
			most = same;
	}
	return most;
}

/* One instance a generation; right when that makes as many as there are copies. */
static bool by_generation(struct instance_member *members, size_t n, unsigned int copies)
{
	unsigned int next = 0;
	for (size_t i = 0; i < n; i++) {
		size_t j = 0;
		while (members[j].generation != members[i].generation)
			j++;
		unsigned int instance = j < i ? members[j].instance : next++;
		if (next > copies || has(members, i, instance, members[i].id))
			return false;
		members[i].instance = instance;
	}
	return next == copies;
}

/* All disks of the first clone, then all of the second: a repetition begins the next one. */
static bool by_runs(struct instance_member *members, size_t n, unsigned int copies)
{
	unsigned int instance = 0;
	for (size_t i = 0; i < n; i++) {
		if (has(members, i, instance, members[i].id))
			instance++;
		members[i].instance = instance;
	}
	return instance + 1 == copies;
}

/* The first disk of each clone, then the second of each: the n-th copy goes to the n-th clone. */
static void by_turns(struct instance_member *members, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		members[i].instance = 0;
		for (size_t j = 0; j < i; j++)
			members[i].instance += strcmp(members[i].id, members[j].id) == 0;
	}
}

enum instances_verdict instances_assign(struct instance_member *members, size_t n,
					unsigned int *ret)
{
	unsigned int copies = count_copies(members, n);
	*ret = copies;
	if (copies > 1 && by_generation(members, n, copies))
		return INSTANCES_BY_DATA;
	if (!by_runs(members, n, copies))
		by_turns(members, n);
	return copies > 1 ? INSTANCES_BY_ORDER : INSTANCES_ONE;
}
