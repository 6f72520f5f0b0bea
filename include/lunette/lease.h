/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lease - says that somebody relies on what is in the repository now, so that nothing of it is
 * removed under him. No locks: a lease is a document, is written anew while its owner lives, and is
 * void when it is old.
 *
 * Whoever removes first writes marks (see marks.h), and removes only when every lease is gone whose
 * owner does not say that he knows them. Whoever adds first takes a lease, then looks at the marks.
 * In whatever order the two meet, one of them sees the other.
 *
 * Clocks: a lease is void only when its time is over both by the clock of whoever looks and by that
 * of the store, and then some; its owner goes by a clock of his own that nobody sets, and that goes
 * on while the machine sleeps. Who finds a void lease removes it, and its owner, should he wake up,
 * finds it gone: he looks again after he has written his restore point, and takes that back.
 */
#ifndef LUNETTE_LEASE_H
#define LUNETTE_LEASE_H

#include "lunette/repo-parts.h"

#define LEASE_FOLDER "leases"

/* Seconds: for how long a lease is good, how often it is written anew, how long it is left alone
 * when it is over. */
#define LEASE_VALID   3600
#define LEASE_REFRESH 600
#define LEASE_GRACE   3600

/* No lease has more bytes than this: room for 10,000 marks. */
#define LEASE_MAX (1u << 20)

/* ---- what a lease says (lease-document.c) ---- */

/**
 * struct lease_owner - who holds a lease, as precisely as a machine can say
 * @boot: this boot of this machine and its process namespace; "" when that is not known
 * @begun: when the process began, on the machine's own clock
 */
struct lease_owner {
	char host[256];
	char boot[96];
	int64_t pid;
	int64_t begun;
};

/**
 * struct lease_info - a lease that was read
 * @name: of the object
 * @id: the same for all documents that are one lease
 * @purpose: a word: "write", "prune"
 * @exclusive: no two of these at once
 * @since: when it was taken: seconds since 1970 on its owner's clock
 * @expires: likewise
 * @modified: when the document was written, on the store's clock
 * @marks: names of marks that its owner heeds; an array, a reference
 */
struct lease_info {
	char name[65];
	char id[33];
	char purpose[33];
	bool exclusive;
	struct lease_owner owner;
	int64_t since;
	int64_t expires;
	int64_t modified;
	json_t *marks;
};

void lease_info_free(struct lease_info *info); /* what it points to */
DEFINE_CLEANUP(struct lease_info *, lease_info_free)

/* Who we are. */
void lease_self(struct lease_owner *ret);

json_t *lease_document(const struct lease_info *info);

/**
 * lease_parse() - read what a lease says, which is foreign
 * @ret: all but @name and @modified is set; to be freed with lease_info_free()
 *
 * Return: 0; -EUCLEAN when it is damaged; -EPROTONOSUPPORT when it is of a newer version.
 */
int lease_parse(const json_t *document, struct lease_info *ret, struct error *err);

/**
 * struct lease_now - what time it is
 * @here: on the clock of whoever looks
 * @store: on the store's; 0 when that is not known, and then only @here counts
 */
struct lease_now {
	int64_t here;
	int64_t store;
};

/**
 * lease_is_void() - is the owner of a lease gone?
 * @self: who looks: an owner on the same machine is known to be dead at once
 */
bool lease_is_void(const struct lease_info *info, const struct lease_owner *self,
		   const struct lease_now *now);

/* "write on proxy1, process 4711, since 2026-11-22T17:00:00Z", for messages. */
#define LEASE_TEXT_MAX 400
void lease_text(const struct lease_info *info, char ret[LEASE_TEXT_MAX]);

/* ---- holding one (lease.c) ---- */

struct lease;

/**
 * struct lease_request - what is wanted
 * @purpose: a word of at most 32 letters
 * @exclusive: refuse when somebody else holds an exclusive one
 * @removes: its owner is about to free room: on a full store the reserve is given back for it
 * @valid: seconds, LEASE_VALID when 0; it is written anew after a sixth of it
 */
struct lease_request {
	const char *purpose;
	bool exclusive;
	bool removes;
	unsigned int valid;
};

/**
 * lease_take() - take a lease; a thread keeps it good
 * @repo: must outlive the lease
 *
 * Return: 0; -EBUSY when it is exclusive and somebody has such a one: the message says who; what
 * the store said.
 */
int lease_take(struct repo *repo, const struct lease_request *request, struct lease **ret,
	       struct error *err);

/* Gives it back. @lease may be NULL. */
void lease_release(struct lease *lease);
DEFINE_CLEANUP(struct lease *, lease_release)

/**
 * lease_heed() - say which marks its owner heeds
 * @marks: an array of names
 */
int lease_heed(struct lease *lease, json_t *marks, struct error *err);

/**
 * lease_check() - is it still good, so that what was there when it was taken still is?
 *
 * Return: 0; -ESTALE when it is not: nothing may be committed any more; what the store said.
 */
int lease_check(struct lease *lease, struct error *err);

/**
 * lease_is_in() - does it lie in this repository, too? Then it is the one that the lease is of.
 *
 * Return: 0; what the store said.
 */
int lease_is_in(struct lease *lease, struct repo *repo, bool *ret, struct error *err);

/**
 * lease_each() - every lease that is good, but @own; void ones are removed by the way
 * @own: may be NULL: then nothing is removed
 * @fn: may be told of a lease twice
 *
 * One that cannot be read, and is not old, counts: its purpose is "unreadable".
 */
int lease_each(struct repo *repo, const struct lease *own,
	       int (*fn)(void *ctx, const struct lease_info *info, struct error *err), void *ctx,
	       struct error *err);

#endif
