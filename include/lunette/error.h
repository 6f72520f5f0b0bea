/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * error - why a call failed, in the words that the user reads.
 *
 * A function that can fail returns 0 or a negative errno and takes a struct error as its last
 * parameter. The return value says that it failed; the struct says why. It is a plain value, so it
 * travels from worker, event and FUSE threads to whoever reports it, and needs no memory, so that
 * running out of memory can be explained too. Libraries never print.
 */
#ifndef LUNETTE_ERROR_H
#define LUNETTE_ERROR_H

/* Formats are those of glibc, and %m is one of them, everywhere. */
#ifdef _WIN32
#define ERROR_FORMAT(fmt, args) __attribute__((format(gnu_printf, fmt, args)))
#else
#define ERROR_FORMAT(fmt, args) __attribute__((format(printf, fmt, args)))
#endif

/**
 * enum error_kind - the few causes that a script tells apart, and that an errno does not: -ENOENT
 * may be a repository, or a file that lacks somewhere inside of it
 */
enum error_kind {
	ERROR_KIND_NONE,
	ERROR_KIND_NOT_FOUND, /* the repository or restore point that the user named */
	ERROR_KIND_PASSWORD,  /* what was given does not open the repository, or nothing was */
	ERROR_KIND_BUSY,      /* somebody else is at work; later it may go */
};

/**
 * struct error - a cause, and what each caller on the way up had to add
 * @code: the negative errno that the failed call returned; 0 when nothing was recorded
 * @kind: set with error_mark()
 * @msg: one sentence without a full stop or newline; when too long, its end is cut
 */
struct error {
	int code;
	enum error_kind kind;
	char msg[512];
};

/**
 * error_set() - record the cause, where it is seen
 * @err: may be NULL: the caller only wants to know that it failed
 * @code: negative errno
 * @fmt: printf format; %m is the text of @code, whatever errno is by now
 *
 * Return: @code, so that `return error_set(err, -errno, "open '%s': %m", path);` is the whole of
 * it.
 */
int error_set(struct error *err, int code, const char *fmt, ...) ERROR_FORMAT(3, 4);

/**
 * error_copy() - pass on what another struct error says, as it stands
 * @code: what the failed call returned; asserts that the call recorded that same code
 * @why: of a call whose failure was looked at before it was known to be this one's too; NULL when
 *	 it recorded nothing, and then the text of @code is all that there is to say
 *
 * Return: @code.
 */
int error_copy(struct error *err, int code, const struct error *why);

/**
 * error_wrap() - say where it happened: puts "FMT: " in front of the message
 * @code: what the failed call returned; asserts that the call recorded that same code, so that a
 *        forgotten error_set() dies in the first test
 *
 * Return: @code.
 */
int error_wrap(struct error *err, int code, const char *fmt, ...) ERROR_FORMAT(3, 4);

/**
 * error_mark() - say which kind of cause it is that was just recorded
 * @code: what error_set() returned
 *
 * It stays with the error through error_copy() and error_wrap(); another error_set() takes it away.
 *
 * Return: @code, so that `return error_mark(err, error_set(...), ERROR_KIND_BUSY);` does both.
 */
static inline int error_mark(struct error *err, int code, enum error_kind kind)
{
	if (err)
		err->kind = kind;
	return code;
}

#ifdef __clang_analyzer__
/*
 * What the asserts of error.c say, for clang's analyzer, which looks at one file at a time: the
 * code that comes back is negative.
 */
#define ERROR_CODE(call)                         \
	({                                       \
		int code_ = (call);              \
		if (code_ >= 0)                  \
			__builtin_unreachable(); \
		code_;                           \
	})
#define error_set(...)  ERROR_CODE((error_set)(__VA_ARGS__))
#define error_copy(...) ERROR_CODE((error_copy)(__VA_ARGS__))
#define error_wrap(...) ERROR_CODE((error_wrap)(__VA_ARGS__))
#endif

#endif
