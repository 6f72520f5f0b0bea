/* SPDX-License-Identifier: GPL-3.0-or-later */
/* config - what a repository is: the object that makes a directory one, written once by init. */
#ifndef LUNETTE_CONFIG_H
#define LUNETTE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "lunette/digest.h"
#include "lunette/json.h"
#include "lunette/repo.h"
#include "lunette/store.h"

struct keys;

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
 * @encrypted: nothing is read or written without its keys
 * @leases: all who add to it take leases, so that it can be pruned
 * @sum: what the keys prove: the digest of all that the object says, but for @mac
 * @mac: the proof that it carries; only of an encrypted one
 * @write_refused: "" or the feature that an older lunette must know before it may add anything
 */
struct config {
	char id[33];
	uint32_t chunk_size;
	int level;
	bool encrypted;
	bool leases;
	uint8_t sum[DIGEST_SIZE];
	uint8_t mac[DIGEST_SIZE];
	char write_refused[CONFIG_FEATURE_MAX + 1];
};

/* ---- config.c ---- */

bool config_chunk_size_ok(uint64_t size);

/**
 * config_create() - make the object, and the first key before it if there is a password; the
 * repository exists when this returns 0
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
 * config_prove() - is this what the owner of the keys has written?
 *
 * Return: 0; -EKEYREJECTED when it is not: the config was changed, or the keys are others';
 * -ENOMEM.
 */
int config_prove(const struct config *config, const struct keys *keys, struct error *err);

/* ---- envelope.c ---- */

/*
 * The first feature of a list that is not @known, which may be NULL; "" when there is none; NULL
 * when the list is damaged.
 */
const char *config_unknown_feature(const json_t *list, const char *known);

/**
 * config_envelope() - check what every JSON object begins with: format, version and features
 * @what: for messages: "the repository", "the restore point"
 *
 * Return: as config_parse().
 */
int config_envelope(const json_t *object, const char *format, int version, const char *what,
		    struct error *err);

/* The same, of what may have the feature @known. */
int config_envelope_with(const json_t *object, const char *format, int version, const char *known,
			 const char *what, struct error *err);

#endif
