/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * config - see config.h. Proved by a digest of its own, since its name says nothing about its
 * content; versions and features are looked at first, so that a newer repository is called newer
 * and not damaged.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#include "lunette/config.h"
#include "lunette/hex.h"
#include "lunette/key-document.h"
#include "lunette/moment.h"
#include "lunette/random.h"

/* Whoever adds takes a lease, and heeds marks: see lease.h. */
#define LEASES "leases"

#define FORMAT    "lunette-repository"
#define ENCRYPTED "encrypted"

#define WAY_OUT                                                                                  \
	"put it back from a copy of the repository, or, if it is not encrypted, take that of a " \
	"new one with chunks of the same size"

bool config_chunk_size_ok(uint64_t size)
{
	return is_power_of_2(size) && size >= REPO_CHUNK_MIN && size <= REPO_CHUNK_MAX;
}

/* The digest of the document without its members @a and @b: keys sorted, no white space. */
static int checksum(const json_t *config, const char *a, const char *b, uint8_t ret[DIGEST_SIZE],
		    struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *rest = json_copy((json_t *)config);
	if (rest) {
		json_object_del(rest, a);
		json_object_del(rest, b);
	}
	CLEANUP(free_cleanup)
	char *text = json_dumps(rest, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII);
	if (!text)
		return error_set(err, -ENOMEM, "config: %m");
	return digest(text, strlen(text), ret, err);
}

static int set_hex(json_t *config, const char *key, const uint8_t bytes[DIGEST_SIZE],
		   struct error *err)
{
	char hex[2 * DIGEST_SIZE + 1];
	hex_text(bytes, DIGEST_SIZE, hex);
	return json_object_set_new(config, key, json_string(hex)) == 0
		       ? 0
		       : error_set(err, -ENOMEM, "config: %m");
}

/* Makes a master key, keeps it under the password, and has it prove the config. */
static int encrypt(struct store *store, json_t *config, const char *id, const char *password,
		   char key_id[65], struct error *err)
{
	CLEANUP(keys_free_cleanup) struct keys *keys = NULL;
	uint8_t master[KEYS_MASTER], sum[DIGEST_SIZE], mac[DIGEST_SIZE];
	int rc = random_bytes(master, sizeof(master), err);
	if (rc == 0)
		rc = keys_new(master, id, &keys, err);
	OPENSSL_cleanse(master, sizeof(master));
	if (rc == 0)
		rc = key_document_put(store, id, keys, password, "", key_id, err);
	if (rc == 0)
		rc = checksum(config, "mac", "sha256", sum, err);
	if (rc == 0)
		rc = keys_config_mac(keys, sum, mac, err);
	return rc < 0 ? rc : set_hex(config, "mac", mac, err);
}

static json_t *make(const struct repo_settings *settings, const char *id)
{
	char created[MOMENT_TEXT];
	moment_now(0, created);
	json_t *features = settings->password ? json_pack("[s]", ENCRYPTED) : json_array();
	return json_pack("{s:s, s:i, s:s, s:s, s:I, s:i, s:o, s:[s]}", "format", FORMAT, "version",
			 CONFIG_VERSION, "id", id, "created", created, "chunk_size",
			 (json_int_t)settings->chunk_size, "level",
			 settings->level ? settings->level : REPO_LEVEL_DEFAULT, "features",
			 features, "write_features", LEASES);
}

/*
 * Of several that make a repository here at once the one is whose config is there, and the others
 * take back their keys. @strays: keys of such as were killed before.
 */
static int settle(struct store *store, const char *config, const char *key_id,
		  const struct key_ids *strays, struct error *err)
{
	struct error why = { 0 };
	int rc = store_put_new(store, CONFIG_KEY, config, strlen(config), &why);
	for (size_t i = 0; rc == 0 && i < strays->n; i++)
		(void)key_document_remove(store, strays->ids[i], NULL);
	if (rc == -EEXIST && *key_id)
		(void)key_document_remove(store, key_id, NULL);
	if (rc == -EEXIST)
		return error_set(err, rc,
				 "another one has made a repository there at the same time");
	return rc < 0 ? error_copy(err, rc, &why) : 0;
}

int config_create(struct store *store, const struct repo_settings *settings, struct error *err)
{
	uint8_t random[16], sum[DIGEST_SIZE];
	char id[2 * sizeof(random) + 1], key_id[65] = "";
	struct key_ids strays;
	int rc = key_document_ids(store, &strays, err);
	if (rc == 0)
		rc = random_bytes(random, sizeof(random), err);
	if (rc < 0)
		return rc;
	hex_text(random, sizeof(random), id);
	CLEANUP(json_decref_cleanup) json_t *config = make(settings, id);
	if (!config)
		return error_set(err, -ENOMEM, "config: %m");
	if (settings->password)
		rc = encrypt(store, config, id, settings->password, key_id, err);
	if (rc == 0)
		rc = checksum(config, "sha256", "", sum, err);
	if (rc == 0)
		rc = set_hex(config, "sha256", sum, err);
	if (rc < 0)
		return rc;
	CLEANUP(free_cleanup) char *text = json_dumps(config, JSON_INDENT(2));
	if (!text)
		return error_set(err, -ENOMEM, "config: %m");
	return settle(store, text, key_id, &strays, err);
}

static int damaged(struct error *err, const char *why)
{
	return error_set(err, -EUCLEAN, "its config is damaged: %s; " WAY_OUT, why);
}

static bool get_hex(const json_t *config, const char *key, uint8_t ret[DIGEST_SIZE])
{
	const char *hex = json_string_value(json_object_get(config, key));
	return hex && hex_parse(hex, ret, DIGEST_SIZE);
}

int config_parse(const char *buf, size_t len, struct config *ret, struct error *err)
{
	CLEANUP(json_decref_cleanup)
	json_t *json = json_loadb(buf, len, JSON_REJECT_DUPLICATES, NULL);
	if (!json)
		return damaged(err, "it is not JSON");
	int rc = config_envelope_with(json, FORMAT, CONFIG_VERSION, ENCRYPTED, "the repository",
				      err);
	if (rc == -EMEDIUMTYPE)
		return error_set(err, rc,
				 "its config is not that of a repository, or damaged; " WAY_OUT);
	if (rc < 0)
		return rc;
	uint8_t sum[DIGEST_SIZE], stands[DIGEST_SIZE];
	rc = checksum(json, "sha256", "", sum, err);
	if (rc < 0)
		return rc;
	if (!get_hex(json, "sha256", stands) || memcmp(stands, sum, sizeof(sum)) != 0)
		return damaged(err, "its checksum is wrong");

	const char *id = json_string_value(json_object_get(json, "id"));
	json_int_t chunk_size = json_integer_value(json_object_get(json, "chunk_size"));
	const json_t *level = json_object_get(json, "level"); /* the first lunettes wrote none */
	json_int_t level_is = level ? json_integer_value(level) : REPO_LEVEL_DEFAULT;
	const char *feature =
		config_unknown_feature(json_object_get(json, "write_features"), LEASES);
	if (!id || strlen(id) != 32 || strspn(id, "0123456789abcdef") != 32)
		return damaged(err, "its id is not one");
	if (chunk_size < 0 || !config_chunk_size_ok((uint64_t)chunk_size))
		return damaged(err, "its chunk size is not one");
	if (!repo_level_ok(level_is))
		return damaged(err, "its level of compression is not one");
	if (!feature)
		return damaged(err, "it has no list of features for writing");
	struct config config = {
		.chunk_size = (uint32_t)chunk_size,
		.level = (int)level_is,
		.encrypted = json_array_size(json_object_get(json, "features")) > 0,
		.leases = json_array_size(json_object_get(json, "write_features")) > 0,
	};
	rc = checksum(json, "mac", "sha256", config.sum, err);
	if (rc < 0)
		return rc;
	if (config.encrypted && !get_hex(json, "mac", config.mac))
		return damaged(err, "it is encrypted, and has no proof");
	*ret = config;
	snprintf(ret->id, sizeof(ret->id), "%s", id);
	snprintf(ret->write_refused, sizeof(ret->write_refused), "%s", feature);
	return 0;
}

int config_prove(const struct config *config, const struct keys *keys, struct error *err)
{
	uint8_t mac[DIGEST_SIZE];
	int rc = keys_config_mac(keys, config->sum, mac, err);
	if (rc < 0)
		return rc;
	if (CRYPTO_memcmp(mac, config->mac, sizeof(mac)) == 0)
		return 0;
	return error_mark(
		err,
		error_set(err, -EKEYREJECTED,
			  "this is the key of another repository; or somebody has changed its "
			  "config, which must be put back from a copy of the repository"),
		ERROR_KIND_PASSWORD);
}
