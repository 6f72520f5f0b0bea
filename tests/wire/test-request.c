/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the job asks for, and what it is answered: both sides of the protocol agree. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <string.h>

#include "lunette/json.h"
#include "lunette/message.h"
#include "lunette/request.h"

static struct request *parse(const char *line)
{
	struct request *request = NULL;
	assert_int_equal(request_parse(line, strlen(line), &request, NULL), 0);
	return request;
}

static void a_request_has_an_id_a_verb_and_what_more_it_likes(void **state)
{
	(void)state;
	struct request *r = parse("{\"id\":\"7\",\"verb\":\"map\",\"deadline_ms\":900,"
				  "\"params\":{\"a\":1},\"of\":\"later\"}");
	assert_int_equal(r->broken.code, 0);
	assert_string_equal(json_string_value(r->id), "7");
	assert_string_equal(r->verb, "map");
	assert_int_equal(json_integer_value(json_object_get(r->params, "a")), 1);
	assert_int_equal(r->limit_ms, 900);
	request_free(r);
	r = parse("{\"id\":7,\"verb\":\"map\"}");
	assert_int_equal(r->broken.code, 0);
	assert_int_equal(json_integer_value(r->id), 7);
	assert_true(json_is_object(r->params));
	assert_int_equal(r->limit_ms, -1);
	request_free(r);
	r = parse("{\"id\":7,\"verb\":\"map\",\"deadline_ms\":-5}");
	assert_int_equal(r->limit_ms, 0);
	request_free(r);
}

static void what_is_no_request_says_why(void **state)
{
	(void)state;
	static const struct {
		const char *line, *why;
		bool has_id;
	} rows[] = {
		{ "", "not JSON", false },
		{ "{\"id\":\"1\",\"verb\":\"ma", "not JSON", false },
		{ "{\"id\":\"1\",\"id\":\"2\",\"verb\":\"map\"}", "not JSON", false },
		{ "[]", "is a JSON object", false },
		{ "{\"verb\":\"map\"}", "has an 'id'", false },
		{ "{\"id\":{},\"verb\":\"map\"}", "has an 'id'", false },
		{ "{\"id\":\"1\"}", "has a 'verb'", true },
		{ "{\"id\":\"1\",\"verb\":7}", "has a 'verb'", true },
		{ "{\"id\":\"1\",\"verb\":\"map\",\"params\":[]}", "'params' is no object", true },
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct request *r = parse(rows[i].line);
		assert_int_equal(r->broken.code, -EINVAL);
		assert_non_null(strstr(r->broken.msg, rows[i].why));
		assert_int_equal(!json_is_null(r->id), rows[i].has_id);
		request_free(r);
	}
}

/* An answer as the job reads it; the line must outlive it. */
static void understand(json_t *answer, struct message *ret)
{
	assert_non_null(answer);
	char *line = json_dumps(answer, JSON_COMPACT);
	struct error err = { 0 };
	if (message_parse(line, strlen(line), ret, &err) < 0)
		fail_msg("%s", err.msg);
	free(line);
	json_decref(answer);
}

static void an_answer_is_understood(void **state)
{
	(void)state;
	CLEANUP(json_decref_cleanup) json_t *id = json_string("5");
	CLEANUP(message_clear) struct message yes = { 0 }, no = { 0 }, plain = { 0 };
	understand(request_reply(id, json_pack("{s:i}", "n", 3)), &yes);
	assert_int_equal(yes.id, 5);
	assert_int_equal(json_integer_value(json_object_get(yes.result, "n")), 3);
	understand(request_reply(id, NULL), &plain);
	assert_int_equal(json_object_size(plain.result), 0);
	struct error why = { 0 };
	error_set(&why, -EBUSY, "come back later");
	understand(request_refusal(id, &why), &no);
	assert_int_equal(no.rc, -EBUSY);
	assert_string_equal(no.code, "BUSY");
	assert_string_equal(no.why, "come back later");
	assert_true(no.retry);
}

static void what_is_not_utf8_is_in_the_way_of_no_answer(void **state)
{
	(void)state;
	CLEANUP(json_decref_cleanup) json_t *id = json_string("5");
	CLEANUP(message_clear) struct message no = { 0 };
	struct error why = { 0 };
	error_set(&why, -ENOENT, "no '\xff/x'");
	understand(request_refusal(id, &why), &no);
	assert_string_equal(no.why, "no '\xef\xbf\xbd/x'");
}

static void an_answer_without_an_id_has_none(void **state)
{
	(void)state;
	struct error why = { 0 };
	error_set(&why, -ENOENT, "no");
	CLEANUP(json_decref_cleanup) json_t *yes = request_reply(NULL, NULL);
	CLEANUP(json_decref_cleanup) json_t *no = request_refusal(NULL, &why);
	assert_non_null(yes);
	assert_non_null(no);
	assert_null(json_object_get(yes, "id"));
	assert_null(json_object_get(no, "id"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_has_an_id_a_verb_and_what_more_it_likes),
		cmocka_unit_test(what_is_no_request_says_why),
		cmocka_unit_test(an_answer_is_understood),
		cmocka_unit_test(what_is_not_utf8_is_in_the_way_of_no_answer),
		cmocka_unit_test(an_answer_without_an_id_has_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
