/* SPDX-License-Identifier: GPL-3.0-or-later */
/* objects - see objects.h. Least recently used goes first; one in use by a thread stays. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "lunette/objects.h"

#define OBJECTS_MAX 64

struct slot {
	struct store_object *object; /* NULL: the slot is free */
	char key[STORE_KEY_MAX];
	unsigned int users;
	uint64_t used; /* when, on the clock below */
};

struct objects {
	struct store *store;
	pthread_mutex_t lock; /* guards all below; not held while reading or opening */
	uint64_t clock;
	struct slot slots[OBJECTS_MAX];
};

int objects_new(struct store *store, struct objects **ret, struct error *err)
{
	struct objects *objects = calloc(1, sizeof(*objects));
	if (!objects)
		return error_set(err, -ENOMEM, "open the repository: %m");
	objects->store = store;
	pthread_mutex_init(&objects->lock, NULL);
	*ret = objects;
	return 0;
}

void objects_free(struct objects *objects)
{
	if (!objects)
		return;
	for (size_t i = 0; i < OBJECTS_MAX; i++)
		store_close(objects->slots[i].object);
	pthread_mutex_destroy(&objects->lock);
	free(objects);
}

/* Called with the lock held. NULL: it is not open. */
static struct slot *find(struct objects *objects, const char *key)
{
	for (size_t i = 0; i < OBJECTS_MAX; i++)
		if (objects->slots[i].object && strcmp(objects->slots[i].key, key) == 0)
			return &objects->slots[i];
	return NULL;
}

/* Called with the lock held. NULL: every slot is in use. */
static struct slot *oldest(struct objects *objects)
{
	struct slot *found = NULL;
	for (size_t i = 0; i < OBJECTS_MAX; i++) {
		struct slot *slot = &objects->slots[i];
		if (slot->users == 0 && (!found || slot->used < found->used))
			found = slot;
	}
	return found;
}

/*
 * Takes the object into use. It goes into a slot, or, when all of them are busy, into @own, so that
 * more threads than slots still make progress.
 */
static int take(struct objects *objects, const char *key, struct slot *own, struct slot **ret,
		struct error *err)
{
	pthread_mutex_lock(&objects->lock);
	struct slot *slot = find(objects, key);
	if (slot) {
		slot->users++;
		slot->used = ++objects->clock;
	}
	pthread_mutex_unlock(&objects->lock);
	if (slot) {
		*ret = slot;
		return 0;
	}

	struct store_object *object;
	int rc = store_open(objects->store, key, &object, err);
	if (rc < 0)
		return rc;
	struct store_object *closing = NULL;
	pthread_mutex_lock(&objects->lock);
	slot = find(objects, key);
	if (slot) {
		closing = object; /* another thread was faster */
	} else {
		slot = oldest(objects);
		if (!slot)
			slot = own;
		closing = slot->object;
		slot->object = object;
		snprintf(slot->key, sizeof(slot->key), "%s", key);
	}
	slot->users++;
	slot->used = ++objects->clock;
	pthread_mutex_unlock(&objects->lock);
	store_close(closing);
	*ret = slot;
	return 0;
}

static void give_back(struct objects *objects, struct slot *slot, struct slot *own)
{
	if (slot == own) {
		store_close(slot->object);
		return;
	}
	pthread_mutex_lock(&objects->lock);
	slot->users--;
	pthread_mutex_unlock(&objects->lock);
}

int objects_read(struct objects *objects, const char *key, void *buf, size_t len, uint64_t off,
		 struct error *err)
{
	struct slot own = { 0 };
	struct slot *slot;
	int rc = take(objects, key, &own, &slot, err);
	if (rc < 0)
		return rc;
	rc = store_read(slot->object, buf, len, off, err);
	give_back(objects, slot, &own);
	return rc;
}

int objects_size(struct objects *objects, const char *key, uint64_t *ret, struct error *err)
{
	struct slot own = { 0 };
	struct slot *slot;
	int rc = take(objects, key, &own, &slot, err);
	if (rc < 0)
		return rc;
	*ret = slot->object->size;
	give_back(objects, slot, &own);
	return 0;
}

void objects_forget(struct objects *objects, const char *key)
{
	struct store_object *object = NULL;
	pthread_mutex_lock(&objects->lock);
	struct slot *slot = find(objects, key);
	if (slot && slot->users == 0) /* else whoever reads it now will find out, too */
		object = steal(&slot->object);
	pthread_mutex_unlock(&objects->lock);
	store_close(object);
}
