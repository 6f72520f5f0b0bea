/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Dynamic disks that Windows made, against what ldmtool and device-mapper made of them. The disks
 * are not part of the project: where they are not there, the tests say so.
 */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lunette/layout.h"
#include "lunette/source.h"

#define DATA "../shared/data"

static const char *const names[] = {
	"mirrored-1", "mirrored-2", "raid5-1",   "raid5-2",   "raid5-3",
	"simple-1",   "spanned-1",  "spanned-2", "striped-1", "striped-2",
};
#define N ARRAY_SIZE(names)

/**
 * struct real - the disks, and what is known of them
 * @sums: lines of "VOLUME SIZE SHA256"
 */
struct real {
	char dir[32];
	size_t n_volumes;
	struct {
		char name[32];
		uint64_t size;
		char sha256[65];
	} volumes[8];
};

static int unpack(void **state)
{
	static struct real real;
	*state = NULL;
	if (access(DATA "/ldm-2003r2.tar.zst", R_OK) < 0 || system("command -v zstd >/dev/null"))
		return 0;
	strcpy(real.dir, "/tmp/lunette-ldm.XXXXXX");
	if (!mkdtemp(real.dir))
		return -1;
	char command[512];
	snprintf(command, sizeof(command),
		 "for f in ldm-2003r2 ldm-2003r2-expected; do "
		 "zstd -dc " DATA "/$f.tar.zst | tar -xf - -C %s || exit; done",
		 real.dir);
	if (system(command))
		return -1;
	snprintf(command, sizeof(command), "%s/dm-2003r2-all.txt", real.dir);
	FILE *f = fopen(command, "r");
	char line[512];
	while (f && real.n_volumes < 8 && fgets(line, sizeof(line), f)) {
		const char *name = strrchr(line, '_');
		if (name &&
		    sscanf(name, "_%31s size=%" SCNu64 " sha256=%64s",
			   real.volumes[real.n_volumes].name, &real.volumes[real.n_volumes].size,
			   real.volumes[real.n_volumes].sha256) == 3)
			real.n_volumes++;
	}
	if (f)
		fclose(f);
	*state = &real;
	return 0;
}

static int clean(void **state)
{
	struct real *real = *state;
	char command[64];
	if (!real)
		return 0;
	snprintf(command, sizeof(command), "rm -rf %s", real->dir);
	return system(command);
}

/* All the disks but one. */
static struct layout *look(const struct real *real, size_t without)
{
	struct layout_input inputs[N];
	size_t n = 0;
	for (size_t i = 0; i < N; i++) {
		char path[128];
		snprintf(path, sizeof(path), "%s/ldm-2003r2-%s.img", real->dir, names[i]);
		inputs[n].source = names[i];
		if (i != without)
			assert_int_equal(blk_file_open(path, &inputs[n++].blk, NULL), 0);
	}
	struct layout *layout;
	assert_int_equal(layout_new(inputs, n, NULL, &layout, NULL), 0);
	for (size_t i = 0; i < n; i++)
		blk_unref(inputs[i].blk);
	return layout;
}

static void assert_sha256(const struct real *real, struct blk *blk, const char *expected)
{
	enum { PIECE = 1 << 20 };
	char *buf = malloc(PIECE), command[128], sum[65] = "";
	snprintf(command, sizeof(command), "sha256sum >%s/sum", real->dir);
	FILE *f = popen(command, "w");
	for (uint64_t off = 0; off < blk->size; off += PIECE) {
		size_t n = (size_t)MIN((uint64_t)PIECE, blk->size - off);
		assert_int_equal(blk_read(blk, buf, n, off, NULL), 0);
		assert_int_equal(fwrite(buf, 1, n, f), n);
	}
	assert_int_equal(pclose(f), 0);
	free(buf);
	snprintf(command, sizeof(command), "%s/sum", real->dir);
	f = fopen(command, "r");
	assert_int_equal(fscanf(f, "%64s", sum), 1);
	fclose(f);
	assert_string_equal(sum, expected);
}

/* Checks all volumes that have @state, and returns how many there are. */
static size_t check(const struct real *real, const struct layout *layout, enum layout_state state)
{
	size_t found = 0;
	assert_int_equal(layout->n_volumes, real->n_volumes);
	assert_int_equal(layout->n_warnings, 0);
	for (size_t i = 0; i < layout->n_volumes; i++) {
		const struct layout_volume *v = &layout->volumes[i];
		if (v->state != state)
			continue;
		size_t j = 0;
		while (strcmp(real->volumes[j].name, v->title) != 0)
			assert_in_range(++j, 0, real->n_volumes - 1);
		assert_int_equal(v->size, real->volumes[j].size);
		assert_sha256(real, v->blk, real->volumes[j].sha256);
		found++;
	}
	return found;
}

static void every_volume_is_what_device_mapper_made_of_it(void **state)
{
	const struct real *real = *state;
	if (!real) {
		print_message("# skipped: no disks made by Windows in " DATA ", or no zstd\n");
		skip();
	}
	assert_int_equal(real->n_volumes, 6);
	struct layout *layout = look(real, N);
	assert_int_equal(check(real, layout, LAYOUT_OK), 6);
	assert_int_equal(layout->groups[0]->n_missing, 0);
	layout_free(layout);
}

static void so_it_is_with_any_disk_missing(void **state)
{
	const struct real *real = *state;
	if (!real) {
		print_message("# skipped: no disks made by Windows in " DATA ", or no zstd\n");
		skip();
	}
	for (size_t without = 0; without < N; without++) {
		/* Mirror and RAID-5 live on; the two disks of stripes carry two volumes each. */
		size_t degraded = without < 5, lost = degraded ? 0 : without < 8 ? 1 : 2;
		struct layout *layout = look(real, without);
		assert_int_equal(check(real, layout, LAYOUT_DEGRADED), degraded);
		size_t n_lost = 0;
		for (size_t i = 0; i < layout->n_volumes; i++)
			n_lost += layout->volumes[i].state == LAYOUT_INCOMPLETE;
		assert_int_equal(n_lost, lost);
		assert_int_equal(layout->groups[0]->n_missing, 1);
		layout_free(layout);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_volume_is_what_device_mapper_made_of_it),
		cmocka_unit_test(so_it_is_with_any_disk_missing),
	};
	return cmocka_run_group_tests_name("real dynamic disks", tests, unpack, clean);
}
