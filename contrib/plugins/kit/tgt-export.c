/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tgt-export - a LUN in a target of its own, for named initiators.
 *
 * The target's name ends in the LUN's identity, so that it is found again without notes. tgtd shuts
 * out whoever is not in a target's list, and an empty list shuts out everybody: the initiator's
 * name is the last thing that is given, and the first that is taken. An address in the list would
 * let in everybody from there, whatever his name; so there are none.
 */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "lunette/clock.h"
#include "lunette/hex.h"
#include "lunette/json.h"
#include "lunette/random.h"
#include "tgt.h"

#define IQN_PREFIX "iqn.2026-11.lunette.snapshot:"
#define LUN_NUMBER 1
#define TID_MAX    65535

int tgt_new_identity(char ret[TGT_IDENTITY_SIZE], struct error *err)
{
	uint8_t b[16];
	int rc = random_bytes(b, sizeof(b), err);
	if (rc < 0)
		return rc;
	b[0] = (uint8_t)(0x60 | (b[0] & 0x0f));
	memcpy(ret, "naa.", 4);
	hex_text(b, sizeof(b), ret + 4);
	return 0;
}

static void target_name(const char *identity, char ret[96])
{
	snprintf(ret, 96, IQN_PREFIX "%.32s", identity + 4);
}

static json_t *find_target(const json_t *targets, const char *identity)
{
	char name[96];
	size_t i;
	json_t *target;
	target_name(identity, name);
	json_array_foreach(targets, i,
			   target) if (strcmp(json_string_value(json_object_get(target, "name")),
					      name) == 0) return target;
	return NULL;
}

static int tid_of(const json_t *target)
{
	return (int)json_integer_value(json_object_get(target, "tid"));
}

static bool has_text(const json_t *list, const char *text)
{
	size_t i;
	json_t *member;
	json_array_foreach(list, i,
			   member) if (strcmp(json_string_value(member), text) == 0) return true;
	return false;
}

/* An address in the list, which somebody else must have put there, is no initiator's name. */
static bool is_name(const char *text)
{
	return strncmp(text, "iqn.", 4) == 0 || strncmp(text, "eui.", 4) == 0 ||
	       strncmp(text, "naa.", 4) == 0;
}

json_t *tgt_initiators(const json_t *targets, const char *identity)
{
	json_t *target = find_target(targets, identity);
	json_t *list = json_array();
	const char *name;
	json_t *member;
	size_t i;
	json_array_foreach(json_object_get(target, "initiators"), i,
			   member) if (is_name(json_string_value(member)))
		json_array_append(list, member);
	json_array_foreach(json_object_get(target, "sessions"), i, member)
	{
		name = json_string_value(json_object_get(member, "initiator"));
		if (name && !has_text(list, name))
			json_array_append_new(list, json_string(name));
	}
	return list;
}

/*
 * Runs a call, and is content when it was done before. The text is wiped: it may hold a secret.
 */
static int ensure(const struct tgt *tgt, struct tgt_call call, int fine, char *params,
		  struct error *err)
{
	struct error why = { 0 };
	call.params = params;
	int rc = tgt_do(tgt, &call, NULL, &why);
	if (params)
		explicit_bzero(params, strlen(params));
	if (rc == 0 || rc == fine)
		return 0;
	return error_copy(err, rc, &why);
}

/*
 * Makes the target. Others may be making theirs at this moment: who gets a number first, has it;
 * tgtd says the same when the number and when the name is taken.
 */
static int make_target(const struct tgt *tgt, const char *identity, json_t **ret_targets,
		       json_t **ret, struct error *err)
{
	char name[96], params[128];
	target_name(identity, name);
	for (int tid = 1; tid <= TID_MAX;) {
		CLEANUP(json_decref_cleanup) json_t *targets = NULL;
		int rc = tgt_targets(tgt, &targets, err);
		if (rc < 0)
			return rc;
		json_t *target = find_target(targets, identity), *other;
		if (target) {
			*ret = target;
			*ret_targets = steal(&targets);
			return 0;
		}
		size_t i;
		json_array_foreach(targets, i, other) tid = MAX(tid, tid_of(other) + 1);
		snprintf(params, sizeof(params), "targetname=%s", name);
		rc = ensure(tgt,
			    (struct tgt_call){ .mode = TGT_TARGET, .op = TGT_NEW, .target = tid },
			    -EEXIST, params, err);
		if (rc < 0)
			return rc;
	}
	return error_set(err, -EMLINK, "tgtd has no number left for another target");
}

static int make_lun(const struct tgt *tgt, const json_t *target, const struct tgt_export *lun,
		    struct error *err)
{
	char params[4096 + 256];
	struct tgt_call call = {
		.mode = TGT_LUN, .op = TGT_NEW, .target = tid_of(target), .lun = LUN_NUMBER
	};
	int len = snprintf(params, sizeof(params), "path=%s,bstype=%s,blocksize=%u%s%s", lun->path,
			   lun->backing, lun->sector, lun->options ? ",bsopts=" : "",
			   lun->options ? lun->options : "");
	if (strchr(lun->path, ',') || len >= (int)sizeof(params))
		return error_set(err, -EINVAL, "tgtd takes no path with a comma in it: '%s'",
				 lun->path);
	int rc = ensure(tgt, call, -EEXIST, params, err);
	if (rc < 0)
		return error_wrap(err, rc, "show '%s'", lun->path);
	call.op = TGT_UPDATE;
	snprintf(params, sizeof(params),
		 "targetOps scsi_id=%s,scsi_sn=%.32s,vendor_id=LUNETTE,product_id=%s,"
		 "thin_provisioning=1,",
		 lun->identity, lun->identity + 4, lun->product);
	rc = ensure(tgt, call, 0, params, err);
	return rc < 0 ? error_wrap(err, rc, "name '%s'", lun->path) : 0;
}

static bool account_in_use(const json_t *targets, const char *user)
{
	size_t i;
	json_t *target;
	json_array_foreach(targets, i, target) if (has_text(json_object_get(target, "accounts"),
							    user)) return true;
	return false;
}

/*
 * The account of this run. tgtd does not tell an account's secret: one that no target uses may be
 * a dead run's with another secret, so it is made anew; one that is used was made by this run.
 */
static int bind_account(const struct tgt *tgt, const json_t *targets, const json_t *target,
			struct error *err)
{
	char params[512];
	const char *user = plug_secret("chap_user");
	const char *secret = plug_secret("chap_secret");
	struct tgt_call call = { .mode = TGT_ACCOUNT, .op = TGT_DELETE };
	int rc = 0;
	if (!user || !secret)
		return 0;
	if (strlen(user) > 100 || strlen(secret) > 100 || strpbrk(user, ", =\n") ||
	    strpbrk(secret, ", =\n"))
		return error_set(err, -EINVAL,
				 "the secrets chap_user or chap_secret have a comma, "
				 "blank or '=' in them, or are too long");
	if (!account_in_use(targets, user)) {
		snprintf(params, sizeof(params), "user=%s", user);
		rc = ensure(tgt, call, -ENOENT, params, err);
	}
	if (rc == 0) {
		call.op = TGT_NEW;
		snprintf(params, sizeof(params), "user=%s,password=%s", user, secret);
		rc = ensure(tgt, call, -EEXIST, params, err);
	}
	if (rc == 0) {
		call.op = TGT_BIND;
		call.target = tid_of(target);
		snprintf(params, sizeof(params), "user=%s", user);
		rc = ensure(tgt, call, -EEXIST, params, err);
	}
	return rc < 0 ? error_wrap(err, rc, "make the account") : 0;
}

int tgt_map(const struct tgt *tgt, const struct tgt_export *lun, const char *initiator,
	    json_t **ret, struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *portals = NULL;
	CLEANUP(json_decref_cleanup) json_t *targets = NULL;
	char params[256];
	json_t *target = NULL;
	int rc = tgt_portals(tgt, &portals, err);
	if (rc == 0)
		rc = make_target(tgt, lun->identity, &targets, &target, err);
	if (rc == 0 && json_array_size(json_object_get(target, "initiators")) == 0)
		rc = make_lun(tgt, target, lun, err);
	if (rc == 0)
		rc = bind_account(tgt, targets, target, err);
	if (rc < 0)
		return rc;
	snprintf(params, sizeof(params), "initiator-name=%s", initiator);
	rc = ensure(
		tgt,
		(struct tgt_call){ .mode = TGT_TARGET, .op = TGT_BIND, .target = tid_of(target) },
		-EEXIST, params, err);
	if (rc < 0)
		return error_wrap(err, rc, "let '%s' in", initiator);
	*ret = json_pack("{s:O, s:O, s:i, s:s, s:b}", "portals", portals, "target",
			 json_object_get(target, "name"), "number", LUN_NUMBER, "identity",
			 lun->identity, "chap", plug_secret("chap_user") != NULL);
	return *ret ? 0 : error_set(err, -ENOMEM, "%m");
}

/* Does one of the target's LUNs show the file? */
static bool shows(const json_t *target, const char *path)
{
	size_t i;
	json_t *lun;
	json_array_foreach(json_object_get(target, "luns"), i, lun)
	{
		const char *shown = json_string_value(json_object_get(lun, "path"));
		if (shown && strcmp(shown, path) == 0)
			return true;
	}
	return false;
}

int tgt_identity(const struct tgt *tgt, const char *path, char ret[TGT_IDENTITY_SIZE],
		 struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *targets = NULL;
	size_t i;
	json_t *target;
	int rc = tgt_targets(tgt, &targets, err);
	ret[0] = '\0';
	if (rc < 0)
		return rc == -ECONNREFUSED ? 0 : rc;
	json_array_foreach(targets, i, target)
	{
		const char *name = json_string_value(json_object_get(target, "name"));
		size_t prefix = strlen(IQN_PREFIX);
		if (strncmp(name, IQN_PREFIX, prefix) != 0 || strlen(name) != prefix + 32 ||
		    !shows(target, path))
			continue;
		snprintf(ret, TGT_IDENTITY_SIZE, "naa.%s", name + prefix);
	}
	return 0;
}

/* Ends the sessions of @initiator, of everybody when it is NULL. 1 when there was one. */
static int end_sessions(const struct tgt *tgt, const json_t *target, const char *initiator,
			struct error *err)
{
	size_t i, k;
	json_t *session, *connection;
	int found = 0;
	json_array_foreach(json_object_get(target, "sessions"), i, session)
	{
		const char *name = json_string_value(json_object_get(session, "initiator"));
		if (initiator && (!name || strcmp(name, initiator) != 0))
			continue;
		json_array_foreach(json_object_get(session, "connections"), k, connection)
		{
			struct tgt_call call = {
				.mode = TGT_CONNECTION,
				.op = TGT_DELETE,
				.target = tid_of(target),
				.session = (uint64_t)json_integer_value(
					json_object_get(session, "sid")),
				.connection = (uint32_t)json_integer_value(connection),
			};
			found = 1;
			int rc = ensure(tgt, call, -ENOENT, NULL, err);
			if (rc < 0)
				return error_wrap(err, rc, "end the session of '%s'", name);
		}
	}
	return found;
}

/* Until the list of targets shows that nobody is logged in any more. */
static int kick(const struct tgt *tgt, const char *identity, const char *initiator,
		struct error *err)
{
	for (;;) {
		CLEANUP(json_decref_cleanup) json_t *targets = NULL;
		int rc = tgt_targets(tgt, &targets, err);
		const json_t *target = rc < 0 ? NULL : find_target(targets, identity);
		if (rc == 0 && target)
			rc = end_sessions(tgt, target, initiator, err);
		if (rc <= 0)
			return rc;
		if (clock_now_ms() + 100 > tgt->deadline)
			return error_set(err, -EBUSY, "a session with '%s' does not end", identity);
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	}
}

/* Takes the target away with all that it has, and the accounts that nobody else uses. */
static int remove_target(const struct tgt *tgt, const json_t *targets, json_t *target,
			 struct error *err)
{
	struct tgt_call call = {
		.mode = TGT_LUN, .op = TGT_DELETE, .target = tid_of(target), .lun = LUN_NUMBER
	};
	int rc;
	while ((rc = ensure(tgt, call, -ENOENT, NULL, err)) == -EBUSY &&
	       clock_now_ms() + 100 < tgt->deadline)
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	if (rc == 0) {
		call.mode = TGT_TARGET;
		call.force = true;
		rc = ensure(tgt, call, -ENOENT, NULL, err);
	}
	CLEANUP(json_decref_cleanup)
	json_t *accounts = json_copy(json_object_get(target, "accounts"));
	json_array_clear(json_object_get(target, "accounts"));
	size_t i;
	json_t *account;
	json_array_foreach(accounts, i, account)
	{
		char params[256];
		const char *user = json_string_value(account);
		snprintf(params, sizeof(params), "user=%s", user);
		if (rc == 0 && !account_in_use(targets, user))
			rc = ensure(tgt, (struct tgt_call){ .mode = TGT_ACCOUNT, .op = TGT_DELETE },
				    -ENOENT, params, err);
	}
	return rc < 0 ? error_wrap(err, rc, "take the target away") : 0;
}

int tgt_unmap(const struct tgt *tgt, const char *identity, const char *initiator, struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *targets = NULL;
	int rc = tgt_targets(tgt, &targets, err);
	if (rc == -ECONNREFUSED)
		return 0;
	json_t *target = rc < 0 ? NULL : find_target(targets, identity);
	if (!target)
		return rc;
	CLEANUP(json_decref_cleanup) json_t *initiators = tgt_initiators(targets, identity);
	bool listed = has_text(json_object_get(target, "initiators"), initiator);
	bool last = json_array_size(initiators) == (has_text(initiators, initiator) ? 1u : 0u);
	if (listed) {
		char params[256];
		snprintf(params, sizeof(params), "initiator-name=%s", initiator);
		rc = ensure(tgt,
			    (struct tgt_call){ .mode = TGT_TARGET,
					       .op = TGT_UNBIND,
					       .target = tid_of(target) },
			    -ENOENT, params, err);
		if (rc < 0)
			return error_wrap(err, rc, "shut '%s' out", initiator);
	}
	rc = kick(tgt, identity, last ? NULL : initiator, err);
	return rc == 0 && last ? remove_target(tgt, targets, target, err) : rc;
}

int tgt_withdraw(const struct tgt *tgt, const char *identity, struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *targets = NULL;
	int rc = tgt_targets(tgt, &targets, err);
	if (rc == -ECONNREFUSED)
		return 0;
	json_t *target = rc < 0 ? NULL : find_target(targets, identity);
	if (!target)
		return rc;
	CLEANUP(json_decref_cleanup) json_t *initiators = tgt_initiators(targets, identity);
	if (json_array_size(initiators))
		return error_set(err, -EISCONN, "%zu initiators may still reach it, '%s' is one",
				 json_array_size(initiators),
				 json_string_value(json_array_get(initiators, 0)));
	return remove_target(tgt, targets, target, err);
}
