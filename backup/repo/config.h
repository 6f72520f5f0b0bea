/* SPDX-License-Identifier: GPL-3.0-or-later */
/* config - what a repository is: the object that makes a directory one, written once by init. */
#ifndef REPO_CONFIG_H
#define REPO_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "lunette/repo.h"
#include "store.h"

DEFINE_CLEANUP(json_t *, json_decref)

#define CONFIG_KEY     "config"
#define CONFIG_VERSION 1

/* No config has more bytes than this. */
#define CONFIG_MAX (1u << 20)

/* Letters in a feature's name. */
#define CONFIG_FEATURE_MAX 40

/**
 * struct config - a repository's unchanging properties
 * @id: 32 random hexadecimal digits: tells a copy from another repository
 * @chunk_size: bytes
 * @level: of compression, for backups that do not choose
 * @write_refused: "" or the feature that an older lunette must know before it may add anything
 */
struct config {
	char id[33];
	uint32_t chunk_size;
	int level;
	char write_refused[CONFIG_FEATURE_MAX + 1];
};

bool config_chunk_size_ok(uint64_t size);

/**
 * config_create() - make the object; the repository exists when this returns 0
 *
 * Return: 0; -EEXIST when there is one already; ...
 */
int config_create(struct store *store, const struct repo_settings *settings, struct error *err);

/**
 * config_parse() - read the object's bytes, which are foreign
 *
 * Return: 0; -EMEDIUMTYPE when they are something else; -EPROTONOSUPPORT when they are of a newer
 * version or need a feature that is not known here; -EUCLEAN when damaged.
 */
int config_parse(const char *buf, size_t len, struct config *ret, struct error *err);

/**
 * config_envelope() - check what every JSON object begins with: format, version and features
 * @what: for messages: "the repository", "the restore point"
 *
 * Return: as config_parse().
 */
int config_envelope(const json_t *object, const char *format, int version, const char *what,
		    struct error *err);

#endif
