/* SPDX-License-Identifier: GPL-3.0-or-later */
/* layout-name - the words of documents for what layout.h numbers: a promise to scripts. */
#include "lunette/layout.h"

const char *layout_table_name(enum layout_table table)
{
	static const char *const names[] = {
		[LAYOUT_TABLE_NONE] = "none",
		[LAYOUT_TABLE_MBR] = "mbr",
		[LAYOUT_TABLE_GPT] = "gpt",
	};
	return names[table];
}

const char *layout_kind_name(enum layout_kind kind)
{
	static const char *const names[] = {
		[LAYOUT_LDM] = "ldm",
		[LAYOUT_MD] = "md",
		[LAYOUT_LVM] = "lvm",
	};
	return names[kind];
}

const char *layout_state_name(enum layout_state state)
{
	static const char *const names[] = {
		[LAYOUT_OK] = "ok",
		[LAYOUT_DEGRADED] = "degraded",
		[LAYOUT_INCOMPLETE] = "incomplete",
		[LAYOUT_LOCKED] = "locked",
	};
	return names[state];
}

const char *layout_type_name(enum layout_type type)
{
	static const char *const names[] = {
		[LAYOUT_UNKNOWN] = "unknown",
		[LAYOUT_BASIC] = "basic",
		[LAYOUT_DISK] = "disk",
		[LAYOUT_SIMPLE] = "simple",
		[LAYOUT_SPANNED] = "spanned",
		[LAYOUT_MIRRORED] = "mirrored",
		[LAYOUT_MD_OTHER] = "md",
		[LAYOUT_LINEAR] = "linear",
		[LAYOUT_STRIPED] = "striped",
		[LAYOUT_MIRROR] = "mirror",
		[LAYOUT_RAID0] = "raid0",
		[LAYOUT_RAID0_META] = "raid0_meta",
		[LAYOUT_RAID1] = "raid1",
		[LAYOUT_RAID10] = "raid10",
		[LAYOUT_RAID10_NEAR] = "raid10_near",
		[LAYOUT_RAID4] = "raid4",
		[LAYOUT_RAID5] = "raid5",
		[LAYOUT_RAID5_LA] = "raid5_la",
		[LAYOUT_RAID5_RA] = "raid5_ra",
		[LAYOUT_RAID5_LS] = "raid5_ls",
		[LAYOUT_RAID5_RS] = "raid5_rs",
		[LAYOUT_RAID5_N] = "raid5_n",
		[LAYOUT_RAID6] = "raid6",
		[LAYOUT_RAID6_ZR] = "raid6_zr",
		[LAYOUT_RAID6_NR] = "raid6_nr",
		[LAYOUT_RAID6_NC] = "raid6_nc",
		[LAYOUT_RAID6_LA_6] = "raid6_la_6",
		[LAYOUT_RAID6_RA_6] = "raid6_ra_6",
		[LAYOUT_RAID6_LS_6] = "raid6_ls_6",
		[LAYOUT_RAID6_RS_6] = "raid6_rs_6",
		[LAYOUT_RAID6_0_6] = "raid6_0_6",
		[LAYOUT_RAID6_N_6] = "raid6_n_6",
		[LAYOUT_THIN] = "thin",
		[LAYOUT_SNAPSHOT] = "snapshot",
		[LAYOUT_CACHE] = "cache",
		[LAYOUT_WRITECACHE] = "writecache",
		[LAYOUT_VDO] = "vdo",
		[LAYOUT_INTEGRITY] = "integrity",
		[LAYOUT_ZERO] = "zero",
		[LAYOUT_ERROR] = "error",
	};
	return names[type];
}

bool layout_type_has_parity(enum layout_type type)
{
	return type >= LAYOUT_RAID4 && type <= LAYOUT_RAID6_N_6;
}
