/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * box - authenticated encryption: XAES-256-GCM.
 *
 * AES-256-GCM under a key that each nonce derives anew, so that nonces have 24 bytes, may be chosen
 * at random for ever, and no key wears out.
 *
 * Source: C2SP, "XAES-256-GCM" (https://c2sp.org/XAES-256-GCM).
 */
#ifndef LUNETTE_BOX_H
#define LUNETTE_BOX_H

#include <stddef.h>
#include <stdint.h>

#include "lunette/error.h"

#define BOX_KEY   32
#define BOX_NONCE 24
#define BOX_TAG   16

/* A box is this much longer than what is in it: nonce, ciphertext, tag. */
#define BOX_MORE (BOX_NONCE + BOX_TAG)

/**
 * struct box_key - a key, ready for use; holds secrets
 * @subkey: K1 of CMAC, which is the same for every nonce
 */
struct box_key {
	uint8_t key[BOX_KEY];
	uint8_t subkey[16];
};

/**
 * box_key_init() - get a key ready
 *
 * Return: 0 or -ENOMEM.
 */
int box_key_init(struct box_key *ret, const uint8_t key[BOX_KEY], struct error *err);

/**
 * struct box_note - what is not in the box, but must be the same when it is opened ("associated
 * data"): what kind of object it is and where it belongs, so that none passes for another
 */
struct box_note {
	const void *buf;
	size_t len;
};

/**
 * box_seal() - put bytes in a box. Any thread.
 * @box: @len + BOX_MORE bytes; does not overlap @buf
 *
 * Return: 0; -ENOMEM; -EIO when the system has no random numbers.
 */
int box_seal(const struct box_key *key, const struct box_note *note, const void *buf, size_t len,
	     uint8_t *box, struct error *err);

/**
 * box_open() - take them out again, in place. Any thread.
 * @box: @box_len bytes, foreign; changed
 * @ret: where in @box they are: @box_len - BOX_MORE bytes
 *
 * Return: 0; -EBADMSG when it is not what was sealed with this key and this note; -ENOMEM.
 */
int box_open(const struct box_key *key, const struct box_note *note, uint8_t *box, size_t box_len,
	     uint8_t **ret, struct error *err);

/* ---- the same in parts, for objects that have other places for them ---- */

/**
 * box_encrypt() - encrypt in place
 * @nonce: never used before with this key
 */
int box_encrypt(const struct box_key *key, const uint8_t nonce[BOX_NONCE],
		const struct box_note *note, uint8_t *buf, size_t len, uint8_t ret_tag[BOX_TAG],
		struct error *err);

/**
 * box_decrypt() - decrypt in place
 *
 * Return: as box_open(); @buf is all zeros when it is not 0.
 */
int box_decrypt(const struct box_key *key, const uint8_t nonce[BOX_NONCE],
		const struct box_note *note, uint8_t *buf, size_t len, const uint8_t tag[BOX_TAG],
		struct error *err);

#endif
