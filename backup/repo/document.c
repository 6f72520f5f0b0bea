/* SPDX-License-Identifier: GPL-3.0-or-later */
/* document - see document.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lunette/digest.h"
#include "lunette/document.h"
#include "lunette/hex.h"
#include "lunette/repo-parts.h"

static int damaged(struct error *err, const char *why)
{
	return error_set(err, -EUCLEAN,
			 "it is damaged: %s; put it back from a copy of the repository", why);
}

static int name_of(const void *buf, size_t len, char ret[65], struct error *err)
{
	uint8_t sum[DIGEST_SIZE];
	int rc = digest(buf, len, sum, err);
	if (rc == 0)
		hex_text(sum, sizeof(sum), ret);
	return rc;
}

int document_put_bytes(struct store *store, const char *folder, const void *buf, size_t len,
		       char ret_id[65], struct error *err)
{
	char id[65], key[STORE_KEY_MAX];
	int rc = name_of(buf, len, id, err);
	if (rc < 0)
		return rc;
	snprintf(key, sizeof(key), "%s/%s", folder, id);
	rc = store_put_same(store, key, buf, len, err);
	if (rc < 0)
		return rc;
	memcpy(ret_id, id, sizeof(id));
	return 0;
}

int document_get_bytes(struct store *store, const char *folder, const char *id, size_t max,
		       char **ret, size_t *ret_len, struct error *err)
{
	char key[STORE_KEY_MAX], is[65];
	CLEANUP(free_cleanup) char *buf = NULL;
	size_t len;
	snprintf(key, sizeof(key), "%s/%s", folder, id);
	int rc = store_get(store, key, max, &buf, &len, err);
	if (rc < 0)
		return rc;
	rc = name_of(buf, len, is, err);
	if (rc < 0)
		return rc;
	if (strcmp(is, id) != 0)
		return damaged(err, "its name is not the digest of its content");
	*ret = steal(&buf);
	*ret_len = len;
	return 0;
}

int document_put(struct repo *repo, const char *folder, const json_t *document, char ret_id[65],
		 struct error *err)
{
	CLEANUP(free_cleanup) char *text = json_dumps(document, JSON_INDENT(1));
	if (!text)
		return error_set(err, -ENOMEM, "write to '%s': %m", folder);
	size_t len = strlen(text);
	if (!repo->keys)
		return document_put_bytes(repo->store, folder, text, len, ret_id, err);
	CLEANUP(free_cleanup) uint8_t *box = malloc(len + BOX_MORE);
	if (!box)
		return error_set(err, -ENOMEM, "write to '%s': %m", folder);
	const struct box_note note = { folder, strlen(folder) };
	int rc = box_seal(&repo->keys->metadata, &note, text, len, box, err);
	return rc < 0 ? rc
		      : document_put_bytes(repo->store, folder, box, len + BOX_MORE, ret_id, err);
}

int document_put_removing(struct repo *repo, const char *folder, const json_t *document,
			  char ret_id[65], struct error *err)
{
	int rc = document_put(repo, folder, document, ret_id, err);
	if (store_is_full(rc) && store_give_reserve(repo->store, NULL) > 0)
		rc = document_put(repo, folder, document, ret_id, err);
	return rc;
}

int document_get_moved(struct repo *repo, const char *folder, const char *written_to,
		       const char *id, size_t max, json_t **ret, struct error *err)
{
	CLEANUP(free_cleanup) char *buf = NULL;
	size_t len;
	int rc = document_get_bytes(repo->store, folder, id, max + (repo->keys ? BOX_MORE : 0),
				    &buf, &len, err);
	uint8_t *text = (uint8_t *)buf;
	if (rc == 0 && repo->keys) {
		const struct box_note note = { written_to, strlen(written_to) };
		rc = box_open(&repo->keys->metadata, &note, text, len, &text, err);
		len -= rc < 0 ? 0 : BOX_MORE;
	}
	if (rc == -EBADMSG)
		return damaged(err, "it does not open with the repository's key");
	if (rc < 0)
		return rc;
	json_t *json = json_loadb((const char *)text, len, JSON_REJECT_DUPLICATES, NULL);
	if (!json)
		return damaged(err, "it is not JSON");
	*ret = json;
	return 0;
}

int document_get(struct repo *repo, const char *folder, const char *id, size_t max, json_t **ret,
		 struct error *err)
{
	return document_get_moved(repo, folder, folder, id, max, ret, err);
}
