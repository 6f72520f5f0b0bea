/* SPDX-License-Identifier: GPL-3.0-or-later */
/* key-document - see key-document.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#include "lunette/config.h"
#include "lunette/document.h"
#include "lunette/hex.h"
#include "lunette/key-document.h"
#include "lunette/moment.h"
#include "lunette/random.h"

#define FORMAT  "lunette-key"
#define VERSION 1

/* No key document has more bytes than this. */
#define DOCUMENT_MAX 16384

/* 128 MiB and a third of a second: what scrypt takes for a key that is made today. */
#define SCRYPT_N 131072
#define SCRYPT_R 8
#define SCRYPT_P 1

/* What a document may ask for: it is read before anything can be proved. */
#define SCRYPT_MEMORY_MAX (UINT64_C(1) << 30)
#define SCRYPT_WORK_MAX   (UINT64_C(1) << 24) /* n * r * p: 16 times as long */

static const char *string_in(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

static uint64_t number_in(const json_t *object, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(object, key));
	return n > 0 ? (uint64_t)n : 0;
}

static bool scrypt_ok(uint64_t n, uint64_t r, uint64_t p)
{
	return is_power_of_2(n) && n >= 1024 && n <= SCRYPT_WORK_MAX && r >= 1 && r <= 64 &&
	       p >= 1 && p <= 64 && 128 * n * r <= SCRYPT_MEMORY_MAX &&
	       n * r * p <= SCRYPT_WORK_MAX;
}

int key_document_check(const json_t *document, const char *repo_id, struct key_scrypt *ret,
		       struct error *err)
{
	int rc = config_envelope(document, FORMAT, VERSION, "the key", err);
	if (rc < 0)
		return rc;
	uint64_t n = number_in(document, "n"), r = number_in(document, "r"),
		 p = number_in(document, "p");
	struct key_scrypt scrypt;
	const char *why = NULL;
	if (strcmp(string_in(document, "kdf"), "scrypt") != 0 || !scrypt_ok(n, r, p))
		why = "what it asks of scrypt is out of bounds";
	else if (strcmp(string_in(document, "repository"), repo_id) != 0)
		why = "it belongs to another repository";
	else if (!hex_parse(string_in(document, "salt"), scrypt.salt, sizeof(scrypt.salt)) ||
		 !hex_parse(string_in(document, "box"), scrypt.box, sizeof(scrypt.box)))
		why = "it holds no key";
	else if (strlen(string_in(document, "label")) > KEY_LABEL_MAX)
		why = "its label is too long";
	if (why)
		return error_set(err, -EUCLEAN, "it is damaged: %s", why);
	scrypt.n = n;
	scrypt.r = (uint32_t)r;
	scrypt.p = (uint32_t)p;
	*ret = scrypt;
	return 0;
}

/* The key that a password stands for. */
static int stretch(const struct key_scrypt *scrypt, const char *password, struct box_key *ret,
		   struct error *err)
{
	uint8_t key[BOX_KEY];
	int rc = EVP_PBE_scrypt(password, strlen(password), scrypt->salt, sizeof(scrypt->salt),
				scrypt->n, scrypt->r, scrypt->p, SCRYPT_MEMORY_MAX + (64u << 20),
				key, sizeof(key)) == 1
			 ? 0
			 : error_set(err, -ENOMEM,
				     "scrypt needs %" PRIu64
				     " MiB of memory, and the system has not so much",
				     (uint64_t)128 * scrypt->n * scrypt->r >> 20);
	if (rc == 0)
		rc = box_key_init(ret, key, err);
	OPENSSL_cleanse(key, sizeof(key));
	return rc;
}

/* All that the document says but the box: none of it can be changed. To be freed with free(). */
static char *note_of(const json_t *document)
{
	CLEANUP(json_decref_cleanup) json_t *rest = json_copy((json_t *)document);
	if (!rest)
		return NULL;
	json_object_del(rest, "box");
	return json_dumps(rest, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII);
}

static int check_words(const char *password, const char *label, struct error *err)
{
	size_t len = strlen(password);
	if (len == 0)
		return error_set(err, -EINVAL, "the password is empty");
	if (len > KEY_PASSWORD_MAX)
		return error_set(err, -EINVAL, "the password is longer than %d bytes",
				 KEY_PASSWORD_MAX);
	if (strlen(label) > KEY_LABEL_MAX)
		return error_set(err, -EINVAL, "the label is longer than %d bytes", KEY_LABEL_MAX);
	return 0;
}

static int make_document(struct key_scrypt *scrypt, const char *repo_id, const char *label,
			 json_t **ret, struct error *err)
{
	char created[MOMENT_TEXT], salt[2 * sizeof(scrypt->salt) + 1];
	moment_now(0, created);
	int rc = random_bytes(scrypt->salt, sizeof(scrypt->salt), err);
	if (rc < 0)
		return rc;
	hex_text(scrypt->salt, sizeof(scrypt->salt), salt);
	*ret = json_pack("{s:s, s:i, s:[], s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:s}", "format",
			 FORMAT, "version", VERSION, "features", "repository", repo_id, "label",
			 label, "created", created, "kdf", "scrypt", "n", (json_int_t)scrypt->n,
			 "r", (json_int_t)scrypt->r, "p", (json_int_t)scrypt->p, "salt", salt);
	return *ret ? 0 : error_set(err, -EINVAL, "the label is not UTF-8");
}

static int seal_master(const struct key_scrypt *scrypt, const struct keys *keys,
		       const char *password, json_t *document, struct error *err)
{
	uint8_t box[KEYS_MASTER + BOX_MORE];
	char hex[2 * sizeof(box) + 1];
	struct box_key key;
	CLEANUP(free_cleanup) char *note = note_of(document);
	if (!note)
		return error_set(err, -ENOMEM, "write a key: %m");
	int rc = stretch(scrypt, password, &key, err);
	if (rc == 0)
		rc = box_seal(&key, &(struct box_note){ note, strlen(note) }, keys->master,
			      KEYS_MASTER, box, err);
	OPENSSL_cleanse(&key, sizeof(key));
	if (rc < 0)
		return rc;
	hex_text(box, sizeof(box), hex);
	return json_object_set_new(document, "box", json_string(hex)) == 0
		       ? 0
		       : error_set(err, -ENOMEM, "write a key: %m");
}

int key_document_put(struct store *store, const char *repo_id, const struct keys *keys,
		     const char *password, const char *label, char ret_id[65], struct error *err)
{
	struct key_scrypt scrypt = { .n = SCRYPT_N, .r = SCRYPT_R, .p = SCRYPT_P };
	CLEANUP(json_decref_cleanup) json_t *document = NULL;
	int rc = check_words(password, label, err);
	if (rc == 0)
		rc = make_document(&scrypt, repo_id, label, &document, err);
	if (rc == 0)
		rc = seal_master(&scrypt, keys, password, document, err);
	if (rc < 0)
		return rc;
	CLEANUP(free_cleanup) char *text = json_dumps(document, JSON_INDENT(1));
	if (!text)
		return error_set(err, -ENOMEM, "write a key: %m");
	return document_put_bytes(store, KEY_FOLDER, text, strlen(text), ret_id, err);
}

/* ---- reading ---- */

static int note_id(void *ctx, const char *name, const struct store_stat *st, struct error *err)
{
	(void)st, (void)err;
	struct key_ids *listing = ctx;
	struct chunk_id id;
	if (chunk_id_parse(name, &id) && listing->n < KEY_DOCUMENTS_MAX)
		memcpy(listing->ids[listing->n++], name, sizeof(listing->ids[0]));
	return 0;
}

int key_document_ids(struct store *store, struct key_ids *ret, struct error *err)
{
	ret->n = 0;
	return store_list(store, KEY_FOLDER, note_id, ret, err);
}

int key_document_remove(struct store *store, const char *id, struct error *err)
{
	char key[STORE_KEY_MAX];
	snprintf(key, sizeof(key), KEY_FOLDER "/%.64s", id);
	return store_remove(store, key, err);
}

static int get(struct store *store, const char *id, const char *repo_id, json_t **ret,
	       struct error *err)
{
	CLEANUP(free_cleanup) char *buf = NULL;
	size_t len;
	int rc = document_get_bytes(store, KEY_FOLDER, id, DOCUMENT_MAX, &buf, &len, err);
	if (rc < 0)
		return error_wrap(err, rc, "key %.16s", id);
	CLEANUP(json_decref_cleanup)
	json_t *document = json_loadb(buf, len, JSON_REJECT_DUPLICATES, NULL);
	struct key_scrypt scrypt;
	rc = document ? key_document_check(document, repo_id, &scrypt, err)
		      : error_set(err, -EUCLEAN, "it is damaged: it is not JSON");
	if (rc < 0)
		return error_wrap(err, rc, "key %.16s", id);
	*ret = steal(&document);
	return 0;
}

/* One that cannot be read is told of, and does not hide the others. */
static int read_one(struct store *store, const char *id, const char *repo_id, json_t **ret,
		    void *ctx, void (*damaged)(void *ctx, const struct error *why),
		    struct error *err)
{
	struct error why;
	int rc = get(store, id, repo_id, ret, &why);
	if (rc == -ENOMEM)
		return error_copy(err, rc, &why);
	if (rc < 0 && damaged)
		damaged(ctx, &why);
	return 0;
}

int key_document_list(struct store *store, const char *repo_id, key_document_fn *fn, void *ctx,
		      void (*damaged)(void *ctx, const struct error *why), struct error *err)
{
	struct key_ids listing;
	int rc = key_document_ids(store, &listing, err);
	for (size_t i = 0; rc == 0 && i < listing.n; i++) {
		CLEANUP(json_decref_cleanup) json_t *document = NULL;
		rc = read_one(store, listing.ids[i], repo_id, &document, ctx, damaged, err);
		if (rc == 0 && document)
			rc = fn(ctx, listing.ids[i], document, err);
	}
	return rc;
}

struct attempt {
	const char *repo_id;
	const char *password;
	size_t n; /* documents that were tried */
	bool opened;
	uint8_t master[KEYS_MASTER];
	char id[65];
	struct error damage; /* code 0 when none was met */
};

static int try(void *ctx, const char *id, const json_t *document, struct error *err)
{
	struct attempt *attempt = ctx;
	struct key_scrypt scrypt;
	struct box_key key;
	if (attempt->opened)
		return 0;
	attempt->n++;
	CLEANUP(free_cleanup) char *note = note_of(document);
	if (!note)
		return error_set(err, -ENOMEM, "read a key: %m");
	int rc = key_document_check(document, attempt->repo_id, &scrypt, err);
	if (rc == 0)
		rc = stretch(&scrypt, attempt->password, &key, err);
	if (rc < 0)
		return rc;
	uint8_t *master;
	rc = box_open(&key, &(struct box_note){ note, strlen(note) }, scrypt.box,
		      sizeof(scrypt.box), &master, err);
	OPENSSL_cleanse(&key, sizeof(key));
	if (rc == 0) {
		memcpy(attempt->master, master, KEYS_MASTER);
		memcpy(attempt->id, id, sizeof(attempt->id));
		attempt->opened = true;
	}
	OPENSSL_cleanse(scrypt.box, sizeof(scrypt.box));
	return rc == -EBADMSG ? 0 : rc;
}

static void note_damage(void *ctx, const struct error *why)
{
	((struct attempt *)ctx)->damage = *why;
}

int key_document_unlock(struct store *store, const char *repo_id, const char *password,
			uint8_t ret[KEYS_MASTER], char ret_id[65], struct error *err)
{
	struct attempt attempt = { .repo_id = repo_id, .password = password };
	int rc = check_words(password, "", err);
	if (rc == 0)
		rc = key_document_list(store, repo_id, try, &attempt, note_damage, err);
	if (rc == 0 && attempt.opened) {
		memcpy(ret, attempt.master, KEYS_MASTER);
		memcpy(ret_id, attempt.id, sizeof(attempt.id));
	} else if (rc == 0 && attempt.damage.code < 0) {
		rc = error_set(
			err, attempt.damage.code,
			"the password opens no key that can be read, and one cannot: %s; the "
			"exported key opens it, too",
			attempt.damage.msg);
	} else if (rc == 0 && attempt.n == 0) {
		rc = error_set(
			err, -EUCLEAN,
			"it is encrypted, and there is no key in 'keys'; put one back from a "
			"copy of the repository, or use the exported key");
	} else if (rc == 0) {
		rc = error_mark(err, error_set(err, -EKEYREJECTED, "the password is wrong"),
				ERROR_KIND_PASSWORD);
	}
	OPENSSL_cleanse(attempt.master, sizeof(attempt.master));
	return rc;
}
