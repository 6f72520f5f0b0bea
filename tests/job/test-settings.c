/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lunette/settings.h"

#define PLUGIN "plugin = /bin/true\n"
#define SOUND  "[job]\nname = j\nrepository = r\n[server]\nagent = ssh:host\n[storage]\n" PLUGIN

struct told {
	char text[8192];
};

static char file[] = "/tmp/lunette-settings.XXXXXX";

static void tell(void *ctx, const char *mistake)
{
	struct told *told = ctx;
	size_t len = strlen(told->text);
	const char *line = strstr(mistake, file);
	snprintf(told->text + len, sizeof(told->text) - len, "%s\n",
		 line == mistake ? mistake + strlen(file) : mistake);
}

static int read_text(const char *text, struct settings **ret, struct told *told)
{
	FILE *f = fopen(file, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	told->text[0] = '\0';
	struct error err = { 0 };
	return settings_read(file, tell, told, ret, &err);
}

/* All mistakes of @text, and no others. */
static void mistakes_are(const char *text, const char *wanted)
{
	struct settings *settings = NULL;
	struct told told;
	assert_int_equal(read_text(text, &settings, &told), -EINVAL);
	assert_string_equal(told.text, wanted);
}

static struct settings *sound(const char *text)
{
	struct settings *settings = NULL;
	struct told told;
	if (read_text(text, &settings, &told) < 0)
		fail_msg("%s", told.text);
	return settings;
}

static void what_is_left_out_has_its_default(void **state)
{
	(void)state;
	struct settings *s = sound(SOUND);
	assert_int_equal(s->snapshot_limit, 9000);
	assert_int_equal(s->commit_limit, 10000);
	assert_int_equal(s->freeze_limit, 60000);
	assert_int_equal(s->snapshots, 4);
	assert_false(s->failover);
	assert_string_equal(s->point_name, "j");
	settings_free(s);
}

static void a_path_is_relative_to_the_job_file(void **state)
{
	(void)state;
	struct settings *s = sound(SOUND);
	assert_string_equal(s->repository, "/tmp/r");
	assert_string_equal(s->plugin, "/bin/true");
	settings_free(s);
}

static void lists_take_commas_and_lines(void **state)
{
	(void)state;
	struct settings *s = sound("[job]\nname = j\nrepository = r\n[server]\nagent = ssh:host\n"
				   "volumes = /a, /b c ,/d\nvolumes = /e\n[storage]\n" PLUGIN
				   "[backup]\nexclude = *.tmp, x\nexclude = y\n");
	assert_int_equal(s->volumes.n, 4);
	assert_string_equal(s->volumes.items[1], "/b c");
	assert_string_equal(s->volumes.items[3], "/e");
	assert_int_equal(s->exclude.n, 2); /* a comma may be part of a pattern */
	assert_string_equal(s->exclude.items[0], "*.tmp, x");
	settings_free(s);
}

static void what_the_plugin_knows_is_passed_on(void **state)
{
	(void)state;
	struct settings *s = sound(SOUND "pool = fast\nurl = https://x/;y\n");
	assert_string_equal(json_string_value(json_object_get(s->config, "pool")), "fast");
	assert_int_equal(json_object_size(s->config), 2);
	assert_int_equal(json_integer_value(json_object_get(s->config_lines, "pool")), 8);
	settings_free(s);
}

static void all_mistakes_are_told_at_once_with_their_lines(void **state)
{
	(void)state;
	mistakes_are("x = 1\n"
		     "[job]\n"
		     "name = a/b\n"
		     "name = c\n"
		     "repository =\n"
		     "colour = red\n"
		     "[nonsense]\n"
		     "y = 1\n"
		     "[limits]\n"
		     "snapshot = 60s\n"
		     "freeze = 9\n"
		     "[server]\n"
		     "agent = ssh:-oProxyCommand=evil\n"
		     "[storage]\n" PLUGIN "[disks]\n"
		     "/dev/sda = 600140\n",
		     ":1: 'x' stands before the first section\n"
		     ":3: [job] name = 'a/b': a name of 1 to 32 of A-Z a-z 0-9 . _ - is wanted\n"
		     ":4: [job] name is there twice\n"
		     ":5: [job] repository is empty\n"
		     ":6: there is no 'colour' in section [job]\n"
		     ":8: there is no section [nonsense]\n"
		     ":10: [limits] snapshot = '60s': from 100ms to 59000ms is possible\n"
		     ":11: [limits] freeze = '9': a time as 9s, 500ms or 2m is wanted\n"
		     ":17: [disks] /dev/sda = '600140': an identity as naa.6000... is wanted\n"
		     ": [job] repository is needed\n"
		     ": [server] agent = 'ssh:-oProxyCommand=evil': 'local' or 'ssh:[USER@]HOST' "
		     "is wanted\n");
}

static void what_cannot_be_told_in_json_is_a_mistake(void **state)
{
	(void)state;
	mistakes_are(SOUND "pool = \xff\n[backup]\nexclude = *.\xff\n[hooks]\nbefore = /b\xff\n",
		     ":8: [storage] pool is not UTF-8\n"
		     ":12: [hooks] before is not UTF-8\n");
}

static void a_line_that_is_too_long_is_not_cut(void **state)
{
	(void)state;
	char text[4096];
	int n = snprintf(text, sizeof(text), "%spool = ", SOUND);
	memset(text + n, 'x', 2000);
	text[n + 2000] = '\0';
	struct settings *settings = NULL;
	struct told told;
	strcat(text, "\n");
	assert_int_equal(read_text(text, &settings, &told), -EINVAL);
	assert_string_equal(told.text, ":8: the line is longer than 1025 bytes\n");
}

static void how_much_a_backup_takes_can_be_limited(void **state)
{
	(void)state;
	struct settings *s = sound(SOUND "[backup]\nlimit = 50M\nmemory = 16M\nthreads = 64\n");
	assert_int_equal(s->limit, 50 << 20);
	assert_int_equal(s->memory, 16 << 20);
	assert_int_equal(s->threads, 64);
	settings_free(s);
	mistakes_are(SOUND "[backup]\nlimit = 50MB\nmemory = 16383K\nthreads = 65\n",
		     ":9: [backup] limit = '50MB': a number of bytes as 64M is wanted\n"
		     ":10: [backup] memory = '16383K': at least 16M is wanted\n"
		     ":11: [backup] threads = '65': from 1 to 64 is possible\n");
}

static void upkeep_says_how_often_and_how_much(void **state)
{
	(void)state;
	struct settings *s = sound(SOUND "[upkeep]\nprune = weekly\ncheck = after-run\n"
					 "read-data = next/30\n");
	assert_int_equal(s->prune, UPKEEP_WEEKLY);
	assert_int_equal(s->check, UPKEEP_AFTER_RUN);
	assert_int_equal(s->read_data.part, 0);
	assert_int_equal(s->read_data.parts, 30);
	settings_free(s);
	s = sound(SOUND);
	assert_int_equal(s->prune, UPKEEP_NEVER);
	settings_free(s);
	mistakes_are(
		SOUND "[upkeep]\nprune = yearly\ncheck = daily\nread-data = 3/30\n",
		":9: [upkeep] prune = 'yearly': never, after-run, daily, weekly or monthly is "
		"wanted\n"
		":11: [upkeep] read-data = '3/30' would be the same part each time: next/30 is "
		"wanted\n");
	mistakes_are(
		SOUND "[upkeep]\nread-data = 5%\n",
		": [upkeep] read-data says how much a check reads, and check says when: daily, "
		"for instance\n");
	mistakes_are(SOUND "[upkeep]\ncheck = daily\nread-data = all\n",
		     ":10: [upkeep] read-data = 'all': a percentage up to 100, as 5%, or one of at "
		     "most 100000 parts, as 3/30 or next/30, is wanted\n");
}

static void a_cluster_is_never_given_more_than_9_s(void **state)
{
	(void)state;
	static const char cluster[] =
		"[job]\nname = j\nrepository = r\n[server]\nagent = ssh:h\ncluster = yes\n"
		"[storage]\n" PLUGIN "[limits]\n";
	char text[1024];
	snprintf(text, sizeof(text), "%ssnapshot = 9s\n", cluster);
	settings_free(sound(text));
	snprintf(text, sizeof(text), "%ssnapshot = 9001ms\ncommit = 10s\n", cluster);
	mistakes_are(text, ": [limits] snapshot: never more than 9s for a failover cluster\n");
	snprintf(text, sizeof(text), "%scommit = 11s\n", cluster);
	mistakes_are(text, ": [limits] commit: never more than 10s for a failover cluster\n");
}

static void a_single_server_is_given_59_s_and_thaws_after_60(void **state)
{
	(void)state;
	struct settings *s = sound(SOUND "[limits]\nsnapshot = 59s\n");
	assert_int_equal(s->commit_limit, 60000);
	settings_free(s);
	mistakes_are(SOUND "[limits]\nfreeze = 61s\n",
		     ":9: [limits] freeze = '61s': from 300ms to 60000ms is possible\n");
	mistakes_are(SOUND "[limits]\nsnapshot = 20s\ncommit = 20s\n",
		     ": [limits] snapshot (20000ms) must be less than commit (20000ms)\n");
	mistakes_are(SOUND "[limits]\nfreeze = 9s\n",
		     ": [limits] commit (10000ms) must not be more than freeze (9000ms)\n");
}

static void secrets_are_in_a_file_for_nobody_else(void **state)
{
	(void)state;
	struct error err = { 0 };
	json_t *secrets = NULL;
	FILE *f = fopen(file, "we");
	assert_non_null(f);
	fputs("# of the array\npassword = a=b c\n\nuser=x\n", f);
	fclose(f);
	chmod(file, 0644);
	assert_int_equal(settings_read_secrets(file, &secrets, &err), -EACCES);
	chmod(file, 0600);
	assert_int_equal(settings_read_secrets(file, &secrets, &err), 0);
	assert_string_equal(json_string_value(json_object_get(secrets, "password")), "a=b c");
	assert_int_equal(json_object_size(secrets), 2);
	json_decref(secrets);
	assert_int_equal(settings_read_secrets(NULL, &secrets, &err), 0);
	assert_int_equal(json_object_size(secrets), 0);
	json_decref(secrets);
}

static void the_plugin_says_what_it_knows_and_needs(void **state)
{
	(void)state;
	struct settings *s = sound(SOUND "pool = fast\npassword = hunter2\nnonsense = 1\n");
	json_t *info = json_pack("{s:s, s:[{s:s,s:b,s:b,s:s},{s:s,s:b,s:b,s:s},{s:s,s:b,s:b,s:s}]}",
				 "name", "p", "settings", "name", "pool", "required", 1, "secret",
				 0, "description", "d", "name", "password", "required", 1, "secret",
				 1, "description", "d", "name", "address", "required", 1, "secret",
				 0, "description", "where it is");
	struct told told = { "" };
	struct error err = { 0 };
	json_t *none = json_object();
	assert_int_equal(settings_check_plugin(s, info, none, tell, &told, &err), -EINVAL);
	assert_string_equal(told.text,
			    ":9: [storage] password is a secret: it belongs into the secrets-file\n"
			    ":10: [storage] nonsense: plug-in 'p' has no such setting\n"
			    ": secrets-file: plug-in 'p' needs 'password' (d)\n"
			    ": [storage]: plug-in 'p' needs 'address' (where it is)\n");
	json_decref(none);
	json_decref(info);
	settings_free(s);
}

static int make_file(void **state)
{
	(void)state;
	int fd = mkstemp(file);
	return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_left_out_has_its_default),
		cmocka_unit_test(a_path_is_relative_to_the_job_file),
		cmocka_unit_test(lists_take_commas_and_lines),
		cmocka_unit_test(what_the_plugin_knows_is_passed_on),
		cmocka_unit_test(all_mistakes_are_told_at_once_with_their_lines),
		cmocka_unit_test(what_cannot_be_told_in_json_is_a_mistake),
		cmocka_unit_test(a_line_that_is_too_long_is_not_cut),
		cmocka_unit_test(how_much_a_backup_takes_can_be_limited),
		cmocka_unit_test(upkeep_says_how_often_and_how_much),
		cmocka_unit_test(a_cluster_is_never_given_more_than_9_s),
		cmocka_unit_test(a_single_server_is_given_59_s_and_thaws_after_60),
		cmocka_unit_test(secrets_are_in_a_file_for_nobody_else),
		cmocka_unit_test(the_plugin_says_what_it_knows_and_needs),
	};
	return cmocka_run_group_tests(tests, make_file, remove_file);
}
