/* SPDX-License-Identifier: GPL-3.0-or-later */
/* plan - see plan.h. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lunette/plan.h"
#include "doubt.h"
#include "strange.h"

/* ---- choosing ---------------------------------------------------------------------------------
 */

static bool is_chosen(const char *name, const struct plan_choice *choice)
{
	for (size_t i = 0; i < choice->n_volumes; i++)
		if (strcmp(choice->volumes[i], name) == 0)
			return true;
	return choice->n_volumes == 0;
}

/*
 * Of volumes in volumes either those inside are stored, with what is around them, or, when not all
 * of them can be read, the one that they lie in, whole.
 */
static bool is_stored_otherwise(const struct plan *plan, const struct layout_volume *volume)
{
	bool broken = volume->state == LAYOUT_INCOMPLETE || volume->state == LAYOUT_DEGRADED;
	return plan->every_volume && (volume->holds || (volume->inside && broken));
}

static int check_names(const struct layout *layout, const struct plan_choice *choice,
		       struct error *err)
{
	for (size_t i = 0; i < choice->n_volumes; i++)
		if (!layout_find(layout, choice->volumes[i]))
			return error_set(err, -ENOENT,
					 "there is no volume '%s' on these disks; 'lunette probe' "
					 "lists those there are",
					 choice->volumes[i]);
	return 0;
}

/* Is what lies in no volume stored, too? */
static bool is_whole(const struct plan *plan)
{
	return plan->every_volume && !plan->only_known;
}

/*
 * A member that was forgotten must not be missed only when the backup is needed. Where no other
 * disk would help, what there is of the volume is on these, and stored with all that is in none.
 */
static int check_state(const struct plan *plan, const struct layout_volume *volume, bool degraded,
		       struct error *err)
{
	if (volume->state == LAYOUT_INCOMPLETE && !volume->settled)
		return error_set(err, -ENODATA,
				 "volume '%s' is incomplete: %s; give all its disks, or name the "
				 "volumes to back up with --volume, or say --all-blocks to store "
				 "every block of the disks there are",
				 volume->name, volume->reason);
	if (volume->state == LAYOUT_INCOMPLETE && !is_whole(plan))
		return error_set(err, -ENODATA,
				 "volume '%s' cannot be read: %s; say --all-blocks to store every "
				 "block of the disks",
				 volume->name, volume->reason);
	if (volume->state == LAYOUT_DEGRADED && !degraded)
		return error_set(err, -ENODATA,
				 "volume '%s' is degraded: %s; give all its disks, or say "
				 "--degraded to back it up as it is",
				 volume->name, volume->reason);
	return 0;
}

static int add_volume(struct plan *plan, struct layout *layout, const struct layout_volume *volume,
		      const struct exclude_choice *exclude, struct error *err)
{
	struct fs *fs = NULL;
	struct error why = { 0 };
	struct fs_source source = { .blk = volume->blk };
	int rc = fs_open(&source, &fs, &why);
	if (rc == 0)
		rc = doubt_file_system(layout, volume, fs, &why);
	if (rc < 0) {
		fs_close(fs);
		fs = NULL;
	}
	bool guessed = rc == -EIO && plan->skip_bad;
	if (rc == -EUCLEAN || guessed)
		rc = layout_warn(layout, err, "volume '%s': every block of it is stored: %s",
				 volume->name, why.msg);
	else if (rc < 0 && rc != -ENOTSUP)
		return error_set(err, rc, "volume '%s': %s", volume->name, why.msg);
	else
		rc = 0;
	struct plan_volume *pv = &plan->volumes[plan->n_volumes++];
	*pv = (struct plan_volume){ .volume = volume, .fs = fs, .guessed = guessed };
	return rc < 0 ? rc : exclude_find(exclude, layout, volume, fs, &pv->exclude, err);
}

static int look_at_nothing(void *ctx, struct layout_disk *disk, uint64_t length, uint64_t off,
			   struct error *err)
{
	(void)ctx, (void)disk, (void)length, (void)off, (void)err;
	return 0;
}

/* Where not all bytes of a volume can be followed to the disks, no byte of these is known to be
 * unused. */
static int check_places(struct plan *plan, struct layout *layout, struct error *err)
{
	struct error why = { .msg = "records of volumes lie where nobody can say" };
	for (size_t i = 0; i < plan->n_volumes && !layout->unplaced && !plan->all_blocks; i++) {
		const struct layout_volume *volume = plan->volumes[i].volume;
		int rc = layout_walk(layout, volume->blk, volume->blk->size, 0, look_at_nothing,
				     NULL, &why);
		plan->all_blocks = rc == -ENOTSUP;
		if (rc < 0)
			error_wrap(&why, rc, "volume '%s': where its bytes lie", volume->name);
		if (rc < 0 && rc != -ENOTSUP)
			return error_set(err, rc, "%s (--all-blocks does not ask)", why.msg);
	}
	plan->all_blocks = plan->all_blocks || layout->unplaced;
	if (!plan->all_blocks)
		return 0;
	return layout_warn(layout, err,
			   "every block of the disks is stored, and nothing is left out of it: %s",
			   why.msg);
}

static int add_volumes(struct plan *plan, struct layout *layout, const struct plan_choice *choice,
		       struct error *err)
{
	if (layout->n_volumes == 0 && !is_whole(plan))
		return error_set(err, -ENODATA,
				 "no volume was recognised on these disks, so that nothing would "
				 "be stored; without --only-known they are stored whole");
	plan->volumes = calloc(layout->n_volumes + 1, sizeof(*plan->volumes));
	if (!plan->volumes)
		return error_set(err, -ENOMEM, "plan of %zu volumes: %m", layout->n_volumes);
	for (size_t i = 0; i < layout->n_volumes; i++) {
		const struct layout_volume *volume = &layout->volumes[i];
		if (!is_chosen(volume->name, choice) || is_stored_otherwise(plan, volume))
			continue;
		int rc = check_state(plan, volume, choice->degraded, err);
		if (rc == 0 && volume->blk)
			rc = add_volume(plan, layout, volume, &choice->exclude, err);
		if (rc < 0)
			return rc;
	}
	return check_places(plan, layout, err);
}

int plan_warn(const struct plan *plan, struct layout *layout, struct error *err)
{
	for (size_t i = 0; i < layout->n_disks; i++)
		if (layout->disks[i].blk->size == 0 &&
		    layout_warn(layout, err, "%s ('%s') is empty: it has no bytes at all",
				layout->disks[i].name, layout->disks[i].source) < 0)
			return -ENOMEM;
	if (!plan->every_volume || plan->all_blocks)
		return 0;
	return strange_warn(layout, is_whole(plan), err);
}

bool plan_stores(const struct plan *plan, const struct layout_volume *volume)
{
	for (size_t i = 0; i < plan->n_volumes; i++)
		if (plan->volumes[i].volume == volume)
			return true;
	return plan->all_blocks || is_whole(plan) || is_stored_otherwise(plan, volume);
}

int plan_new(struct layout *layout, const struct plan_choice *choice, struct plan **ret,
	     struct error *err)
{
	int rc = check_names(layout, choice, err);
	if (rc == 0)
		rc = exclude_check(&choice->exclude, layout, err);
	if (rc < 0)
		return rc;
	CLEANUP(plan_free_cleanup) struct plan *plan = calloc(1, sizeof(*plan));
	if (!plan)
		return error_set(err, -ENOMEM, "plan: %m");
	plan->layout = layout;
	plan->all_blocks = choice->all_blocks;
	plan->every_volume = choice->n_volumes == 0;
	plan->only_known = choice->only_known;
	plan->skip_bad = choice->skip_bad;
	plan->defaults = !choice->exclude.no_defaults;
	plan->patterns = json_array();
	for (size_t i = 0; i < choice->exclude.n_patterns; i++)
		if (json_array_append_new(plan->patterns,
					  json_string(choice->exclude.patterns[i])) < 0)
			return error_set(err, -EINVAL, "pattern '%.200s' is not UTF-8",
					 choice->exclude.patterns[i]);
	rc = choice->all_blocks ? 0 : add_volumes(plan, layout, choice, err);
	if (rc < 0)
		return rc;
	*ret = steal(&plan);
	return 0;
}

bool plan_is_guessed(const struct plan *plan)
{
	bool guessed = false;
	for (size_t i = 0; i < plan->n_volumes; i++)
		guessed |= plan->volumes[i].guessed;
	return guessed;
}

void plan_free(struct plan *plan)
{
	if (!plan)
		return;
	for (size_t i = 0; i < plan->n_volumes; i++) {
		exclude_free(plan->volumes[i].exclude);
		fs_close(plan->volumes[i].fs);
	}
	free(plan->volumes);
	json_decref(plan->patterns);
	free(plan);
}

json_t *plan_excluded(const struct plan *plan)
{
	if (plan->all_blocks)
		return NULL;
	uint64_t files = 0, bytes = 0, more = 0;
	json_t *list = json_array();
	for (size_t i = 0; i < plan->n_volumes; i++) {
		const struct exclude *exclude = plan->volumes[i].exclude;
		if (!exclude)
			continue;
		files += exclude->files;
		bytes += exclude->bytes;
		more += exclude->more;
		json_array_extend(list, exclude->list);
	}
	for (; json_array_size(list) > EXCLUDE_LIST_MAX; more++)
		json_array_remove(list, json_array_size(list) - 1);
	return json_pack("{s:b, s:O, s:I, s:I, s:o, s:I}", "defaults", plan->defaults, "patterns",
			 plan->patterns, "files", (json_int_t)files, "bytes", (json_int_t)bytes,
			 "list", list, "more", (json_int_t)more);
}

/* ---- one window -------------------------------------------------------------------------------
 */

/**
 * struct plan_search - the walk down from a window to the volumes, and back to the disk
 * @pv: the volume that is being looked at
 * @bits: of the window, that are to be set
 */
struct plan_search {
	const struct plan *plan;
	const struct layout *layout;
	const struct layout_disk *disk;
	struct plan_window *window;
	uint64_t *bits;
	struct plan_volume *pv;
};

/* What lies in the window of a range of the disk is marked, in whole granules. */
static void mark(const struct plan_window *window, uint64_t *bits, uint64_t length, uint64_t off)
{
	uint64_t from = MAX(off, window->off);
	uint64_t to = MIN(off + length, window->off + window->length);
	if (from < to)
		bits_put(bits, (size_t)((from - window->off) / PLAN_GRANULE),
			 (size_t)((to - window->off + PLAN_GRANULE - 1) / PLAN_GRANULE), true);
}

/* The same, but of a granule that lies in the range only in part nobody may say that it is not
 * used.
 */
static void mark_spared(const struct plan_window *window, uint64_t *bits, uint64_t length,
			uint64_t off)
{
	uint64_t window_end = window->off + window->length;
	uint64_t from = MAX(off, window->off);
	uint64_t to = MIN(off + length, window_end);
	if (from >= to)
		return;
	size_t first = (size_t)((from - window->off + PLAN_GRANULE - 1) / PLAN_GRANULE);
	size_t stop = (size_t)((to - window->off + (to == window_end ? PLAN_GRANULE - 1 : 0)) /
			       PLAN_GRANULE);
	if (first < stop)
		bits_put(bits, first, stop, true);
}

/* A range behind the volume; it may be on another of its disks. */
static int mark_disk_range(void *ctx, struct layout_disk *disk, uint64_t length, uint64_t off,
			   struct error *err)
{
	(void)err;
	struct plan_search *search = ctx;
	bool used = search->bits == search->window->in_use;
	if (disk == search->disk)
		(used ? mark : mark_spared)(search->window, search->bits, length, off);
	return 0;
}

static int mark_free(struct plan_search *search, struct blk *blk, uint64_t length, uint64_t off,
		     struct error *err)
{
	search->bits = search->window->is_free;
	return layout_walk(search->layout, blk, length, off, mark_disk_range, search, err);
}

/* A range of the volume is in use, but for what is left out of it. */
static int mark_kept(struct plan_search *search, struct blk *blk, uint64_t length, uint64_t off,
		     struct error *err)
{
	uint64_t n;
	for (uint64_t end = off + length; off < end; off += n) {
		bool out;
		int rc = exclude_run(search->pv->exclude, end - off, off, &n, &out, err);
		search->bits = out ? search->window->left_out : search->window->in_use;
		if (rc == 0)
			rc = layout_walk(search->layout, blk, n, off, mark_disk_range, search, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* A range of the volume that lies in the window. */
static int mark_used(void *ctx, struct blk *blk, uint64_t length, uint64_t off, struct error *err)
{
	struct plan_search *search = ctx;
	struct fs *fs = search->pv->fs;
	if (!fs || search->pv->guessed)
		return mark_kept(search, blk, length, off, err);

	for (uint64_t end = off + length; off < end;) {
		struct fs_used run;
		struct error why = { 0 };
		int rc = fs_used(fs, off, &run, &why);
		if (rc == -EIO && search->plan->skip_bad) {
			search->pv->guessed = true;
			return mark_kept(search, blk, end - off, off, err);
		}
		if (rc < 0)
			return error_copy(err, rc, &why);
		run.length = MIN(run.length, end - off);
		rc = (run.used ? mark_kept : mark_free)(search, blk, run.length, off, err);
		if (rc < 0)
			return rc;
		off += run.length;
	}
	return 0;
}

static int mark_volume(struct plan_search *search, struct error *err)
{
	const struct layout_volume *volume = search->pv->volume;
	int rc = blk_find(volume->blk, search->disk->blk, search->window->length,
			  search->window->off, mark_used, search, err);
	if (rc < 0)
		return error_wrap(err, rc,
				  "volume '%s': which blocks are used (--all-blocks does not ask)",
				  volume->name);
	return 0;
}

static size_t count_granules(const struct plan_window *window)
{
	return (size_t)((window->length + PLAN_GRANULE - 1) / PLAN_GRANULE);
}

/* Takes away what the source knows to be zero; a granule that is zero only in part stays. */
static int clear_known_zeros(struct plan_window *window, struct blk *disk, struct error *err)
{
	size_t n = count_granules(window);
	for (size_t g = bits_find(window->bits, 0, n, true); g < n;) {
		uint64_t off = (uint64_t)g * PLAN_GRANULE;
		struct blk_extent ext;
		int rc = blk_extent(disk, window->off + off, &ext, err);
		if (rc < 0)
			return rc;
		uint64_t to = off + ext.length;
		size_t stop = to >= window->length ? n : (size_t)(to / PLAN_GRANULE);
		if (ext.zero)
			bits_put(window->bits, g, stop, false);
		g = bits_find(window->bits, MAX(stop, g + 1), n, true);
	}
	return 0;
}

/* The disk's last granule may be a short one. */
static uint64_t count_bytes(const struct plan_window *window, const uint64_t *bits)
{
	size_t n = count_granules(window);
	uint64_t bytes = (uint64_t)bits_count(bits, 0, n) * PLAN_GRANULE;
	bool last = bits_find(bits, n - 1, n, true) < n;
	return last ? bytes - ((uint64_t)n * PLAN_GRANULE - window->length) : bytes;
}

/* Each granule is one thing only: in use if anybody uses it, or if nobody speaks of it. */
static void settle(const struct plan *plan, struct plan_window *window)
{
	for (size_t i = 0; i < ARRAY_SIZE(window->in_use); i++) {
		if (is_whole(plan))
			window->in_use[i] |= ~(window->left_out[i] | window->is_free[i]);
		window->left_out[i] &= ~window->in_use[i];
		window->is_free[i] &= ~(window->in_use[i] | window->left_out[i]);
	}
	size_t n = count_granules(window);
	bits_put(window->in_use, n, PLAN_GRANULES, false);
}

int plan_used(const struct plan *plan, const struct layout_disk *disk, uint64_t off,
	      struct plan_window *ret, struct error *err)
{
	assert(off % PLAN_WINDOW == 0 && off < disk->blk->size);
	ret->off = off;
	ret->length = MIN(PLAN_WINDOW, disk->blk->size - off);
	memset(ret->in_use, 0, sizeof(ret->in_use));
	memset(ret->left_out, 0, sizeof(ret->left_out));
	memset(ret->is_free, 0, sizeof(ret->is_free));

	struct plan_search search = {
		.plan = plan, .layout = plan->layout, .disk = disk, .window = ret
	};
	int rc = 0;
	if (plan->all_blocks)
		mark(ret, ret->in_use, ret->length, off);
	for (size_t i = 0; i < disk->n_metadata; i++)
		mark(ret, ret->in_use, disk->metadata[i].length, disk->metadata[i].start);
	for (size_t i = 0; rc == 0 && !plan->all_blocks && i < plan->n_volumes; i++) {
		search.pv = &plan->volumes[i];
		rc = mark_volume(&search, err);
	}
	if (rc < 0)
		return rc;
	settle(plan, ret);
	ret->used = count_bytes(ret, ret->in_use);
	ret->excluded = count_bytes(ret, ret->left_out);
	ret->free = count_bytes(ret, ret->is_free);
	return 0;
}

int plan_window(const struct plan *plan, const struct layout_disk *disk, uint64_t off,
		struct plan_window *ret, struct error *err)
{
	int rc = plan_used(plan, disk, off, ret, err);
	if (rc < 0)
		return rc;
	memcpy(ret->bits, ret->in_use, sizeof(ret->bits));
	rc = clear_known_zeros(ret, disk->blk, err);
	if (rc < 0)
		return rc;
	ret->read = count_bytes(ret, ret->bits);
	return 0;
}
