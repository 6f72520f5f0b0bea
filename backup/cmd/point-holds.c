/* SPDX-License-Identifier: GPL-3.0-or-later */
/* point-holds - what lists say of a restore point, from its manifest and from what checks have
 * found.
 */
#include <stdio.h>
#include <time.h>

#include "cmd.h"
#include "lunette/json.h"
#include "lunette/moment.h"
#include "lunette/point-open.h"

static json_t *names_of_disks(const json_t *point)
{
	json_t *names = json_array();
	size_t i;
	json_t *disk;
	json_array_foreach(json_object_get(point, "disks"), i, disk)
	{
		json_array_append_new(names, json_string(cmd_json_text(disk, "name")));
	}
	return names;
}

/* Those volumes that are stored, or those that are only known. */
static json_t *names_of_volumes(const json_t *point, bool stored)
{
	json_t *names = json_array();
	bool all = json_is_true(json_object_get(point, "all_blocks"));
	const json_t *layout = json_object_get(point, "layout");
	size_t i;
	json_t *volume;
	json_array_foreach(json_object_get(layout, "volumes"), i, volume)
	{
		const char *name = cmd_json_text(volume, "name");
		if ((all || point_stores(point, name)) == stored)
			json_array_append_new(names, json_string(name));
	}
	return names;
}

json_t *cmd_point_holds(const char *id, const json_t *point, const json_t *verdicts)
{
	json_t *check = json_object_get(verdicts, id);
	const char *consistency = cmd_json_text(point, "consistency");
	return json_pack("{s:o, s:o, s:o, s:s?, s:b, s:o}", "disks", names_of_disks(point),
			 "volumes", names_of_volumes(point, true), "left_out",
			 names_of_volumes(point, false), "consistency",
			 *consistency ? consistency : NULL, "future",
			 moment_is_future(cmd_json_text(point, "time"), time(NULL)), "check",
			 check ? json_incref(check) : json_null());
}

const char *cmd_checked(const json_t *holds, char buf[CMD_CHECKED_MAX])
{
	const json_t *check = json_object_get(holds, "check");
	if (!json_is_object(check))
		return "-";
	snprintf(buf, CMD_CHECKED_MAX, "%s %.10s",
		 json_is_true(json_object_get(check, "whole")) ? "whole" : "damaged",
		 cmd_json_text(check, "time"));
	return buf;
}
