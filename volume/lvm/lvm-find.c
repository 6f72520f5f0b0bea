/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lvm-find - see lvm-find.h.
 *
 * Every physical volume may carry the text of its group, once or twice, or not at all. Equal texts
 * are parsed once; of a group's texts the one with the highest sequence number holds.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "instances.h"
#include "lvm-find.h"
#include "recognise.h"

/* A text, and what it says; @vg goes to the group that is made of it. */
struct text {
	uint32_t crc;
	size_t len;
	char *bytes;
	char id[LVM_ID_TEXT];
	uint64_t seqno;
	struct lvm_vg *vg;
};

/* Of all texts together: each disk may claim to be many physical volumes of different groups. */
#define MAX_TEXTS (64u << 20)

struct finds {
	size_t text_bytes;
	size_t n_found;
	struct lvm_found *found;
	size_t n_texts;
	struct text *texts;
};

static void finds_clear(struct finds *f)
{
	for (size_t i = 0; i < f->n_found; i++) {
		blk_unref(f->found[i].blk);
		free(f->found[i].where);
	}
	free(f->found);
	for (size_t i = 0; i < f->n_texts; i++) {
		free(f->texts[i].bytes);
		lvm_vg_free(f->texts[i].vg);
	}
	free(f->texts);
}

/* ---- reading physical volumes -----------------------------------------------------------------
 */

/* The index of a text, which is taken over; parses it when it is new. */
static int keep_text(struct finds *f, char *bytes, size_t len, uint32_t crc, size_t *ret,
		     struct error *err)
{
	CLEANUP(free_cleanup) char *own = bytes;
	for (*ret = 0; *ret < f->n_texts; ++*ret) {
		const struct text *t = &f->texts[*ret];
		if (t->crc == crc && t->len == len && memcmp(t->bytes, bytes, len) == 0)
			return 0;
	}
	if (len > MAX_TEXTS - f->text_bytes)
		return error_set(err, -EFBIG, "more than %u bytes of LVM metadata in all",
				 MAX_TEXTS);
	struct text t = { .crc = crc, .len = len };
	int rc = lvm_vg_new(bytes, &t.vg, err);
	if (rc < 0)
		return rc;
	void *bigger = reallocarray(f->texts, f->n_texts + 1, sizeof(*f->texts));
	if (!bigger) {
		lvm_vg_free(t.vg);
		return error_set(err, -ENOMEM, "%zu LVM texts: %m", f->n_texts);
	}
	f->texts = bigger;
	f->text_bytes += len;
	t.bytes = steal(&own);
	t.seqno = t.vg->seqno;
	snprintf(t.id, sizeof(t.id), "%s", t.vg->id);
	f->texts[f->n_texts++] = t;
	return 0;
}

/* Reads the areas of a physical volume and remembers the newest text. */
static int read_areas(struct layout *layout, struct finds *f, struct lvm_found *pv,
		      struct error *err)
{
	pv->text = SIZE_MAX;
	for (size_t i = 0; i < pv->label.n_areas; i++) {
		struct error why = { 0 };
		char *bytes = NULL;
		size_t len, text;
		uint32_t crc;
		int rc = lvm_area_read(pv->blk, &pv->label.areas[i], &bytes, &len, &crc, &why);
		if (rc == 0)
			continue;
		if (rc > 0)
			rc = keep_text(f, bytes, len, crc, &text, &why);
		if (rc == -ENOMEM) {
			*err = why;
			return rc;
		}
		if (rc < 0) {
			rc = layout_warn(layout, err, "%s: %s", pv->where, why.msg);
			if (rc < 0)
				return rc;
			continue;
		}
		if (pv->text == SIZE_MAX || f->texts[text].seqno > f->texts[pv->text].seqno)
			pv->text = text;
	}
	return 0;
}

static int look(struct layout *layout, struct finds *f, const struct layout_volume *volume,
		struct error *err)
{
	struct lvm_label label;
	struct error why = { 0 };
	int rc = lvm_label_read(volume->blk, &label, &why);
	if (rc < 0)
		return layout_warn(layout, err, "%s: %s", volume->name, why.msg);
	if (rc == 0)
		return 0;
	void *bigger = reallocarray(f->found, f->n_found + 1, sizeof(*f->found));
	if (!bigger)
		return error_set(err, -ENOMEM, "%zu physical volumes: %m", f->n_found);
	f->found = bigger;
	struct lvm_found *pv = &f->found[f->n_found++];
	*pv = (struct lvm_found){ .blk = blk_ref(volume->blk),
				  .where = strdup(volume->name),
				  .label = label };
	if (!pv->where)
		return error_set(err, -ENOMEM, "%zu physical volumes: %m", f->n_found);
	return read_areas(layout, f, pv, err);
}

/* ---- putting them together --------------------------------------------------------------------
 */

static bool names(const struct lvm_vg *vg, const char *pv)
{
	for (size_t i = 0; i < vg->n_pvs; i++)
		if (strcmp(vg->pvs[i].id, pv) == 0)
			return true;
	return false;
}

/* Does a physical volume belong to the group @id? One without a text does if a text names it. */
static bool belongs(const struct finds *f, const struct lvm_found *pv, const char *id)
{
	if (pv->text != SIZE_MAX)
		return strcmp(f->texts[pv->text].id, id) == 0;
	for (size_t i = 0; i < f->n_texts; i++)
		if (strcmp(f->texts[i].id, id) == 0 && names(f->texts[i].vg, pv->label.id))
			return true;
	return false;
}

/*
 * The newest text among those of an instance, as a group of its own: parsed again, but for the last
 * that needs it.
 */
static int newest(const struct finds *f, struct lvm_found *const *pvs, size_t n, bool last,
		  struct lvm_vg **ret, struct error *err)
{
	struct text *best = NULL;
	for (size_t i = 0; i < n; i++)
		if (pvs[i]->text != SIZE_MAX &&
		    (!best || f->texts[pvs[i]->text].seqno > best->seqno))
			best = &f->texts[pvs[i]->text];
	*ret = NULL;
	if (!best)
		return 0;
	if (!last)
		return lvm_vg_new(best->bytes, ret, err);
	*ret = steal(&best->vg);
	return 0;
}

/* Leaves only what the group names: a volume that was taken out of it may still carry an old text.
 */
static int drop_strangers(struct layout *layout, struct lvm_instance *in, struct error *err)
{
	size_t n = 0;
	for (size_t i = 0; i < in->n; i++) {
		if (names(in->vg, in->pvs[i]->label.id)) {
			in->pvs[n++] = in->pvs[i];
			continue;
		}
		int rc =
			layout_warn(layout, err,
				    "%s: physical volume %s is no longer in volume group %s; it is "
				    "not used",
				    in->pvs[i]->where, in->pvs[i]->label.id, in->vg->name);
		if (rc < 0)
			return rc;
	}
	in->n = n;
	return 0;
}

/* What lvm_find() was called with. */
struct caller {
	struct layout *layout;
	int (*fn)(void *ctx, struct lvm_instance *instance, struct error *err);
	void *ctx;
};

static int one_instance(const struct caller *caller, const struct finds *f, struct lvm_found **pvs,
			size_t n, bool last, struct error *err)
{
	CLEANUP(lvm_vg_free_cleanup) struct lvm_vg *vg = NULL;
	int rc = newest(f, pvs, n, last, &vg, err);
	if (rc < 0 || !vg)
		return rc;
	struct lvm_instance in = { .vg = vg, .n = n, .pvs = pvs };
	rc = drop_strangers(caller->layout, &in, err);
	return rc < 0 ? rc : caller->fn(caller->ctx, &in, err);
}

/* Tells clones of the group that @pvs belong to apart, and hands over each. */
static int all_instances(const struct caller *caller, const struct finds *f, struct lvm_found **pvs,
			 size_t n, const char *name, struct error *err)
{
	CLEANUP(free_cleanup) struct instance_member *ids = calloc(n, sizeof(*ids));
	CLEANUP(free_cleanup) struct lvm_found **own = calloc(n, sizeof(*own));
	if (!ids || !own)
		return error_set(err, -ENOMEM, "%zu physical volumes: %m", n);
	for (size_t i = 0; i < n; i++) {
		ids[i].id = pvs[i]->label.id;
		ids[i].generation = pvs[i]->text == SIZE_MAX ? 0 : f->texts[pvs[i]->text].seqno;
	}
	unsigned int instances;
	int rc = 0;
	if (instances_assign(ids, n, &instances) == INSTANCES_BY_ORDER && n > instances)
		rc = layout_warn(caller->layout, err,
				 "volume group %s is there %u times, and its physical volumes do "
				 "not say which belong together: they were taken in the order of "
				 "the disks",
				 name, instances);
	for (unsigned int i = 0; rc == 0 && i < instances; i++) {
		size_t k = 0;
		for (size_t j = 0; j < n; j++)
			if (ids[j].instance == i)
				own[k++] = pvs[j];
		rc = one_instance(caller, f, own, k, i + 1 == instances, err);
	}
	return rc;
}

static int all_groups(const struct caller *caller, struct finds *f, struct error *err)
{
	CLEANUP(free_cleanup) struct lvm_found **pvs = calloc(f->n_found + 1, sizeof(*pvs));
	if (!pvs)
		return error_set(err, -ENOMEM, "%zu physical volumes: %m", f->n_found);
	for (size_t t = 0; t < f->n_texts; t++) {
		const char *id = f->texts[t].id;
		size_t first = 0, n = 0;
		while (strcmp(f->texts[first].id, id) != 0)
			first++;
		for (size_t i = 0; first == t && i < f->n_found; i++)
			if (belongs(f, &f->found[i], id))
				pvs[n++] = &f->found[i];
		int rc = n ? all_instances(caller, f, pvs, n, f->texts[t].vg->name, err) : 0;
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* A physical volume holds no file system, used or not. */
static void drop_pvs(struct layout *layout, const struct finds *f)
{
	for (size_t i = layout->n_volumes; i-- > 0;)
		for (size_t j = 0; j < f->n_found; j++)
			if (layout->volumes[i].blk == f->found[j].blk) {
				layout_drop(layout, &layout->volumes[i]);
				break;
			}
}

int lvm_find(struct layout *layout,
	     int (*fn)(void *ctx, struct lvm_instance *instance, struct error *err), void *ctx,
	     struct error *err)
{
	CLEANUP(finds_clear) struct finds f = { 0 };
	struct caller caller = { layout, fn, ctx };
	for (size_t i = 0; i < layout->n_volumes; i++) {
		int rc = layout->volumes[i].blk ? look(layout, &f, &layout->volumes[i], err) : 0;
		if (rc < 0)
			return rc;
	}
	drop_pvs(layout, &f);
	return all_groups(&caller, &f, err);
}
