/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * conform - the order of the parts, and what comes before and after them. See conform.h.
 *
 * Its one idea: a part that finds the plug-in wanting says so and goes on, as far as that makes
 * sense. Only what would be the same mistake again is left out.
 */
#include <errno.h>
#include <stdio.h>

#include "conform-private.h"
#include "lunette/random.h"
#include "run.h"

/* Letters and digits, which nobody could guess. */
static int random_text(char *buf, size_t len, struct error *err)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	unsigned char bytes[64];
	int rc = random_bytes(bytes, len, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < len; i++)
		buf[i] = letters[bytes[i] % (sizeof(letters) - 1)];
	buf[len] = '\0';
	return 0;
}

static int make_secrets(struct conform *c, struct error *err)
{
	char user[32], secret[17];
	int rc = random_text(secret, 16, err);
	if (rc < 0)
		return rc;
	snprintf(user, sizeof(user), "lt%s", c->tag);
	c->secrets = c->o->secrets ? json_copy((json_t *)c->o->secrets) : json_object();
	json_object_set_new(c->secrets, "chap_user", json_string(user));
	json_object_set_new(c->secrets, "chap_secret", json_string(secret));
	explicit_bzero(secret, sizeof(secret));
	return 0;
}

static int begin(struct conform *c, struct error *err)
{
	int rc = random_text(c->tag, 8, err);
	if (rc == 0)
		rc = make_secrets(c, err);
	if (rc < 0)
		return rc;
	run_owner("plugin-test", c->tag, c->owner, sizeof(c->owner));
	run_owner("plugin-test2", c->tag, c->other_owner, sizeof(c->other_owner));
	c->took_ms = json_object();
	c->names = json_array();
	return 0;
}

static void end(struct conform *c)
{
	lines_free(c->lines);
	json_decref(c->secrets);
	json_decref(c->info);
	json_decref(c->volumes);
	json_decref(c->names);
	json_decref(c->took_ms);
}

/* What an earlier test left that was killed. */
static bool nothing_there(struct conform *c)
{
	int n = conform_count(c, c->owner, false, NULL, NULL);
	if (n > 0)
		conform_clean_up(c);
	return conform_check(c, n == 0 || conform_count(c, c->owner, false, NULL, NULL) == 0,
			     "nothing of an earlier test is left", P_VERB("list"),
			     "what is in the list of this test's owner cannot be removed: %s",
			     c->err.msg);
}

const char *const conform_parts[] = { "protocol", "life",    "names", "owners",
				      "luns",     "content", "kills", NULL };

static bool wanted(const struct conform *c, const char *part)
{
	return !c->o->part || strcmp(c->o->part, part) == 0;
}

static void run_with_volumes(struct conform *c)
{
	void (*const parts[])(struct conform *) = { NULL,           conform_life, conform_names,
						    conform_owners, conform_luns, conform_content,
						    conform_kills };
	for (size_t i = 1; i < ARRAY_SIZE(parts) && !conform_stopped(c); i++)
		if (wanted(c, conform_parts[i]))
			parts[i](c);
}

static void run_parts(struct conform *c)
{
	conform_hello(c);
	if (c->info && wanted(c, conform_parts[0]))
		conform_protocol(c);
	if (c->info && !conform_stopped(c))
		conform_storage(c);
	if (json_array_size(c->names) == 0)
		conform_skip(c, "everything with snapshots", "Verbs",
			     c->o->n_identities ? "no volume could be resolved"
						: "no volume was given");
	else if (nothing_there(c))
		run_with_volumes(c);
}

static void last_words(struct conform *c)
{
	/* A second chance, with a new process: the same that a job has. */
	int left = conform_clean_up(c);
	conform_restart(c);
	if (left != 0)
		conform_clean_up(c);
	conform_check(c, left == 0, "nothing of the test is left on the storage", P_VERB("list"),
		      left < 0 ? "it cannot be cleaned up: %s" : "%.0s%d objects had to be removed",
		      c->err.msg, left);
	conform_check(c, !c->leaked, "no secret was in an answer or in the log", P_SECRETS,
		      "a secret was written to standard output or standard error");
}

int conform_run(const struct conform_options *options, size_t *ret_failed, struct error *err)
{
	struct conform c = { .o = options };
	int rc = begin(&c, err);
	if (rc == 0) {
		run_parts(&c);
		if (json_array_size(c.names))
			last_words(&c);
		*ret_failed = c.n_failed;
	}
	end(&c);
	if (rc == 0 && conform_stopped(&c))
		return error_set(err, -EINTR, "interrupted; what was made has been removed");
	return rc;
}
