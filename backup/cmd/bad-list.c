/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bad-list - see bad-list.h. lunette-backup(8) describes the file. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bad-list.h"
#include "cmd.h"
#include "lunette/sync.h"

#define HEAD "# lunette: "

/* All of them are in the list. */
#define WARNINGS_MAX 20

/* A word that was forgotten makes the list of what should be a SOURCE. */
static int check_place(const char *path, struct error *err)
{
	struct stat st;
	char head[sizeof(HEAD)] = { 0 };
	if (stat(path, &st) < 0)
		return errno == ENOENT ? 0
				       : error_set(err, -errno, "look at the list '%s': %m", path);
	FILE *in = S_ISREG(st.st_mode) ? fopen(path, "re") : NULL;
	bool ours = in && (!fgets(head, sizeof(head), in) || strcmp(head, HEAD) == 0);
	if (in)
		fclose(in);
	return ours ? 0
		    : error_set(err, -EEXIST,
				"'%s' is there already, and is not a list of unreadable bytes; "
				"--skip-bad does not replace it",
				path);
}

int bad_list_open(struct bad_list *list, const char *path, struct error *err)
{
	int rc = check_place(path, err);
	if (rc < 0)
		return rc;
	list->path = path;
	list->ranges = json_array();
	if (!list->ranges || asprintf(&list->temp, "%s.XXXXXX", path) < 0) {
		list->temp = NULL;
		return error_set(err, -ENOMEM, "list '%s': %m", path);
	}
	int fd = mkostemp(list->temp, O_CLOEXEC);
	list->out = fd < 0 ? NULL : fdopen(fd, "w");
	if (list->out)
		return 0;
	rc = error_set(err, -errno, "write the list '%s': %m", path);
	if (fd < 0)
		free(steal(&list->temp));
	else
		close(fd);
	return rc;
}

void bad_list_add(void *ctx, const char *disk, uint64_t length, uint64_t off)
{
	struct bad_list *list = ctx;
	json_t *range = json_pack("{s:s, s:I, s:I}", "disk", disk, "start", (json_int_t)off,
				  "length", (json_int_t)length);
	list->failed |= json_array_append_new(list->ranges, range) < 0;
}

void bad_list_warn(const struct bad_list *list)
{
	size_t i, n = json_array_size(list->ranges);
	json_t *range;
	json_array_foreach(list->ranges, i, range)
	{
		if (i == WARNINGS_MAX)
			break;
		cmd_warn("%s: %" PRIu64 " bytes at offset %" PRIu64
			 " cannot be read, and are not in the backup",
			 cmd_json_text(range, "disk"), cmd_json_size(range, "length"),
			 cmd_json_size(range, "start"));
	}
	if (n > WARNINGS_MAX)
		cmd_warn("... and so it is in %zu more places: '%s' lists all of them",
			 n - WARNINGS_MAX, list->path);
}

static int write_all(const struct bad_list *list, const char *point, const char *id)
{
	size_t i;
	json_t *range;
	fprintf(list->out,
		HEAD "what of the disks could not be read for %s, id %s: disk, offset, length\n",
		point, id);
	json_array_foreach(list->ranges, i, range)
		fprintf(list->out, "%s %" PRIu64 " %" PRIu64 "\n", cmd_json_text(range, "disk"),
			cmd_json_size(range, "start"), cmd_json_size(range, "length"));
	return fflush(list->out) != 0 || ferror(list->out) || fchmod(fileno(list->out), 0644) < 0 ||
			       fsync(fileno(list->out)) < 0 || rename(list->temp, list->path) < 0
		       ? -1
		       : 0;
}

int bad_list_finish(struct bad_list *list, const char *point, const char *id, struct error *err)
{
	if (list->failed)
		return error_set(err, -ENOMEM, "list '%s': %m", list->path);
	if (write_all(list, point, id) < 0)
		return error_set(err, -errno, "write the list '%s': %m", list->path);
	free(steal(&list->temp));
	return sync_folder_of(list->path, err);
}

void bad_list_clear(struct bad_list *list)
{
	if (list->out)
		fclose(list->out);
	if (list->temp)
		unlink(list->temp);
	free(list->temp);
	json_decref(list->ranges);
}
