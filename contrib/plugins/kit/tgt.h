/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tgt - speaks with tgtd, the Linux iSCSI target, and exports LUNs through it.
 *
 * tgtd's own socket is spoken to, not through tgtadm, because tgtadm takes CHAP secrets as
 * arguments, which every user of the machine can read.
 *
 * What is exported is known to tgtd alone: nothing is written down, so that nothing is wrong after
 * tgtd was started anew.
 */
#ifndef LUNETTE_TGT_H
#define LUNETTE_TGT_H

#include <jansson.h>
#include <sys/types.h>

#include "plug.h"

/* The settings that each plug-in with tgtd has; see tgt_open(). */
/* clang-format off */
#define TGT_SETTINGS                                                                              \
	{ "control-socket", false, false,                                                          \
	  "tgtd's control socket without the number at its end, as in TGT_IPC_SOCKET; "            \
	  "/var/run/tgtd/socket unless given" },                                                   \
	{ "control-port", false, false, "tgtd's --control-port; 0 unless given" },                 \
	{ "portal", false, false,                                                                  \
	  "HOST:PORT, several with commas, under which the LUNs are reached; tgtd's own portals "  \
	  "unless given" }
/* clang-format on */

/* A tgtd: where it listens, and until when to wait for it. */
struct tgt {
	char socket[104];
	const char *portal;
	int64_t deadline;
};

/**
 * tgt_open() - which tgtd the settings mean. Does not speak with it.
 */
int tgt_open(const struct plug_request *request, struct tgt *ret, struct error *err);

/* What can be asked of tgtd: numbers of its own protocol. */
enum tgt_mode {
	TGT_SYSTEM = 0,
	TGT_TARGET = 1,
	TGT_LUN = 2,
	TGT_PORTAL = 3,
	TGT_CONNECTION = 6,
	TGT_ACCOUNT = 7
};
enum tgt_op { TGT_NEW, TGT_DELETE, TGT_SHOW, TGT_BIND, TGT_UNBIND, TGT_UPDATE };

/**
 * struct tgt_call - one request
 * @params: text as tgtadm makes it, or NULL
 */
struct tgt_call {
	enum tgt_mode mode;
	enum tgt_op op;
	int target;
	uint64_t session;
	uint64_t lun;
	uint32_t connection;
	bool force;
	const char *params;
};

/**
 * tgt_do() - do it
 * @ret_text: what tgtd prints, to be freed; may be NULL
 *
 * Return: 0; -EEXIST for what is there already; -ENOENT for what is not; -EBUSY for a LUN in use;
 * -ECONNREFUSED when no tgtd runs; -ETIMEDOUT; -EPROTO for an answer that cannot be.
 */
int tgt_do(const struct tgt *tgt, const struct tgt_call *call, char **ret_text, struct error *err);

/* The process id of tgtd; -ESRCH when it cannot be found out. */
int tgt_process(const struct tgt *tgt, pid_t *ret, struct error *err);

/* ---- tgt-show.c: what tgtd tells ---- */

/**
 * tgt_targets() - all targets
 * @ret: [{"tid","name","luns":[{"number","id","sector","path"}],"sessions":[{"sid","initiator",
 *       "connections":[N]}],"accounts":["…"],"initiators":["…"]}]
 *
 * Return: as tgt_do().
 */
int tgt_targets(const struct tgt *tgt, json_t **ret, struct error *err);

/* ["host:port"]: the setting, or what tgtd tells; -EINVAL when that is no address for others. */
int tgt_portals(const struct tgt *tgt, json_t **ret, struct error *err);

/* -EOPNOTSUPP when this tgtd was made or started without that backing store. */
int tgt_has_backing(const struct tgt *tgt, const char *name, struct error *err);

/* ---- tgt-export.c: each LUN in a target of its own ---- */

/**
 * struct tgt_export - a LUN to be shown
 * @identity: "naa.6…": its designator, and the end of its target's name
 * @backing: tgtd's backing store, "rdwr" or "rbd"
 * @path: in that backing store
 * @options: for that backing store, or NULL
 */
struct tgt_export {
	const char *identity;
	const char *backing;
	const char *path;
	const char *options;
	const char *product;
	unsigned int sector;
};

/* A new identity: NAA 6, random. */
#define TGT_IDENTITY_SIZE 40
int tgt_new_identity(char ret[TGT_IDENTITY_SIZE], struct error *err);

/**
 * tgt_map() - let @initiator, and nobody else who has not been let, reach the LUN; with the
 * chap_user and chap_secret of the secrets, if there are any
 * @ret: the result of `map`
 */
int tgt_map(const struct tgt *tgt, const struct tgt_export *lun, const char *initiator,
	    json_t **ret, struct error *err);

/**
 * tgt_identity() - of the LUN that shows @path, when nothing else is known of it any more
 * @ret: "" when no target that tgt_map() has made shows it
 */
int tgt_identity(const struct tgt *tgt, const char *path, char ret[TGT_IDENTITY_SIZE],
		 struct error *err);

/* Takes the leave back and ends the sessions. Success when there was none, and when tgtd is gone.
 */
int tgt_unmap(const struct tgt *tgt, const char *identity, const char *initiator,
	      struct error *err);

/* Makes sure that the LUN is shown nowhere; -EISCONN while it is mapped. */
int tgt_withdraw(const struct tgt *tgt, const char *identity, struct error *err);

/* Who may reach the LUN, or still has a session: a new array of names. */
json_t *tgt_initiators(const json_t *targets, const char *identity);

#endif
