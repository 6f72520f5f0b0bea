/* SPDX-License-Identifier: GPL-3.0-or-later */
/* journal - see journal.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lunette/clock.h"
#include "lunette/journal.h"
#include "lunette/json.h"
#include "lunette/moment.h"
#include "lunette/shape.h"
#include "lunette/sync.h"

#define JOURNAL_MAX ((off_t)64 << 20)

/* Of what a run has to say until its end; most say a tenth of it. */
#define RESERVE ((off_t)64 << 10)

struct journal {
	int fd;
	int64_t start; /* of clock_now_ms() */
	char *path;
};

static int open_journal(const char *path, int flags, struct journal **ret, struct error *err)
{
	CLEANUP(journal_close_cleanup) struct journal *journal = calloc(1, sizeof(*journal));
	if (!journal || !(journal->path = strdup(path)))
		return error_set(err, -ENOMEM, "journal '%s': %m", path);
	journal->start = clock_now_ms();
	journal->fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
	if (journal->fd < 0)
		return error_set(err, -errno, "journal '%s': %m", path);
	*ret = steal(&journal);
	return 0;
}

int journal_create(const char *path, struct journal **ret, struct error *err)
{
	CLEANUP(journal_close_cleanup) struct journal *journal = NULL;
	int rc = open_journal(path, O_CREAT | O_EXCL, &journal, err);
	/* Not every file system can set room aside. */
	if (rc == 0 && fallocate(journal->fd, FALLOC_FL_KEEP_SIZE, 0, RESERVE) < 0 &&
	    errno == ENOSPC) {
		rc = error_set(err, -errno, "journal '%s': %m", path);
		unlink(path);
	}
	if (rc == 0)
		rc = sync_folder_of(path, err);
	if (rc == 0)
		*ret = steal(&journal);
	return rc;
}

/* Where the last whole line ends. */
static off_t whole_end(int fd, off_t size)
{
	char c;
	while (size > 0 && pread(fd, &c, 1, size - 1) == 1 && c != '\n')
		size--;
	return size;
}

int journal_append(const char *path, struct journal **ret, struct error *err)
{
	CLEANUP(journal_close_cleanup) struct journal *journal = NULL;
	struct stat st;
	int rc = open_journal(path, 0, &journal, err);
	if (rc < 0)
		return rc;
	if (fstat(journal->fd, &st) < 0)
		return error_set(err, -errno, "journal '%s': %m", path);
	/* What is whole keeps the room that its run had set aside. */
	off_t end = whole_end(journal->fd, st.st_size);
	if (end != st.st_size && ftruncate(journal->fd, end) < 0)
		return error_set(err, -errno, "journal '%s': %m", path);
	*ret = steal(&journal);
	return 0;
}

/* What it has not used of its reserve. */
static void give_back(int fd)
{
	struct stat st;
	if (fstat(fd, &st) == 0 && ftruncate(fd, st.st_size) < 0)
		return; /* its file system does so some day, and it is little */
}

void journal_close(struct journal *journal)
{
	if (!journal)
		return;
	if (journal->fd >= 0) {
		give_back(journal->fd);
		close(journal->fd);
	}
	free(journal->path);
	free(journal);
}

/* What is written in part is taken back: more may be noted when there is room again. */
static int write_line(struct journal *journal, const char *line, size_t len)
{
	off_t before = lseek(journal->fd, 0, SEEK_END);
	ssize_t n = before < 0 ? -1 : write(journal->fd, line, len);
	if (n < 0)
		return -errno;
	if ((size_t)n < len)
		return ftruncate(journal->fd, before) < 0 ? -errno : -ENOSPC;
	return fdatasync(journal->fd) < 0 ? -errno : 0;
}

int journal_note(struct journal *journal, const char *kind, json_t *members, struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *rest = members;
	char time[MOMENT_TEXT];
	moment_now(3, time);
	CLEANUP(json_decref_cleanup)
	json_t *record = json_pack("{s:s, s:s, s:I}", "record", kind, "time", time, "ms",
				   (json_int_t)(clock_now_ms() - journal->start));
	if (!rest || !record || json_object_update(record, rest) < 0)
		return error_set(err, -ENOMEM, "journal '%s': %m", journal->path);
	CLEANUP(free_cleanup) char *text = json_dumps(record, JSON_COMPACT);
	if (!text)
		return error_set(err, -ENOMEM, "journal '%s': %m", journal->path);
	size_t len = strlen(text);
	text[len] = '\n'; /* instead of its NUL: one write, one line */
	int rc = write_line(journal, text, len + 1);
	return rc < 0 ? error_set(err, rc, "journal '%s': %m", journal->path) : 0;
}

/* Return: 1 at the end. */
static int read_record(FILE *in, char **line, size_t *size, json_t *to)
{
	ssize_t len = getline(line, size, in);
	if (len < 0)
		return ferror(in) ? -errno : 1;
	if ((*line)[len - 1] != '\n')
		return 1;
	json_t *record = json_loadb(*line, (size_t)len, 0, NULL);
	if (!json_is_object(record)) {
		json_decref(record);
		return -EUCLEAN;
	}
	return json_array_append_new(to, record) < 0 ? -ENOMEM : 0;
}

int journal_open_file(const char *path, off_t max, FILE **ret, struct error *err)
{
	struct stat st;
	/* A pipe would be waited for, and a link leads to what somebody else wrote. */
	CLEANUP(close_cleanup)
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 && errno == ELOOP)
		return error_set(err, -EUCLEAN, "'%s' is a symbolic link", path);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, -errno, "'%s': %m", path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, -EUCLEAN, "'%s' is not a file", path);
	if (st.st_size > max)
		return error_set(err, -EUCLEAN, "'%s' is longer than any of ours", path);
	*ret = fdopen(fd, "r");
	if (!*ret)
		return error_set(err, -errno, "'%s': %m", path);
	steal_fd(&fd);
	return 0;
}

int journal_read(const char *path, json_t **ret, struct error *err)
{
	FILE *in;
	int rc = journal_open_file(path, JOURNAL_MAX, &in, err);
	if (rc < 0)
		return error_wrap(err, rc, "journal");
	CLEANUP(json_decref_cleanup) json_t *records = json_array();
	rc = records ? 0 : -ENOMEM;
	char *line = NULL;
	size_t size = 0;
	while (rc == 0)
		rc = read_record(in, &line, &size, records);
	free(line);
	fclose(in);
	if (rc < 0) {
		errno = -rc;
		return error_set(err, rc, "journal '%s', record %zu: %m", path,
				 json_array_size(records) + 1);
	}
	*ret = steal(&records);
	return 0;
}

json_t *journal_last(const json_t *records, const char *kind)
{
	for (size_t i = json_array_size(records); i-- > 0;) {
		json_t *record = json_array_get(records, i);
		if (strcmp(shape_text(record, "record"), kind) == 0)
			return record;
	}
	return NULL;
}
