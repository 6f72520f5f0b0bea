/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tool-ldm-kinds [--strange] CONTENT FILE... - makes a group of seven Windows dynamic disks with a
 * volume of each type: E simple, F spanned, G striped, H mirrored, I RAID-5. The last three hold
 * the image CONTENT, of 8 MiB; of the others the bytes tell which volume and which sector they are.
 * With --strange there is one more, S, of a type that there is not.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "make-ldm.h"

#define N     7
#define HALF  8192  /* sectors, of a member of a stripe or RAID-5 */
#define WHOLE 16384 /* and of a mirror */
#define SIZE  ((size_t)WHOLE * 512)
#define CHUNK 128

static const struct {
	const char *name, *hint;
	unsigned int kind;
	size_t n;
	struct make_ldm_extent extents[3];
} kinds[] = {
	{ "Volume1", "E:", MAKE_LDM_CONCAT, 1, { { 0, 0, 0, HALF, 2048 } } },
	{ "Volume2",
	  "F:",
	  MAKE_LDM_CONCAT,
	  2,
	  { { 0, 0, 1, HALF, 2048 }, { 0, 0, 0, 10240, 2048 } } },
	{ "Stripe1", "G:", MAKE_LDM_STRIPED, 2, { { 0, 0, 0, 0, HALF }, { 0, 1, 1, 0, HALF } } },
	{ "Mirror1", "H:", MAKE_LDM_CONCAT, 2, { { 0, 0, 2, 0, WHOLE }, { 1, 0, 3, 0, WHOLE } } },
	{ "Raid1",
	  "I:",
	  MAKE_LDM_RAID5,
	  3,
	  { { 0, 0, 4, 0, HALF }, { 0, 1, 5, 0, HALF }, { 0, 2, 6, 0, HALF } } },
};

#define STRANGE 9
static const struct make_ldm_extent strange = { 0, 0, 0, 12288, 2048 };

static bool read_content(const char *path, uint8_t *content)
{
	FILE *f = fopen(path, "r");
	bool whole = f && fread(content, 1, SIZE, f) == SIZE;
	if (f)
		fclose(f);
	return whole;
}

int main(int argc, char **argv)
{
	bool with_strange = argc > 1 && strcmp(argv[1], "--strange") == 0;
	argv += with_strange;
	argc -= with_strange;
	if (argc != N + 2) {
		fprintf(stderr, "Usage: tool-ldm-kinds [--strange] CONTENT FILE... (seven)\n");
		return 2;
	}
	uint8_t *content = malloc(SIZE);
	if (!content || !read_content(argv[1], content)) {
		fprintf(stderr, "tool-ldm-kinds: '%s': %zu bytes are needed\n", argv[1], SIZE);
		free(content);
		return 1;
	}
	struct make_ldm *group = make_ldm_new("TestDg0", 9);
	for (unsigned int i = 0; i < N; i++)
		make_ldm_add_disk(group, UINT64_C(10) << 20, 512, false);
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		group->content = k >= 2 ? content : NULL;
		make_ldm_volume(group, kinds[k].name, kinds[k].kind, CHUNK, kinds[k].extents,
				kinds[k].n, kinds[k].hint);
	}
	group->content = NULL;
	if (with_strange)
		make_ldm_volume(group, "Strange1", STRANGE, CHUNK, &strange, 1, "S:");
	make_ldm_write(group);
	int rc = 0;
	for (unsigned int i = 0; rc == 0 && i < N; i++) {
		rc = make_ldm_save(group, i, argv[2 + i]);
		if (rc < 0)
			fprintf(stderr, "tool-ldm-kinds: '%s': %s\n", argv[2 + i], strerror(-rc));
	}
	make_ldm_free(group);
	free(content);
	return rc < 0;
}
