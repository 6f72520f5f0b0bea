/* SPDX-License-Identifier: GPL-3.0-or-later */
/* exclude - see exclude.h. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "exclude-walk.h"

void exclude_free(struct exclude *exclude)
{
	if (!exclude)
		return;
	bits_file_free(exclude->bits);
	json_decref(exclude->list);
	free(exclude);
}

/* ---- patterns ---------------------------------------------------------------------------------
 */

/* Bytes of the volume's name in front of the ':'; 0 when there is none. */
static size_t volume_part(const char *pattern)
{
	for (const char *c = pattern; *c && *c != '/' && *c != '['; c++) {
		if (*c == ':')
			return (size_t)(c - pattern);
		if (*c == '\\' && c[1])
			c++;
	}
	return 0;
}

static bool is_for(const char *pattern, size_t part, const char *volume)
{
	return part == 0 || (strlen(volume) == part && memcmp(volume, pattern, part) == 0);
}

static const char *without_volume(const char *pattern, size_t part)
{
	return part ? pattern + part + 1 : pattern;
}

int exclude_check(const struct exclude_choice *choice, const struct layout *layout,
		  struct error *err)
{
	for (size_t i = 0; i < choice->n_patterns; i++) {
		const char *pattern = choice->patterns[i];
		size_t part = volume_part(pattern);
		CLEANUP(pattern_set_free_cleanup) struct pattern_set *set = NULL;
		int rc = pattern_set_new(&set, err);
		if (rc == 0)
			rc = pattern_add(set, without_volume(pattern, part), false, err);
		if (rc < 0)
			return rc;
		bool found = false;
		for (size_t j = 0; j < layout->n_volumes && !found; j++)
			found = is_for(pattern, part, layout->volumes[j].name);
		if (!found && part)
			return error_set(err, -ENOENT,
					 "pattern '%.200s': there is no volume '%.*s' on these "
					 "disks; write '\\:' for a name that has a ':'",
					 pattern, (int)MIN(part, (size_t)200), pattern);
	}
	return 0;
}

static bool any_is_for(const struct exclude_choice *choice, const char *volume)
{
	for (size_t i = 0; i < choice->n_patterns; i++)
		if (is_for(choice->patterns[i], volume_part(choice->patterns[i]), volume))
			return true;
	return false;
}

static int add_folded(struct pattern_set *set, struct fs *fs, const char *pattern, bool files_only,
		      struct error *err)
{
	CLEANUP(free_cleanup) char *folded = NULL;
	int rc = fs_fold(fs, pattern, &folded, err);
	return rc < 0 ? rc : pattern_add(set, folded, files_only, err);
}

static int make_set(const struct exclude_choice *choice, const char *volume, struct fs *fs,
		    bool defaults, struct pattern_set **ret, struct error *err)
{
	CLEANUP(pattern_set_free_cleanup) struct pattern_set *set = NULL;
	int rc = pattern_set_new(&set, err);
	for (const char *const *path = fs_left_out(fs); rc == 0 && defaults && *path; path++)
		rc = add_folded(set, fs, *path, true, err);
	for (size_t i = 0; rc == 0 && i < choice->n_patterns; i++) {
		const char *pattern = choice->patterns[i];
		size_t part = volume_part(pattern);
		if (is_for(pattern, part, volume))
			rc = add_folded(set, fs, without_volume(pattern, part), false, err);
	}
	if (rc == 0)
		*ret = steal(&set);
	return rc;
}

/* ---- finding ----------------------------------------------------------------------------------
 */

static int find(const struct exclude_choice *choice, const struct layout_volume *volume,
		struct fs *fs, bool defaults, struct exclude *to, struct exclude_trouble *trouble,
		struct error *err)
{
	CLEANUP(pattern_set_free_cleanup) struct pattern_set *set = NULL;
	int rc = make_set(choice, volume->name, fs, defaults, &set, err);
	if (rc == 0)
		rc = bits_file_new(&to->bits, err);
	if (rc == 0)
		rc = exclude_walk(fs, set, volume->name, to, choice->stop, trouble, err);
	return rc;
}

int exclude_find(const struct exclude_choice *choice, struct layout *layout,
		 const struct layout_volume *volume, struct fs *fs, struct exclude **ret,
		 struct error *err)
{
	bool asked = any_is_for(choice, volume->name);
	*ret = NULL;
	if (!fs || !fs_knows_blocks(fs))
		return asked ? layout_warn(
				       layout, err,
				       "volume '%s': nothing is left out of it, because its "
				       "file system is not one of which lunette knows the files",
				       volume->name)
			     : 0;
	bool defaults = !choice->no_defaults && *fs_left_out(fs);
	if (!asked && !defaults)
		return 0;
	CLEANUP(exclude_free_cleanup) struct exclude *exclude = calloc(1, sizeof(*exclude));
	if (!exclude || !(exclude->list = json_array()))
		return error_set(err, -ENOMEM, "what is left out: %m");
	struct exclude_trouble trouble = { 0 };
	int rc = find(choice, volume, fs, defaults, exclude, &trouble, err);
	if (rc < 0)
		return error_wrap(err, rc, "volume '%s': what is left out", volume->name);
	if (trouble.n > 0)
		rc = layout_warn(layout, err,
				 "volume '%s': what is to be left out could not be looked for "
				 "everywhere (%" PRIu64 " times); there all is stored: %s",
				 volume->name, trouble.n, trouble.first.msg);
	if (rc == 0 && exclude->bytes > 0)
		*ret = steal(&exclude);
	return rc;
}

/* ---- applying ---------------------------------------------------------------------------------
 */

int exclude_run(const struct exclude *exclude, uint64_t length, uint64_t off, uint64_t *ret_length,
		bool *ret_out, struct error *err)
{
	*ret_length = length;
	*ret_out = false;
	if (!exclude)
		return 0;
	uint64_t from = off / EXCLUDE_GRANULE, n;
	uint64_t to = (off + length - 1) / EXCLUDE_GRANULE + 1;
	int rc = bits_file_run(exclude->bits, from, to, &n, ret_out, err);
	if (rc == 0)
		*ret_length = MIN((from + n) * EXCLUDE_GRANULE - off, length);
	return rc;
}
