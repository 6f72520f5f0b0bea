/* SPDX-License-Identifier: GPL-3.0-or-later */
/* check-problem - what the steps of a check say on their way. */
#include <errno.h>

#include "check-private.h"
#include "hurt.h"
#include "lunette/json.h"

/* Whoever may read it, or comes again when the store can be reached, may find it well. */
static bool is_out_of_reach(int code)
{
	static const int codes[] = { -EACCES,       -EPERM,        -EMFILE,     -ENFILE,
				     -ESTALE,       -ETIMEDOUT,    -ENOTCONN,   -ECONNRESET,
				     -ECONNREFUSED, -EHOSTUNREACH, -ENETUNREACH };
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		if (code == codes[i])
			return true;
	return false;
}

int check_problem(struct check *check, const char *object, int code, const char *what,
		  struct error *err)
{
	struct check_result *result = check->result;
	result->out_of_reach += is_out_of_reach(code);
	if (result->n_problems++ >= CHECK_PROBLEMS_MAX)
		return 0;
	json_t *problem = json_pack("{s:o, s:o, s:b}", "object", json_text(object), "what",
				    json_text(what), "damaged", code == -EUCLEAN);
	if (json_array_append_new(result->problems, problem) < 0)
		return error_set(err, -ENOMEM, "check: %m");
	return 0;
}

int check_stopped(const struct check *check, struct error *err)
{
	const atomic_bool *stop = check->opts->stop;
	if (stop && atomic_load_explicit(stop, memory_order_relaxed))
		return error_set(err, -EINTR, "interrupted");
	return 0;
}
