/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * password - secrets from files, from a command and from the terminal, never from arguments, which
 * show in every listing of processes.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <termios.h>

#include "cmd.h"

int cmd_secret_text(const char *path, const char *what, char **ret, struct error *err)
{
	prctl(PR_SET_DUMPABLE, 0); /* nor into core files */
	return secret_text(path, what, ret, err);
}

int cmd_secret_line(const char *path, const char *what, char **ret, struct error *err)
{
	prctl(PR_SET_DUMPABLE, 0);
	return secret_line(path, what, ret, err);
}

/* ---- what the user has named ---- */

static const struct option_row rows[] = {
	{ "password-file", "FILE",
	  "the password is the first line of FILE; else of $LUNETTE_PASSWORD_FILE; else it is asked for",
	  OPTION_ENV(struct cmd_password, file, "LUNETTE_PASSWORD_FILE") },
	{ "password-command", "CMD",
	  "it is the first line of what CMD prints, which sh runs; else of what "
	  "$LUNETTE_PASSWORD_COMMAND prints",
	  OPTION_ENV(struct cmd_password, command, "LUNETTE_PASSWORD_COMMAND") },
	{ 0 },
};

const struct option_group cmd_password_options = { .rows = rows };

static bool is_option(const struct option_text *text)
{
	return text->text && !text->from_env;
}

int cmd_password_find(const struct cmd_password *from, char **ret, struct error *err)
{
	if (is_option(&from->file) && is_option(&from->command))
		return cmd_usage(err, "--password-file and --password-command exclude each other");
	if (from->command.text && (!from->file.text || is_option(&from->command)))
		return cmd_password_run(from->command.text, ret, err);
	return from->file.text ? cmd_secret_line(from->file.text, "password file", ret, err) : 0;
}

/* ---- the terminal ---- */

static int read_line(int fd, char interrupt, char *buf, size_t room, struct error *err)
{
	size_t len = 0;
	for (;;) {
		char c;
		ssize_t n = read(fd, &c, 1);
		if (n < 0)
			return error_set(err, -errno, "read the password: %m");
		if (n == 0 || c == '\n')
			break;
		if (c == interrupt)
			return error_set(err, -EINTR, "interrupted");
		if (len + 1 == room)
			return error_set(err, -EINVAL, "the password is too long");
		buf[len++] = c;
	}
	buf[len] = '\0';
	return len > 0 ? 0 : error_set(err, -EINVAL, "no password was given");
}

/*
 * Without echo, and with signals held back until the echo is on again: the key that interrupts ends
 * the line instead.
 */
static int ask(int tty, const char *prompt, char *buf, size_t room, struct error *err)
{
	struct termios was, is;
	sigset_t signals, before;
	if (tcgetattr(tty, &was) != 0)
		return error_set(err, -errno, "the terminal: %m");
	is = was;
	is.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ISIG);
	is.c_lflag |= ICANON | ECHONL;
	is.c_cc[VEOL] = was.c_cc[VINTR];
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, &before);
	int rc = tcsetattr(tty, TCSAFLUSH, &is) == 0 ? 0 : error_set(err, -errno, "terminal: %m");
	if (rc == 0 && write(tty, prompt, strlen(prompt)) < 0)
		rc = error_set(err, -errno, "the terminal: %m");
	if (rc == 0)
		rc = read_line(tty, (char)was.c_cc[VINTR], buf, room, err);
	if (rc == -EINTR)
		dprintf(tty, "\n");
	tcsetattr(tty, TCSAFLUSH, &was);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return rc;
}

/* Return: 0; -ENOTTY when there is no terminal to ask on. */
static int ask_once(const char *prompt, const char *ways, char **ret, struct error *err)
{
	prctl(PR_SET_DUMPABLE, 0);
	CLEANUP(close_cleanup) int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (tty < 0)
		return error_set(
			err, -ENOTTY,
			"there is no terminal to ask for the password on: say where it is, "
			"with %s",
			ways);
	CLEANUP(secret_free_cleanup) char *buf = calloc(1, SECRET_MAX);
	if (!buf)
		return error_set(err, -ENOMEM, "read the password: %m");
	int rc = ask(tty, prompt, buf, SECRET_MAX, err);
	if (rc < 0)
		return rc;
	*ret = steal(&buf);
	return 0;
}

int cmd_password_ask(const char *what, const char *ways, char **ret, struct error *err)
{
	char prompt[512];
	snprintf(prompt, sizeof(prompt), "Password of %.300s: ", what);
	return ask_once(prompt, ways, ret, err);
}

int cmd_password_new(const char *path, const char *ways, char **ret, struct error *err)
{
	if (path)
		return cmd_secret_line(path, "password file", ret, err);
	CLEANUP(secret_free_cleanup) char *first = NULL;
	CLEANUP(secret_free_cleanup) char *second = NULL;
	int rc = ask_once("New password: ", ways, &first, err);
	if (rc == 0)
		rc = ask_once("The same again: ", ways, &second, err);
	if (rc < 0)
		return rc;
	if (strcmp(first, second) != 0)
		return error_set(err, -EINVAL, "the two passwords are not the same");
	*ret = steal(&first);
	return 0;
}
