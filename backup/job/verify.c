/* SPDX-License-Identifier: GPL-3.0-or-later */
/* verify - see verify.h. */
#include <errno.h>
#include <string.h>

#include <openssl/evp.h>

#include "lunette/hex.h"
#include "lunette/shape.h"
#include "verify.h"

#define PIECE      ((size_t)64 << 10)
#define RANGES_MAX ((uint64_t)64 << 20) /* bytes of a signature that are read at most */

static void md_cleanup(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
}

/* ---- digests of ranges ------------------------------------------------------------------------
 */

static int digest_range(EVP_MD_CTX *ctx, struct blk *blk, uint64_t len, uint64_t off, void *buf,
			struct error *err)
{
	while (len > 0) {
		size_t n = (size_t)MIN(len, (uint64_t)PIECE);
		int rc = blk_read(blk, buf, n, off, err);
		if (rc < 0)
			return rc;
		EVP_DigestUpdate(ctx, buf, n);
		len -= n;
		off += n;
	}
	return 0;
}

/* @signature: {"ranges","sha256"} with the shape checked. Return: 0 when @blk has it; -EUCLEAN. */
static int compare(struct blk *blk, const json_t *signature, struct error *err)
{
	const json_t *ranges = json_object_get(signature, "ranges");
	unsigned char digest[EVP_MAX_MD_SIZE];
	char hex[65] = "";
	uint64_t total = 0;
	CLEANUP(free_cleanup) void *buf = malloc(PIECE);
	CLEANUP(md_cleanup) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	if (!buf || !ctx || !EVP_DigestInit_ex(ctx, EVP_sha256(), NULL))
		return error_set(err, -ENOMEM, "%m");
	for (size_t i = 0; i < json_array_size(ranges); i++) {
		const json_t *range = json_array_get(ranges, i);
		uint64_t start = (uint64_t)json_integer_value(json_array_get(range, 0));
		uint64_t length = (uint64_t)json_integer_value(json_array_get(range, 1));
		total += length;
		if (length > RANGES_MAX || total > RANGES_MAX)
			return error_set(err, -E2BIG,
					 "the agent's signature covers more than 64 MiB");
		int rc = digest_range(ctx, blk, length, start, buf, err);
		if (rc < 0)
			return rc;
	}
	EVP_DigestFinal_ex(ctx, digest, NULL);
	hex_text(digest, 32, hex);
	return strcasecmp(hex, shape_text(signature, "sha256")) == 0
		       ? 0
		       : error_set(err, -EUCLEAN, "other bytes than the server has");
}

/* ---- one LUN ----------------------------------------------------------------------------------
 */

int verify_lun(const struct run_lun *lun, struct error *err)
{
	const struct source *source = lun->source;
	uint64_t size = shape_size(lun->disk, "size");
	if (strcasecmp(source->id, lun->identity) != 0)
		return error_set(
			err, -EUCLEAN,
			"'%s' is LUN '%s', and not '%s' which was asked for: the wrong LUN",
			source->spec, source->id, lun->identity);
	if (source->blk->size != size)
		return error_set(err, -EUCLEAN,
				 "'%s' has %ju bytes, and the server's disk '%s' %ju", source->spec,
				 (uintmax_t)source->blk->size, shape_text(lun->disk, "name"),
				 (uintmax_t)size);
	if (source->blk->sector != shape_size(lun->disk, "sector_size"))
		return error_set(err, -EUCLEAN,
				 "'%s' has sectors of %u bytes, and the server's disk '%s' of %ju",
				 source->spec, source->blk->sector, shape_text(lun->disk, "name"),
				 (uintmax_t)shape_size(lun->disk, "sector_size"));
	int rc = compare(source->blk, json_object_get(lun->disk, "signature"), err);
	return rc < 0 ? error_wrap(err, rc, "'%s' is not a snapshot of the server's disk '%s'",
				   source->spec, shape_text(lun->disk, "name"))
		      : 0;
}

/* ---- the moment -------------------------------------------------------------------------------
 */

bool verify_is_volume(const struct layout_volume *volume, const char *uuid)
{
	return *uuid && strcasecmp(volume->uuid, uuid) == 0;
}

/* Several volumes may claim one UUID: one of them must be it. Return: 1 when there is none. */
static int compare_content(const struct layout *layout, const json_t *content, struct error *err)
{
	int rc = 1;
	for (size_t i = 0; rc != 0 && i < layout->n_volumes; i++) {
		const struct layout_volume *volume = &layout->volumes[i];
		if (volume->blk && verify_is_volume(volume, shape_text(content, "uuid")))
			rc = compare(volume->blk, content, err);
	}
	return rc;
}

int verify_contents(struct run *run, struct error *err)
{
	const json_t *contents = json_object_get(run->server.frozen, "contents");
	size_t same = 0;
	/* It may be of a moment after the thaw: nothing more is promised than that it is one
	 * moment. */
	if (shape_flag(run->server.frozen, "window_exceeded")) {
		story_say(run->log.story,
			  "what was frozen is not compared with the snapshot, because "
			  "the window was exceeded");
		return 0;
	}
	for (size_t i = 0; i < json_array_size(contents); i++) {
		const json_t *content = json_array_get(contents, i);
		const char *name = shape_text(content, "name");
		int rc = compare_content(run->point.layout, content, err);
		if (rc == 1)
			run_warn(run,
				 "no volume of the snapshot has the UUID of '%s' (%s): its content "
				 "could not be compared",
				 name, shape_text(content, "uuid"));
		else if (rc < 0)
			return error_wrap(err, rc,
					  "the snapshot does not show '%s' as it was when it was "
					  "frozen (is it an older one?)",
					  name);
		same += rc == 0;
	}
	story_say(run->log.story, "%zu of %zu frozen file systems are as they were at that moment",
		  same, json_array_size(contents));
	return 0;
}

/* ---- the set ----------------------------------------------------------------------------------
 */

/**
 * struct local_disks - this machine's disks as layouts see them
 * @set: how many of them are in the set: those come first
 */
struct local_disks {
	size_t n, set;
	struct source **sources;
	struct layout_input *inputs;
	const json_t **infos;
};

static void disks_cleanup(struct local_disks *d)
{
	for (size_t i = 0; i < d->n; i++)
		source_free(d->sources[i]);
	free(d->sources);
	free(d->inputs);
	free(d->infos);
}

/* A disk that cannot be opened says nothing; that is no reason to fail. */
static void add_disk(struct local_disks *d, const json_t *info)
{
	struct source *source;
	if (source_open(shape_text(info, "name"), NULL, &source, NULL) < 0)
		return;
	d->sources[d->n] = source;
	d->infos[d->n] = info;
	d->inputs[d->n++] = (struct layout_input){ .blk = source->blk, .source = source->spec };
}

static bool in_set(const struct run *run, const json_t *info)
{
	for (size_t i = 0; i < run->snapshot.n_luns; i++)
		if (strcmp(shape_text(run->snapshot.luns[i].disk, "name"),
			   shape_text(info, "name")) == 0 ||
		    (*shape_text(info, "identity") &&
		     strcasecmp(shape_text(run->snapshot.luns[i].disk, "identity"),
				shape_text(info, "identity")) == 0))
			return true;
	return false;
}

static int open_disks(struct run *run, struct local_disks *d, struct error *err)
{
	const json_t *all = json_object_get(run->server.info, "disks");
	size_t most = run->snapshot.n_luns + json_array_size(all);
	d->sources = calloc(most, sizeof(*d->sources));
	d->inputs = calloc(most, sizeof(*d->inputs));
	d->infos = calloc(most, sizeof(*d->infos));
	if (!d->sources || !d->inputs || !d->infos)
		return error_set(err, -ENOMEM, "%zu disks: %m", most);
	for (size_t i = 0; i < run->snapshot.n_luns; i++)
		add_disk(d, run->snapshot.luns[i].disk);
	d->set = d->n;
	for (size_t i = 0; i < json_array_size(all); i++)
		if (!in_set(run, json_array_get(all, i)))
			add_disk(d, json_array_get(all, i));
	return 0;
}

/* The group that lacks something in @part: whole once one more disk is with it? */
static bool is_completed_by(struct local_disks *d, size_t extra, const struct layout_group *group)
{
	struct layout_input swapped = d->inputs[d->set];
	d->inputs[d->set] = d->inputs[extra];
	CLEANUP(layout_free_cleanup) struct layout *layout = NULL;
	bool better = false;
	if (layout_new(d->inputs, d->set + 1, NULL, &layout, NULL) == 0)
		for (size_t i = 0; i < layout->n_groups; i++)
			if (strcmp(layout->groups[i]->id, group->id) == 0 &&
			    layout->groups[i]->n_missing < group->n_missing)
				better = true;
	d->inputs[d->set] = swapped;
	return better;
}

int verify_set(struct run *run, struct error *err)
{
	CLEANUP(disks_cleanup) struct local_disks d = { 0 };
	CLEANUP(layout_free_cleanup) struct layout *layout = NULL;
	int rc = open_disks(run, &d, err);
	if (rc < 0 || d.set == 0)
		return rc;
	rc = layout_new(d.inputs, d.set, NULL, &layout, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < layout->n_groups; i++) {
		const struct layout_group *group = layout->groups[i];
		if (group->n_missing == 0)
			continue;
		for (size_t extra = d.set; extra < d.n; extra++) {
			if (!is_completed_by(&d, extra, group))
				continue;
			const char *id = shape_text(d.infos[extra], "identity");
			return error_set(err, -ENODATA,
					 "the volumes of group '%s' lie on '%s'%s%s too, which is "
					 "not in the set: the snapshot would lack a part of them",
					 group->name, shape_text(d.infos[extra], "name"),
					 *id ? ", " : "", id);
		}
		return error_set(
			err, -ENODATA,
			"group '%s' lacks disk '%s', which is not in the set: the snapshot "
			"would lack a part of its volumes",
			group->name, group->missing[0]);
	}
	return 0;
}
