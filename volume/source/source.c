/* SPDX-License-Identifier: GPL-3.0-or-later */
/* source - tells paths from LUNs, and opens either. See include/lunette/source.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "container.h"
#include "lun.h"
#include "lunette/source.h"

int source_open(const char *spec, const struct source_options *opts, struct source **ret,
		struct error *err)
{
	static const struct source_options defaults;
	CLEANUP(source_free_cleanup) struct source *source = calloc(1, sizeof(*source));
	if (source)
		source->spec = strdup(spec);
	if (!source || !source->spec)
		return error_set(err, -ENOMEM, "open a source: %m");
	bool lun = lun_is_url(spec);
	int rc = lun ? lun_open(spec, opts ? opts : &defaults, source, err)
		     : blk_file_open(spec, &source->blk, err);
	if (rc == 0 && !lun)
		rc = container_refuse(source->blk, spec, err);
	if (rc < 0)
		return rc;
	*ret = steal(&source);
	return 0;
}

void source_identity(const uint8_t *page, size_t len, char ret[SOURCE_ID_MAX])
{
	ret[0] = '\0';
	if (len > 4 && page[1] == 0x83)
		lun_parse_designators(page + 4, MIN((size_t)get_be(page + 2, 2), len - 4), ret);
}

int source_introduce(const struct source *source, struct layout *layout, size_t disk,
		     struct error *err)
{
	const struct layout_identity identity = { source->vendor, source->product, source->serial,
						  source->id };
	return layout_introduce(layout, disk, &identity, err);
}

void source_free(struct source *source)
{
	if (!source)
		return;
	blk_unref(source->blk);
	free(source->spec);
	free(source);
}
