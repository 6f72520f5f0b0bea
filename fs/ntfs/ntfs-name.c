/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ntfs-name - names as they are shown: UTF-8, and U+2215 for '/', which a name on NTFS may have. */
#define NTFS_WANT_LIBRARY
#include "ntfs-private.h"

static const char SLASH_SHOWN[] = "\xe2\x88\x95"; /* U+2215 */

/* Replaces each '/' in a name of FS_NAME_MAX bytes. Returns its new length, 0 if it is too long. */
static size_t hide_slashes(char *out, const char *in, size_t len)
{
	size_t n = 0;
	for (size_t i = 0; i < len; i++) {
		size_t add = in[i] == '/' ? sizeof(SLASH_SHOWN) - 1 : 1;
		if (n + add >= FS_NAME_MAX)
			return 0;
		memcpy(out + n, add == 1 ? &in[i] : SLASH_SHOWN, add);
		n += add;
	}
	out[n] = '\0';
	return n;
}

int fs_ntfs_name(const ntfschar *units, size_t n_units, char ret[FS_NAME_MAX])
{
	CLEANUP(free_cleanup) char *raw = NULL;
	int len = ntfs_ucstombs(units, (int)n_units, &raw, 0);
	if (len < 0)
		return -errno;
	size_t n = hide_slashes(ret, raw, (size_t)len);
	bool dots = n > 0 && (strcmp(ret, ".") == 0 || strcmp(ret, "..") == 0);
	return dots ? 0 : (int)n;
}
