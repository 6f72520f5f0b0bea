/* SPDX-License-Identifier: GPL-3.0-or-later */
/* marks - see marks.h. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lunette/document.h"
#include "lunette/hex.h"
#include "lunette/json.h"
#include "lunette/marks.h"

#define FORMAT  "lunette-mark"
#define VERSION 1

int marks_parse(const json_t *document, struct id_set *packs, struct error *err)
{
	int rc = config_envelope(document, FORMAT, VERSION, "the mark", err);
	if (rc < 0)
		return rc;
	const json_t *list = json_object_get(document, "packs");
	if (!json_is_array(list) || json_array_size(list) > MARKS_PACKS)
		return error_set(err, -EUCLEAN, "the mark is damaged: it has no list of packs");
	for (size_t pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < json_array_size(list); i++) {
			const char *name = json_string_value(json_array_get(list, i));
			struct chunk_id id;
			bool is_new;
			if (!name || !chunk_id_parse(name, &id) || chunk_id_is_zero(&id))
				return error_set(err, -EUCLEAN,
						 "the mark is damaged: it names what is no pack");
			rc = pass > 0 ? id_set_add(packs, &id, &is_new, err) : 0;
			if (rc < 0)
				return rc;
		}
	return 0;
}

/* ---- all of them ---- */

struct loading {
	struct repo *repo;
	struct marks *marks;
};

static int load_one(void *ctx, const char *name, const struct store_stat *st, struct error *err)
{
	(void)st;
	struct loading *l = ctx;
	struct chunk_id id;
	struct error why = { 0 };
	if (!chunk_id_parse(name, &id))
		return 0;
	CLEANUP(json_decref_cleanup) json_t *document = NULL;
	int rc = document_get(l->repo, MARKS_FOLDER, name, MARKS_MAX, &document, &why);
	if (rc == 0)
		rc = marks_parse(document, l->marks->packs, &why);
	if (rc == -ENOENT)
		return 0; /* acted on, and gone */
	if (rc < 0 && rc != -EUCLEAN && rc != -EPROTONOSUPPORT)
		return error_set(err, rc, "mark %.16s: %s", name, why.msg);
	json_t *list = rc == 0 ? l->marks->names : l->marks->damaged;
	if (json_array_append_new(list, json_string(name)) < 0)
		return error_set(err, -ENOMEM, "read the marks: %m");
	return 0;
}

int marks_load(struct repo *repo, struct marks **ret, struct error *err)
{
	CLEANUP(marks_free_cleanup) struct marks *marks = calloc(1, sizeof(*marks));
	if (!marks || !(marks->names = json_array()) || !(marks->damaged = json_array()))
		return error_set(err, -ENOMEM, "read the marks: %m");
	int rc = id_set_new(SIZE_MAX, &marks->packs, err);
	struct loading loading = { repo, marks };
	if (rc == 0)
		rc = store_list(repo->store, MARKS_FOLDER, load_one, &loading, err);
	if (rc < 0)
		return rc;
	*ret = steal(&marks);
	return 0;
}

void marks_free(struct marks *marks)
{
	if (!marks)
		return;
	json_decref(marks->names);
	json_decref(marks->damaged);
	id_set_free(marks->packs);
	free(marks);
}

bool marks_has(const struct marks *marks, const struct index_pack *pack)
{
	return id_set_has(marks->packs, index_pack_id(pack));
}

int marks_put(struct repo *repo, const struct index_pack *packs, size_t n, char ret_name[65],
	      struct error *err)
{
	assert(n > 0 && n <= MARKS_PACKS);
	CLEANUP(json_decref_cleanup) json_t *list = json_array();
	for (size_t i = 0; i < n; i++) {
		char hex[65];
		hex_text(packs[i].id, sizeof(packs[i].id), hex);
		json_array_append_new(list, json_string(hex));
	}
	CLEANUP(json_decref_cleanup)
	json_t *document = json_pack("{s:s, s:i, s:[], s:O}", "format", FORMAT, "version", VERSION,
				     "features", "packs", list);
	if (!document || json_array_size(list) != n)
		return error_set(err, -ENOMEM, "write a mark: %m");
	int rc = document_put_removing(repo, MARKS_FOLDER, document, ret_name, err);
	return rc < 0 ? error_wrap(err, rc, "write a mark") : 0;
}

int marks_remove(struct repo *repo, const char *name, struct error *err)
{
	char key[STORE_KEY_MAX];
	snprintf(key, sizeof(key), MARKS_FOLDER "/%.64s", name);
	return store_remove(repo->store, key, err);
}
