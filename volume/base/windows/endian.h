/* SPDX-License-Identifier: GPL-3.0-or-later */
/* endian - what Windows' C library lacks: numbers as they lie on disks. Its machines are
 * little-endian. */
#ifndef WINDOWS_ENDIAN_H
#define WINDOWS_ENDIAN_H

#define htole16(n) ((uint16_t)(n))
#define htole32(n) ((uint32_t)(n))
#define htole64(n) ((uint64_t)(n))
#define le16toh(n) ((uint16_t)(n))
#define le32toh(n) ((uint32_t)(n))
#define le64toh(n) ((uint64_t)(n))
#define htobe16(n) __builtin_bswap16(n)
#define htobe32(n) __builtin_bswap32(n)
#define htobe64(n) __builtin_bswap64(n)
#define be16toh(n) __builtin_bswap16(n)
#define be32toh(n) __builtin_bswap32(n)
#define be64toh(n) __builtin_bswap64(n)

#endif
