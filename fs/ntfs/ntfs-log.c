/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ntfs-log - which clusters the log says were allocated, whatever $Bitmap says.
 *
 * A snapshot of a running server is what a crash leaves: $LogFile holds changes that are not in
 * $Bitmap yet, and Windows makes them when it mounts the volume. So every range of bits that a
 * record of the log sets or clears, by its redo or its undo, counts as used. That is more than
 * Windows will set, the ranges of other bitmaps ($MFT's) among it, and more does no harm. Records
 * are found without following their chains, which a crash may have cut: the low bits of a record's
 * LSN are its own offset in the file in units of 8 bytes, so a record gives itself away.
 *
 * Everything in a record is aligned to 8 bytes and is read as such words. A record that does not
 * fit into its page goes on behind the header of the next one.
 *
 * Source: ntfs-3g's logfile.h; the flatcap NTFS documentation; the structures of Linux' ntfs3.
 * Checked against the logs of volumes written by Windows Server 2003.
 */
#define NTFS_WANT_LIBRARY
#include "lunette/bytes.h"
#include "ntfs-private.h"

#define PAGE_USUAL   4096u
#define PAGE_MAX     65536u
#define LOG_MAX      (4ull << 30)
#define WINDOW_BYTES (1u << 20)

/* Restart page: "RSTR", and its restart area and client record at offsets told there. */
#define RSTR_PAGE_SIZE    20 /* u32 */
#define RSTR_AREA_OFFSET  24 /* u16 */
#define RSTR_MAJOR        28 /* u16 */
#define AREA_IN_USE       12 /* u16: NO_CLIENT when the log was closed (Windows 2000) */
#define AREA_FLAGS        14 /* u16 */
#define AREA_CLIENT       22 /* u16: offset of the client record */
#define AREA_DATA_OFFSET  38 /* u16: where records begin in a page */
#define AREA_SIZE         48
#define CLIENT_OLDEST_LSN 0 /* u64 */
#define NO_CLIENT         0xffff
#define IS_CLEAN          0x0002

/* Log page: "RCRD", its fixups as in any NTFS record. Copies of the last pages written lie in front
 * of the others and tell where they belong: in version 1 at 8, in version 2 at 60. */
#define RCRD_HEADER         0x28
#define RCRD_FILE_OFFSET_V1 8  /* u64 */
#define RCRD_FILE_OFFSET_V2 60 /* u32 */
#define RCRD_DATA_USUAL     0x40
#define FIRST_PAGE_V1       4u
#define FIRST_PAGE_V2       0x22u
#define RESTART_PAGES       2u

/* Log record. */
#define RECORD_LSN    0x00 /* u64 */
#define RECORD_LENGTH 0x18 /* u32: bytes behind the header */
#define RECORD_TYPE   0x20 /* u32; then u32 transaction */
#define RECORD_HEADER 0x30 /* bytes; the offsets of redo and undo count from here */
#define RECORD_OPS    0x30 /* u16: redo operation, undo operation, redo offset, redo length */
#define RECORD_UNDO   0x38 /* u16: undo offset, undo length, attribute, number of LCNs */
#define RECORD_PLACE  0x40 /* u16: record offset, attribute offset, 512-byte block, flags */
#define RECORD_VCN    0x48 /* u64 */
#define TYPE_CHANGE   1
#define SET_BITS      0x15
#define CLEAR_BITS    0x16

/**
 * struct log - the scan of one $LogFile
 * @size: bytes, whole pages
 * @page: bytes of a page
 * @data: offset of the first record in a page
 * @first: number of the first page that is no copy
 * @oldest: LSN before which nothing is needed any more
 * @head: the pages before @first, fixups done
 * @spare: room for one page
 */
struct log {
	struct fs_ntfs *ntfs;
	uint64_t size;
	uint32_t page;
	uint32_t data;
	uint32_t first;
	uint32_t major;
	uint64_t oldest;
	bool clean;
	uint8_t *head;
	uint8_t *window;
	uint64_t window_off;
	size_t window_len;
	uint8_t *spare;
	struct ntfs_ranges *ranges;
};

/* The 16-bit field @i of a word. */
static uint16_t field(uint64_t word, int i)
{
	return (uint16_t)(word >> (16 * i));
}

/* ---- ranges ---- */

/* @byte of a bitmap and a BITMAP_RANGE: u32 first bit, u32 number of bits. */
static int add_range(struct log *log, uint64_t byte, uint64_t range, struct error *err)
{
	uint64_t first = byte * 8 + (uint32_t)range;
	return fs_ntfs_ranges_add(log->ranges, log->ntfs->boot.n_clusters, first,
				  first + (range >> 32), err);
}

/* ---- pages ---- */

static bool is_page(const uint8_t *page)
{
	return memcmp(page, "RCRD", 4) == 0;
}

static int read_raw(struct log *log, uint8_t *buf, size_t len, uint64_t off, struct error *err)
{
	size_t n = 0;
	int rc = fs_ntfs_read(&log->ntfs->fs, FILE_LogFile, buf, len, off, &n, err);
	if (rc < 0)
		return error_wrap(err, rc, "the log of changes");
	memset(buf + n, 0, len - n);
	return 0;
}

static int read_pages(struct log *log, uint8_t *buf, size_t len, uint64_t off, struct error *err)
{
	int rc = read_raw(log, buf, len, off, err);
	for (size_t at = 0; rc == 0 && at < len; at += log->page)
		if (is_page(buf + at))
			fs_ntfs_fix_up(buf + at, log->page);
	return rc;
}

/* The page at @off: where it is in the window, or read into @log->spare. */
static int get_page(struct log *log, uint64_t off, const uint8_t **ret, struct error *err)
{
	if (off >= log->window_off &&
	    range_inside(log->page, off - log->window_off, log->window_len)) {
		*ret = log->window + (off - log->window_off);
		return 0;
	}
	*ret = log->spare;
	return read_pages(log, log->spare, log->page, off, err);
}

static uint64_t claimed_offset(const struct log *log, const uint8_t *page)
{
	return log->major < 2 ? get_le64(page + RCRD_FILE_OFFSET_V1)
			      : get_le32(page + RCRD_FILE_OFFSET_V2);
}

/* ---- records ---- */

/**
 * struct log_place - a record that may go on in another page
 * @page: that it begins in
 * @next: that it goes on in, or NULL
 * @at: its offset in @page
 */
struct log_place {
	const uint8_t *page;
	const uint8_t *next;
	uint32_t at;
};

/* The word at @off of a record; false where it lies behind the pages known. */
static bool get_word(const struct log *log, const struct log_place *place, uint32_t off,
		     uint64_t *ret)
{
	uint64_t at = (uint64_t)place->at + off;
	const uint8_t *page = place->page;
	if (at >= log->page) {
		at = at - log->page + log->data;
		page = place->next;
	}
	if (!page || at % 8 != 0 || at >= log->page)
		return false;
	*ret = get_le64(page + at);
	return true;
}

static bool is_bits(uint16_t operation)
{
	return operation == SET_BITS || operation == CLEAR_BITS;
}

static int take_record(struct log *log, const struct log_place *place, struct error *err)
{
	uint64_t ops, undo, where, vcn, range;
	if (!get_word(log, place, RECORD_OPS, &ops) || !get_word(log, place, RECORD_UNDO, &undo) ||
	    !get_word(log, place, RECORD_PLACE, &where) ||
	    !get_word(log, place, RECORD_VCN, &vcn) || vcn > log->ntfs->boot.n_clusters)
		return 0;
	uint64_t byte =
		vcn * log->ntfs->boot.cluster + field(where, 2) * NTFS_SECTOR + field(where, 0);
	int rc = 0;
	if (is_bits(field(ops, 0)) && get_word(log, place, RECORD_HEADER + field(ops, 2), &range))
		rc = add_range(log, byte, range, err);
	if (rc == 0 && is_bits(field(ops, 1)) &&
	    get_word(log, place, RECORD_HEADER + field(undo, 0), &range))
		rc = add_range(log, byte, range, err);
	return rc;
}

static bool is_change(const struct log *log, const uint8_t *page, uint32_t at)
{
	uint64_t lsn = get_le64(page + at + RECORD_LSN);
	return lsn >= log->oldest && lsn != 0 && (lsn * 8 & (log->page - 1)) == at &&
	       get_le32(page + at + RECORD_TYPE) == TYPE_CHANGE;
}

/* A record that ends in its page is taken once; another with each page that may be its next. */
static int take_across(struct log *log, struct log_place *place, uint64_t off, struct error *err)
{
	uint64_t next =
		off + log->page < log->size ? off + log->page : (uint64_t)log->first * log->page;
	int rc = get_page(log, next, &place->next, err);
	if (rc == 0)
		rc = take_record(log, place, err);
	for (uint32_t i = RESTART_PAGES; i < log->first && rc == 0; i++) {
		place->next = log->head + (size_t)i * log->page;
		if (is_page(place->next) && claimed_offset(log, place->next) == next)
			rc = take_record(log, place, err);
	}
	return rc;
}

/* @off: where the page belongs. */
static int scan_page(struct log *log, const uint8_t *page, uint64_t off, struct error *err)
{
	int rc = 0;
	if (!is_page(page))
		return 0;
	for (uint32_t at = RCRD_HEADER; at + RECORD_HEADER <= log->page && rc == 0; at += 8) {
		struct log_place place = { .page = page, .at = at };
		if (!is_change(log, page, at))
			continue;
		if (get_le32(page + at + RECORD_LENGTH) <= log->page - at - RECORD_HEADER)
			rc = take_record(log, &place, err);
		else
			rc = take_across(log, &place, off, err);
	}
	return rc;
}

/* ---- the log ---- */

/* What either restart page says about the shape of the log; the usual, if neither says anything. */
static int find_shape(struct log *log, struct error *err)
{
	uint8_t header[32];
	log->page = PAGE_USUAL;
	log->major = 1;
	for (uint64_t off = 0; off <= PAGE_USUAL; off += PAGE_USUAL) {
		int rc = read_raw(log, header, sizeof(header), off, err);
		if (rc < 0)
			return rc;
		uint32_t page = get_le32(header + RSTR_PAGE_SIZE);
		if (memcmp(header, "RSTR", 4) != 0 || page < NTFS_SECTOR || page > PAGE_MAX ||
		    !is_power_of_2(page))
			continue;
		log->page = page;
		log->major = get_le16(header + RSTR_MAJOR);
		break;
	}
	log->first = log->major < 2 ? FIRST_PAGE_V1 : FIRST_PAGE_V2;
	log->data = RCRD_DATA_USUAL;
	log->size -= log->size % log->page;
	return 0;
}

static int alloc_pages(struct log *log, struct error *err)
{
	log->head = malloc((size_t)log->first * log->page);
	log->window = malloc(WINDOW_BYTES);
	log->spare = malloc(log->page);
	if (!log->head || !log->window || !log->spare)
		return error_set(err, -ENOMEM, "NTFS: the log: %m");
	return 0;
}

/* Restart page @page, if it is whole: true, and what it says is added to what is known. */
static bool take_restart(struct log *log, uint8_t *page)
{
	if (memcmp(page, "RSTR", 4) != 0 || !fs_ntfs_fix_up(page, log->page))
		return false;
	uint32_t area = get_le16(page + RSTR_AREA_OFFSET);
	if (!range_inside(AREA_SIZE, area, log->page))
		return false;
	uint32_t client = area + get_le16(page + area + AREA_CLIENT);
	if (!range_inside(sizeof(uint64_t), client + CLIENT_OLDEST_LSN, log->page))
		return false;
	uint32_t data = get_le16(page + area + AREA_DATA_OFFSET);
	if (data >= RCRD_HEADER && data % 8 == 0 && data < log->page)
		log->data = data;
	if (!(get_le16(page + area + AREA_FLAGS) & IS_CLEAN) &&
	    get_le16(page + area + AREA_IN_USE) != NO_CLIENT)
		log->clean = false;
	log->oldest = MIN(log->oldest, get_le64(page + client + CLIENT_OLDEST_LSN));
	return true;
}

/* The two restart pages are written by turns. Only what both bear out is believed: that the log is
 * clean, and that it has records which nobody needs any more. */
static int read_restart(struct log *log, struct error *err)
{
	bool whole = true;
	log->clean = true;
	log->oldest = UINT64_MAX;
	for (uint64_t i = 0; i < RESTART_PAGES; i++) {
		int rc = read_raw(log, log->spare, log->page, i * log->page, err);
		if (rc < 0)
			return rc;
		whole = take_restart(log, log->spare) && whole;
	}
	if (!whole) {
		log->clean = false;
		log->oldest = 0;
	}
	return 0;
}

/* The copies in front. The pages that they go on in are read one by one. */
static int scan_head(struct log *log, struct error *err)
{
	int rc = read_pages(log, log->head, (size_t)log->first * log->page, 0, err);
	for (uint32_t i = RESTART_PAGES; i < log->first && rc == 0; i++) {
		const uint8_t *page = log->head + (size_t)i * log->page;
		rc = scan_page(log, page, claimed_offset(log, page) % LOG_MAX, err);
	}
	return rc;
}

static int scan_rest(struct log *log, struct error *err)
{
	int rc = 0;
	uint64_t off = (uint64_t)log->first * log->page;
	for (; off < log->size && rc == 0; off += log->window_len) {
		log->window_off = off;
		log->window_len = (size_t)MIN(log->size - off, (uint64_t)WINDOW_BYTES);
		rc = read_pages(log, log->window, log->window_len, off, err);
		for (size_t at = 0; at < log->window_len && rc == 0; at += log->page)
			rc = scan_page(log, log->window + at, off + at, err);
	}
	return rc;
}

static int scan(struct log *log, struct error *err)
{
	int rc = find_shape(log, err);
	if (rc == 0)
		rc = alloc_pages(log, err);
	if (rc == 0)
		rc = read_restart(log, err);
	if (rc < 0 || log->clean)
		return rc;
	rc = scan_head(log, err);
	if (rc == 0)
		rc = scan_rest(log, err);
	return rc;
}

int fs_ntfs_log_ranges(struct fs_ntfs *ntfs, struct ntfs_ranges *ret, struct error *err)
{
	struct ntfs_ranges ranges = { 0 };
	struct log log = { .ntfs = ntfs, .ranges = &ranges };
	struct fs_stat stat;
	int rc = fs_ntfs_stat(&ntfs->fs, FILE_LogFile, &stat, err);
	if (rc < 0)
		return error_wrap(err, rc, "the log of changes");
	log.size = MIN(stat.size, LOG_MAX);
	rc = scan(&log, err);
	free(log.head);
	free(log.window);
	free(log.spare);
	if (rc < 0) {
		free(ranges.v);
		return rc;
	}
	fs_ntfs_ranges_merge(&ranges);
	*ret = ranges;
	return 0;
}
