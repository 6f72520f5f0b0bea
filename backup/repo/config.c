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
#include <sys/random.h>
#include <time.h>

#include "config.h"
#include "digest.h"
#include "lunette/repo.h"

#define FORMAT "lunette-repository"

bool config_chunk_size_ok(uint64_t size)
{
	return is_power_of_2(size) && size >= REPO_CHUNK_MIN && size <= REPO_CHUNK_MAX;
}

/* The digest is that of the document without it, keys sorted, without white space. */
static int checksum(const json_t *config, char ret[2 * DIGEST_SIZE + 1], struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *rest = json_copy((json_t *)config);
	if (rest)
		json_object_del(rest, "sha256");
	CLEANUP(free_cleanup)
	char *text = json_dumps(rest, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII);
	if (!text)
		return error_set(err, -ENOMEM, "config: %m");
	uint8_t sum[DIGEST_SIZE];
	int rc = digest(text, strlen(text), sum, err);
	if (rc < 0)
		return rc;
	digest_hex(sum, sizeof(sum), ret);
	return 0;
}

int config_create(struct store *store, const struct repo_settings *settings, struct error *err)
{
	uint8_t random[16];
	char id[2 * sizeof(random) + 1];
	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return error_set(err, -EIO, "the system has no random numbers");
	digest_hex(random, sizeof(random), id);

	time_t now = time(NULL);
	struct tm tm;
	char created[32];
	strftime(created, sizeof(created), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));

	CLEANUP(json_decref_cleanup)
	json_t *config = json_pack("{s:s, s:i, s:s, s:s, s:I, s:i, s:[], s:[]}", "format", FORMAT,
				   "version", CONFIG_VERSION, "id", id, "created", created,
				   "chunk_size", (json_int_t)settings->chunk_size, "level",
				   settings->level ? settings->level : REPO_LEVEL_DEFAULT,
				   "features", "write_features");
	if (!config)
		return error_set(err, -ENOMEM, "config: %m");
	char sum[2 * DIGEST_SIZE + 1];
	int rc = checksum(config, sum, err);
	if (rc < 0)
		return rc;
	if (json_object_set_new(config, "sha256", json_string(sum)) < 0)
		return error_set(err, -ENOMEM, "config: %m");
	CLEANUP(free_cleanup) char *text = json_dumps(config, JSON_INDENT(2));
	if (!text)
		return error_set(err, -ENOMEM, "config: %m");
	return store_put_new(store, CONFIG_KEY, text, strlen(text), err);
}

/* No feature is known yet: whatever is in the list is one too many. NULL: the list is damaged. */
static const char *unknown_feature(const json_t *list)
{
	if (!json_is_array(list))
		return NULL;
	if (json_array_size(list) == 0)
		return "";
	const char *name = json_string_value(json_array_get(list, 0));
	bool spelled = name && name[0] && strlen(name) <= CONFIG_FEATURE_MAX &&
		       !name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")];
	return spelled ? name : NULL;
}

int config_envelope(const json_t *object, const char *format, int version, const char *what,
		    struct error *err)
{
	const char *is = json_string_value(json_object_get(object, "format"));
	if (!is || strcmp(is, format) != 0)
		return error_set(err, -EMEDIUMTYPE, "%s is not a '%s'", what, format);
	const json_t *number = json_object_get(object, "version");
	if (!json_is_integer(number) || json_integer_value(number) < 1)
		return error_set(err, -EUCLEAN, "%s is damaged: it has no version", what);
	if (json_integer_value(number) > version)
		return error_set(
			err, -EPROTONOSUPPORT,
			"%s has version %" JSON_INTEGER_FORMAT
			", and this lunette knows versions up to %d: please use a newer one",
			what, json_integer_value(number), version);
	const char *feature = unknown_feature(json_object_get(object, "features"));
	if (!feature)
		return error_set(err, -EUCLEAN, "%s is damaged: it has no list of features", what);
	if (feature[0])
		return error_set(err, -EPROTONOSUPPORT,
				 "%s needs the feature '%s', which this lunette does not know: "
				 "please use a newer one",
				 what, feature);
	return 0;
}

static int damaged(struct error *err, const char *why)
{
	return error_set(err, -EUCLEAN,
			 "its config is damaged: %s; put it back from a copy of the repository",
			 why);
}

int config_parse(const char *buf, size_t len, struct config *ret, struct error *err)
{
	CLEANUP(json_decref_cleanup)
	json_t *json = json_loadb(buf, len, JSON_REJECT_DUPLICATES, NULL);
	if (!json)
		return damaged(err, "it is not JSON");
	int rc = config_envelope(json, FORMAT, CONFIG_VERSION, "the repository", err);
	if (rc < 0)
		return rc;
	char sum[2 * DIGEST_SIZE + 1];
	rc = checksum(json, sum, err);
	if (rc < 0)
		return rc;
	const char *stands = json_string_value(json_object_get(json, "sha256"));
	if (!stands || strcmp(stands, sum) != 0)
		return damaged(err, "its checksum is wrong");

	const char *id = json_string_value(json_object_get(json, "id"));
	json_int_t chunk_size = json_integer_value(json_object_get(json, "chunk_size"));
	const json_t *level = json_object_get(json, "level"); /* the first lunettes wrote none */
	json_int_t level_is = level ? json_integer_value(level) : REPO_LEVEL_DEFAULT;
	const char *feature = unknown_feature(json_object_get(json, "write_features"));
	if (!id || strlen(id) != 32 || strspn(id, "0123456789abcdef") != 32)
		return damaged(err, "its id is not one");
	if (chunk_size < 0 || !config_chunk_size_ok((uint64_t)chunk_size))
		return damaged(err, "its chunk size is not one");
	if (!repo_level_ok(level_is))
		return damaged(err, "its level of compression is not one");
	if (!feature)
		return damaged(err, "it has no list of features for writing");
	*ret = (struct config){ .chunk_size = (uint32_t)chunk_size, .level = (int)level_is };
	snprintf(ret->id, sizeof(ret->id), "%s", id);
	snprintf(ret->write_refused, sizeof(ret->write_refused), "%s", feature);
	return 0;
}
