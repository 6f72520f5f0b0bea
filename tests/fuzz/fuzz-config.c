/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz-config - a repository's config, as it is, and with a digest that is made right. */
#include "fuzz-repo.h"
#include "lunette/hex.h"

static void parse(const char *text, size_t len)
{
	struct config config;
	if (config_parse(text, len, &config, NULL) < 0)
		return;
	fuzz_check(config_chunk_size_ok(config.chunk_size));
	fuzz_check(strlen(config.id) == 32);
}

static void parse_sealed(json_t *json)
{
	uint8_t sum[DIGEST_SIZE];
	char hex[2 * DIGEST_SIZE + 1];
	json_object_del(json, "sha256");
	char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII);
	fuzz_check(digest(text, strlen(text), sum, NULL) == 0);
	free(text);
	hex_text(sum, sizeof(sum), hex);
	json_object_set_new(json, "sha256", json_string(hex));
	text = json_dumps(json, 0);
	parse(text, strlen(text));
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	parse((const char *)data, size);
	json_t *json = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(json))
		parse_sealed(json);
	json_decref(json);
	return 0;
}
