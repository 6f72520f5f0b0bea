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

/* A text, and what it says; @vg goes to the group that is made of it, and is NULL then. */
struct lvm_text {
	uint32_t crc;
	size_t len;
	char *bytes;
	char id[LVM_ID_TEXT];
	uint64_t seqno;
	struct lvm_vg *vg;
};

/* Of all that is parsed: each disk may claim to be many physical volumes, and each volume in them
 * one more. */
#define MAX_TEXTS (64u << 20)

void lvm_finds_clear(struct lvm_finds *f)
{
	free(f->found);
	for (size_t i = 0; i < f->n_texts; i++) {
		free(f->texts[i].bytes);
		lvm_vg_free(f->texts[i].vg);
	}
	free(f->texts);
}

/* ---- reading physical volumes -----------------------------------------------------------------
 */

static int parse(struct lvm_finds *f, const char *bytes, size_t len, struct lvm_vg **ret,
		 struct error *err)
{
	if (len > MAX_TEXTS - f->text_bytes)
		return error_set(err, -EFBIG, "more than %u bytes of LVM metadata in all",
				 MAX_TEXTS);
	f->text_bytes += len;
	return lvm_vg_new(bytes, ret, err);
}

/* The index of a text, which is taken over; parses it when it is new. */
static int keep_text(struct lvm_finds *f, char *bytes, size_t len, uint32_t crc, size_t *ret,
		     struct error *err)
{
	CLEANUP(free_cleanup) char *own = bytes;
	for (*ret = 0; *ret < f->n_texts; ++*ret) {
		struct lvm_text *t = &f->texts[*ret];
		if (t->crc == crc && t->len == len && memcmp(t->bytes, bytes, len) == 0)
			return t->vg ? 0 : parse(f, bytes, len, &t->vg, err);
	}
	struct lvm_text t = { .crc = crc, .len = len };
	int rc = parse(f, bytes, len, &t.vg, err);
	if (rc < 0)
		return rc;
	void *bigger = reallocarray(f->texts, f->n_texts + 1, sizeof(*f->texts));
	if (!bigger) {
		lvm_vg_free(t.vg);
		return error_set(err, -ENOMEM, "%zu LVM texts: %m", f->n_texts);
	}
	f->texts = bigger;
	t.bytes = steal(&own);
	t.seqno = t.vg->seqno;
	snprintf(t.id, sizeof(t.id), "%s", t.vg->id);
	f->texts[f->n_texts++] = t;
	return 0;
}

/* Reads the areas of a physical volume and remembers the newest text. */
static int read_areas(struct layout *layout, struct lvm_finds *f, struct lvm_found *pv,
		      struct error *err)
{
	pv->text = SIZE_MAX;
	for (size_t i = 0; i < pv->label.n_areas; i++) {
		struct error why = { 0 };
		char *bytes = NULL;
		size_t len, text;
		uint32_t crc;
		int rc = lvm_area_read(pv->c->look, &pv->label.areas[i], &bytes, &len, &crc, &why);
		if (rc == 0)
			continue;
		if (rc > 0)
			rc = keep_text(f, bytes, len, crc, &text, &why);
		if (rc == -ENOMEM)
			return error_copy(err, rc, &why);
		if (rc < 0) {
			rc = layout_warn(layout, err, "%s: %s", pv->c->name, why.msg);
			if (rc < 0)
				return rc;
			continue;
		}
		if (pv->text == SIZE_MAX || f->texts[text].seqno > f->texts[pv->text].seqno)
			pv->text = text;
	}
	return 0;
}

int lvm_find_look(struct lvm_finds *f, struct search *search, struct candidate *c,
		  struct error *err)
{
	struct lvm_found pv = { .c = c };
	struct error why = { 0 };
	int rc = lvm_label_read(c->look, &pv.label, &why);
	if (rc < 0) {
		rc = layout_warn(search->layout, err, "%s: %s", c->name, why.msg);
		return rc < 0 ? rc : layout_doubt(search->layout, c->blk, c->blk->size, 0, err);
	}
	if (rc == 0)
		return 0;
	rc = read_areas(search->layout, f, &pv, err);
	if (rc < 0)
		return rc;
	if (pv.text != SIZE_MAX && search_is_in_itself(search, c, LAYOUT_LVM, f->texts[pv.text].id))
		return layout_warn(search->layout, err, "%s: volume group %s lies in itself",
				   c->name, f->texts[pv.text].id);
	void *bigger = reallocarray(f->found, f->n_found + 1, sizeof(*f->found));
	if (!bigger)
		return error_set(err, -ENOMEM, "%zu physical volumes: %m", f->n_found);
	f->found = bigger;
	f->found[f->n_found++] = pv;
	return 1;
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
static bool belongs(const struct lvm_finds *f, const struct lvm_found *pv, const char *id)
{
	if (pv->done)
		return false;
	if (pv->text != SIZE_MAX)
		return strcmp(f->texts[pv->text].id, id) == 0;
	for (size_t i = 0; i < f->n_texts; i++)
		if (f->texts[i].vg && strcmp(f->texts[i].id, id) == 0 &&
		    names(f->texts[i].vg, pv->label.id))
			return true;
	return false;
}

static struct lvm_text *newest(const struct lvm_finds *f, struct lvm_found *const *pvs, size_t n)
{
	struct lvm_text *best = NULL;
	for (size_t i = 0; i < n; i++)
		if (pvs[i]->text != SIZE_MAX &&
		    (!best || f->texts[pvs[i]->text].seqno > best->seqno))
			best = &f->texts[pvs[i]->text];
	return best;
}

/* Are all the physical volumes that the newest text names there, each equally often? */
static bool is_complete(const struct lvm_finds *f, struct lvm_found *const *pvs, size_t n)
{
	const struct lvm_text *text = newest(f, pvs, n);
	size_t copies = 0;
	for (size_t p = 0; text && text->vg && p < text->vg->n_pvs; p++) {
		size_t same = 0;
		for (size_t i = 0; i < n; i++)
			same += strcmp(pvs[i]->label.id, text->vg->pvs[p].id) == 0;
		if (same == 0 || (p > 0 && same != copies))
			return false;
		copies = same;
	}
	return text && text->vg;
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
				    in->pvs[i]->c->name, in->pvs[i]->label.id, in->vg->name);
		if (rc < 0)
			return rc;
	}
	in->n = n;
	return 0;
}

/* What lvm_find_groups() was called with. */
struct caller {
	struct search *search;
	int (*fn)(struct search *search, struct lvm_instance *instance, struct error *err);
};

/* The text is parsed again for each of several instances, but for the last that needs it. */
static int one_instance(const struct caller *caller, struct lvm_finds *f, struct lvm_found **pvs,
			size_t n, bool last, struct error *err)
{
	CLEANUP(lvm_vg_free_cleanup) struct lvm_vg *vg = NULL;
	struct lvm_text *text = newest(f, pvs, n);
	struct error why = { 0 };
	int rc = 0;
	if (!text)
		return 0;
	if (last && text->vg)
		vg = steal(&text->vg);
	else
		rc = parse(f, text->bytes, text->len, &vg, &why);
	if (rc < 0 && rc != -ENOMEM)
		return layout_warn(caller->search->layout, err, "volume group %s: %s", text->id,
				   why.msg);
	if (rc < 0)
		return error_copy(err, rc, &why);
	struct lvm_instance in = { .vg = vg, .n = n, .pvs = pvs };
	rc = drop_strangers(caller->search->layout, &in, err);
	return rc < 0 ? rc : caller->fn(caller->search, &in, err);
}

/* Tells clones of the group that @pvs belong to apart, and hands over each. */
static int all_instances(const struct caller *caller, struct lvm_finds *f, struct lvm_found **pvs,
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
		rc = layout_warn(caller->search->layout, err,
				 "volume group %s is there %u times, and its physical volumes do "
				 "not say which belong together: they were taken in the order of "
				 "the disks",
				 name, instances);
	for (unsigned int i = 0;
	     rc == 0 && i < instances && !search_is_enough(caller->search, pvs[0]->c); i++) {
		size_t k = 0;
		for (size_t j = 0; j < n; j++)
			if (ids[j].instance == i)
				own[k++] = pvs[j];
		rc = one_instance(caller, f, own, k, i + 1 == instances, err);
	}
	return rc;
}

/* What comes when its group has been put together may be a clone of it, or what it lacked. */
static int refuse(struct search *search, struct lvm_found *const *pvs, size_t n, const char *id,
		  struct error *err)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = layout_warn(search->layout, err,
				 "%s is a physical volume of volume group %s, but was found only "
				 "after that had been put together; it is not used",
				 pvs[i]->c->name, id);
	return rc;
}

/* The physical volumes of the group @id; returns how deep the deepest of them lies. */
static unsigned int collect(struct lvm_finds *f, const char *id, struct lvm_found **ret, size_t *n)
{
	unsigned int deepest = 0;
	*n = 0;
	for (size_t i = 0; i < f->n_found; i++) {
		if (!belongs(f, &f->found[i], id))
			continue;
		deepest = MAX(deepest, f->found[i].c->depth);
		ret[(*n)++] = &f->found[i];
	}
	return deepest;
}

int lvm_find_groups(struct lvm_finds *f, struct search *search, unsigned int depth,
		    int (*fn)(struct search *search, struct lvm_instance *instance,
			      struct error *err),
		    struct error *err)
{
	CLEANUP(free_cleanup) struct lvm_found **pvs = calloc(f->n_found + 1, sizeof(*pvs));
	if (!pvs)
		return error_set(err, -ENOMEM, "%zu physical volumes: %m", f->n_found);
	const struct caller caller = { search, fn };
	bool complete = depth == SEARCH_COMPLETE;
	int made = 0;
	for (size_t t = 0; t < f->n_texts; t++) {
		const char *id = f->texts[t].id;
		size_t first = 0, n;
		while (strcmp(f->texts[first].id, id) != 0)
			first++;
		if (first != t)
			continue;
		unsigned int deepest = collect(f, id, pvs, &n);
		if (n == 0 || search_is_enough(search, pvs[0]->c) ||
		    (complete ? !is_complete(f, pvs, n) : deepest > depth))
			continue;
		char name[LVM_ID_TEXT + 64];
		struct lvm_text *text = newest(f, pvs, n);
		snprintf(name, sizeof(name), "%s", text && text->vg ? text->vg->name : id);
		for (size_t i = 0; i < n; i++)
			pvs[i]->done = true;
		int rc = !complete && search_is_late(search, LAYOUT_LVM, id)
				 ? refuse(search, pvs, n, id, err)
				 : all_instances(&caller, f, pvs, n, name, err);
		if (rc < 0)
			return rc;
		made = 1;
	}
	return made;
}
