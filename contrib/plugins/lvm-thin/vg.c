/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * vg - the volume group: what lvs tells, and what is made and removed.
 *
 * The lock file has one byte for each HOST/JOB. Programs that we start inherit it, so whoever
 * succeeds a plug-in that was killed waits until its last program has come to its end, and then
 * sees all that it did.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <time.h>

#include "lunette/clock.h"
#include "lunette/json.h"
#include "lunette/moment.h"
#include "lvm-thin.h"

#define LOCK_FILE "/run/lunette-lvm-thin.lock"
#define TAG       "lunette"
#define FIELDS                                                                                \
	"lv_name,lv_tags,pool_lv,thin_id,lv_size,lv_path,lv_kernel_major,lv_kernel_minor,lv_" \
	"health_status,data_percent,metadata_percent"

static uint32_t hash(const char *text, size_t len, uint32_t h)
{
	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)text[i]) * 16777619u;
	return h;
}

int vg_lock(const struct plug_request *request, const char *name, size_t len, int *ret,
	    struct error *err)
{
	CLEANUP(close_cleanup)
	int fd = open(LOCK_FILE, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set(err, -errno, "open '" LOCK_FILE "': %m");
	struct flock range = { .l_type = F_WRLCK,
			       .l_start = hash(name, len, 2166136261u),
			       .l_len = 1 };
	while (fcntl(fd, F_OFD_SETLK, &range) < 0) {
		if (errno != EAGAIN && errno != EACCES && errno != EINTR)
			return error_set(err, -errno, "lock '" LOCK_FILE "': %m");
		if (clock_now_ms() + 20 > request->deadline)
			return error_set(err, -ETIMEDOUT, "another call has not come to its end");
		nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
	}
	*ret = steal_fd(&fd);
	return 0;
}

/* "lunette,lunette.owner=…,…": a tag has no comma in it. */
static void split_tags(json_t *lv)
{
	json_t *tags = json_object();
	CLEANUP(free_cleanup) char *text = strdup(lv_text(lv, "lv_tags"));
	char *next = text;
	for (char *tag; text && (tag = strsep(&next, ","));) {
		char *value = strchr(tag, '=');
		if (!value || strncmp(tag, TAG ".", strlen(TAG ".")) != 0)
			continue;
		*value++ = '\0';
		json_object_set_new(tags, tag + strlen(TAG "."), json_string(value));
	}
	json_object_set_new(lv, "tags", tags);
}

static int read_volumes(struct vg *vg, struct error *err)
{
	const char *const argv[] = {
		"lvs", "--reportformat", "json",   "--units", "b", "--nosuffix",
		"-o",  FIELDS,           vg->name, NULL
	};
	CLEANUP(file_cleanup) FILE *out = NULL;
	int rc = run_program(RUN_READS, argv, vg->lock, vg->request->deadline, &out, err);
	if (rc < 0)
		return error_wrap(err, rc, "volume group '%s'", vg->name);
	CLEANUP(json_decref_cleanup) json_t *report = json_loadf(out, 0, NULL);
	json_t *list = json_object_get(json_array_get(json_object_get(report, "report"), 0), "lv");
	if (!json_is_array(list))
		return error_set(err, -EPROTO, "lvs does not print JSON as it should");
	for (size_t i = 0; i < json_array_size(list); i++)
		split_tags(json_array_get(list, i));
	vg->volumes = json_incref(list);
	return 0;
}

static bool is_vg_name(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789+_.-";
	return name[0] != '-' && name[0] != '.' && strlen(name) <= 127 &&
	       name[strspn(name, letters)] == '\0';
}

int vg_open(const struct plug_request *request, enum vg_access access, struct vg *ret,
	    struct error *err)
{
	struct vg vg = { .request = request, .lock = -1 };
	int rc = plug_config(request, "volume-group", NULL, &vg.name, err);
	if (rc < 0)
		return rc;
	if (!is_vg_name(vg.name))
		return error_set(err, -EINVAL,
				 "setting 'volume-group': '%s' is no name of a volume group",
				 vg.name);
	if (access == VG_CHANGE)
		rc = vg_lock(request, request->owner,
			     (size_t)(strrchr(request->owner, '/') - request->owner), &vg.lock,
			     err);
	if (rc == 0)
		rc = read_volumes(&vg, err);
	if (rc < 0)
		vg_close(&vg);
	else
		*ret = vg;
	return rc;
}

void vg_close(struct vg *vg)
{
	close_cleanup(&vg->lock);
	json_decref(vg->volumes);
}

const char *lv_text(const json_t *lv, const char *field)
{
	const char *text = json_string_value(json_object_get(lv, field));
	return text ? text : "";
}

int64_t lv_number(const json_t *lv, const char *field)
{
	const char *text = lv_text(lv, field);
	char *end;
	errno = 0;
	int64_t n = strtoll(text, &end, 10);
	return end == text || *end || errno ? -1 : n;
}

const char *lv_tag(const json_t *lv, const char *key)
{
	return lv_text(json_object_get(lv, "tags"), key);
}

const json_t *vg_each(const struct vg *vg, const char *kind, size_t *i)
{
	while (*i < json_array_size(vg->volumes)) {
		const json_t *lv = json_array_get(vg->volumes, (*i)++);
		/* Somebody else's tags may be anything. */
		if (strcmp(lv_tag(lv, "kind"), kind) == 0 && names_ok(lv_tag(lv, "name")) &&
		    names_owner_ok(lv_tag(lv, "owner")))
			return lv;
	}
	return NULL;
}

const json_t *vg_find(const struct vg *vg, const char *name)
{
	for (size_t i = 0; i < json_array_size(vg->volumes); i++) {
		const json_t *lv = json_array_get(vg->volumes, i);
		if (strcmp(lv_text(lv, "lv_name"), name) == 0)
			return lv;
	}
	return NULL;
}

int lv_check_owner(const json_t *lv, const struct plug_request *request, struct error *err)
{
	if (names_same_owner(lv_tag(lv, "owner"), request->owner))
		return 0;
	return error_set(err, -EACCES, "'%s' belongs to '%s'", lv_tag(lv, "name"),
			 lv_tag(lv, "owner"));
}

/* ---- making and removing ---- */

void lv_new_arg(struct lv_new *new, const char *fmt, ...)
{
	va_list args;
	if (new->n >= LV_ARGS - 1)
		abort();
	va_start(args, fmt);
	vsnprintf(new->text[new->n], sizeof(new->text[0]), fmt, args);
	va_end(args);
	new->argv[new->n] = new->text[new->n];
	new->argv[++new->n] = NULL;
}

void lv_new_tag(struct lv_new *new, const char *key, const char *fmt, ...)
{
	char value[300];
	va_list args;
	va_start(args, fmt);
	vsnprintf(value, sizeof(value), fmt, args);
	va_end(args);
	lv_new_arg(new, "--addtag");
	lv_new_arg(new, TAG ".%s=%s", key, value);
}

/*
 * LVM does not take every name, and none of 63 hyphens: so a number is made of it. That it is the
 * same for the same name keeps two jobs from making the same at once.
 */
void lv_new_begin(struct lv_new *new, const char *kind, const char *name, size_t number)
{
	uint32_t a = hash(name, strlen(name), 2166136261u ^ (uint32_t)number);
	uint32_t b = hash(name, strlen(name), a);
	new->n = 0;
	lv_new_arg(new, "lvcreate");
	lv_new_arg(new, "-y");
	lv_new_arg(new, "-ky");
	lv_new_arg(new, "-n");
	lv_new_arg(new, TAG "_%c_%08x%08x", kind[0], a, b);
	lv_new_arg(new, "--addtag");
	lv_new_arg(new, TAG);
	lv_new_tag(new, "kind", "%s", kind);
	lv_new_tag(new, "name", "%s", name);
}

int lv_new_make(struct lv_new *new, const struct vg *vg, struct error *err)
{
	char now[MOMENT_TEXT];
	moment_now(0, now);
	lv_new_tag(new, "owner", "%s", vg->request->owner);
	lv_new_tag(new, "created", "%s", now);
	return run_program(RUN_CHANGES, new->argv, vg->lock, vg->request->deadline, NULL, err);
}

int vg_change(const struct vg *vg, const char *const *options, const json_t *lvs, struct error *err)
{
	size_t n = 0, count = json_array_size(lvs);
	while (options[n])
		n++;
	CLEANUP(free_cleanup) const char **argv = calloc(n + count + 1, sizeof(*argv));
	CLEANUP(free_cleanup) char(*path)[280] = calloc(count + 1, sizeof(*path));
	if (!argv || !path)
		return error_set(err, -ENOMEM, "%m");
	memcpy(argv, options, n * sizeof(*argv));
	for (size_t i = 0; i < count; i++) {
		snprintf(path[i], sizeof(*path), "%s/%s", vg->name,
			 json_string_value(json_array_get(lvs, i)));
		argv[n + i] = path[i];
	}
	return run_program(RUN_CHANGES, argv, vg->lock, vg->request->deadline, NULL, err);
}

int vg_remove(const struct vg *vg, const json_t *lvs, struct error *err)
{
	static const char *const lvremove[] = { "lvremove", "-y", "-qq", NULL };
	return json_array_size(lvs) == 0 ? 0 : vg_change(vg, lvremove, lvs, err);
}
