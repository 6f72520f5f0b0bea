/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lio - the kernel's iSCSI target, through its files below /sys/kernel/config/target.
 *
 * Each LUN has a target of its own, with the LUN's serial number in its name, so that it is found
 * again without notes. A target lets in whom it has a folder in acls for, with the CHAP secret that
 * is in there, and nobody else: that folder is the last thing that is made, and the first that
 * goes.
 *
 * Each folder, link and attribute is made or changed at once, and what is there already is left:
 * so a call that was killed is finished by the next one.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "lunette/hex.h"
#include "lunette/json.h"
#include "lunette/random.h"
#include "lvm-thin.h"

#define ROOT   "/sys/kernel/config/target"
#define PREFIX "iqn.2026-11.lunette.snapshot:6001405"

/* IEEE's number of who made LIO: the beginning of its identities. */
#define COMPANY 0x001405u

#define PATH_SIZE 1024

/* ---- files ---- */

/* The text of a file, "" when it cannot be read. */
static void get(const char *dir, const char *file, char *ret, size_t size)
{
	char path[PATH_SIZE];
	snprintf(path, sizeof(path), "%s/%s", dir, file);
	CLEANUP(close_cleanup) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, ret, size - 1);
	ret[MAX(n, (ssize_t)0)] = '\0';
}

static int put(const char *dir, const char *file, const char *text, struct error *err)
{
	char path[PATH_SIZE];
	snprintf(path, sizeof(path), "%s/%s", dir, file);
	CLEANUP(close_cleanup) int fd = open(path, O_WRONLY | O_CLOEXEC);
	/* Not the text: it may be a secret. */
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return error_set(err, -errno, "LIO: write '%s': %m", path);
	return 0;
}

static bool is_on(const char *dir, const char *file)
{
	char text[8];
	get(dir, file, text, sizeof(text));
	return text[0] == '1';
}

static int make_dir(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int make_dir(struct error *err, const char *fmt, ...)
{
	char path[PATH_SIZE];
	va_list args;
	va_start(args, fmt);
	vsnprintf(path, sizeof(path), fmt, args);
	va_end(args);
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return error_set(err, -errno, "LIO: make '%s': %m", path);
	return 0;
}

static int make_link(const char *to, const char *dir, struct error *err)
{
	char path[PATH_SIZE];
	snprintf(path, sizeof(path), "%s/link", dir);
	if (symlink(to, path) < 0 && errno != EEXIST)
		return error_set(err, -errno, "LIO: link '%s' to '%s': %m", path, to);
	return 0;
}

/* Removes a folder, and the link in it if there is one. */
static int drop(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int drop(struct error *err, const char *fmt, ...)
{
	char path[PATH_SIZE], link[PATH_SIZE + 8];
	va_list args;
	va_start(args, fmt);
	vsnprintf(path, sizeof(path), fmt, args);
	va_end(args);
	snprintf(link, sizeof(link), "%s/link", path);
	unlink(link);
	if (rmdir(path) < 0 && errno != ENOENT)
		return error_set(err, -errno, "LIO: remove '%s': %m", path);
	return 0;
}

/* Calls @fn for each folder in @dir, until it returns what is not 0. */
static int each(const char *dir, int (*fn)(const char *dir, const char *name, void *arg), void *arg)
{
	DIR *d = opendir(dir);
	int rc = 0;
	for (struct dirent *e; d && rc == 0 && (e = readdir(d));)
		if (e->d_name[0] != '.' && e->d_type == DT_DIR)
			rc = fn(dir, e->d_name, arg);
	if (d)
		closedir(d);
	return rc;
}

/* ---- identities ---- */

int lio_new_serial(char ret[LIO_SERIAL_SIZE], struct error *err)
{
	uint8_t b[13];
	char text[2 * sizeof(b) + 1];
	int rc = random_bytes(b, sizeof(b), err);
	if (rc < 0)
		return rc;
	hex_text(b, sizeof(b), text);
	snprintf(ret, LIO_SERIAL_SIZE, "%.25s", text);
	return 0;
}

/*
 * NAA 6, the company's number, and the first 25 hexadecimal digits of the serial number, whatever
 * else is in between (spc_parse_naa_6h_vendor_specific() in the kernel).
 */
static void make_identity(unsigned int company, const char *serial, char ret[LIO_IDENTITY_SIZE])
{
	int len = snprintf(ret, LIO_IDENTITY_SIZE, "naa.6%06x", company & 0xffffff);
	for (; *serial && len < 4 + 32; serial++)
		if (hex_digit(*serial) >= 0)
			ret[len++] = (char)(*serial | 0x20);
	while (len < 4 + 32)
		ret[len++] = '0';
	ret[len] = '\0';
}

void lio_identity(const char *serial, char ret[LIO_IDENTITY_SIZE])
{
	make_identity(COMPANY, serial, ret);
}

struct search {
	const char *identity;
	struct thin device;
};

static int look_at_device(const char *dir, const char *name, void *arg)
{
	struct search *s = arg;
	char path[PATH_SIZE], text[1024], identity[LIO_IDENTITY_SIZE];
	unsigned int company = COMPANY;
	snprintf(path, sizeof(path), "%.700s/%.255s", dir, name);
	get(path, "wwn/company_id", text, sizeof(text));
	if (*text)
		company = (unsigned int)strtoul(text, NULL, 16);
	get(path, "wwn/vpd_unit_serial", text, sizeof(text));
	const char *serial = strchr(text, ':');
	if (!serial || !is_on(path, "enable"))
		return 0;
	make_identity(company, serial, identity);
	if (strcasecmp(identity, s->identity) != 0)
		return 0;
	get(path, "info", text, sizeof(text));
	const char *number = strstr(text, "Major: ");
	return number &&
	       sscanf(number, "Major: %u Minor: %u", &s->device.major, &s->device.minor) == 2;
}

static int look_at_hba(const char *dir, const char *name, void *arg)
{
	char path[PATH_SIZE];
	snprintf(path, sizeof(path), "%.700s/%.255s", dir, name);
	return strncmp(name, "iblock_", 7) == 0 ? each(path, look_at_device, arg) : 0;
}

int lio_find(const char *identity, struct thin *ret, struct error *err)
{
	struct search s = { .identity = identity };
	if (each(ROOT "/core", look_at_hba, &s) != 1)
		return error_set(err, -ENOENT,
				 "no block device that LIO shows has the identity '%s'", identity);
	*ret = s.device;
	return 0;
}

int lio_probe(struct error *err)
{
	if (access(ROOT "/core", W_OK) == 0)
		return 0;
	if (errno == ENOENT)
		return error_set(err, -ECONNREFUSED,
				 "LIO is not loaded: there is no '" ROOT "/core'");
	return error_set(err, -errno, "'" ROOT "/core': %m");
}

/* ---- the target ---- */

/**
 * struct place - where things of one LUN are
 * @hba: a number nobody else has is made of the serial
 */
struct place {
	char hba[64];
	char store[128];
	char target[128];
	char group[160];
};

static int place_of(const char *serial, struct place *ret, struct error *err)
{
	char number[8];
	if (strlen(serial) != LIO_SERIAL_SIZE - 1 ||
	    serial[strspn(serial, "0123456789abcdef")] != '\0')
		return error_set(err, -EBADMSG, "the LUN's tag with its serial number is damaged");
	snprintf(number, sizeof(number), "%.7s", serial);
	snprintf(ret->hba, sizeof(ret->hba), ROOT "/core/iblock_%lu", strtoul(number, NULL, 16));
	snprintf(ret->store, sizeof(ret->store), "%s/%s", ret->hba, serial);
	snprintf(ret->target, sizeof(ret->target), ROOT "/iscsi/" PREFIX "%s", serial);
	snprintf(ret->group, sizeof(ret->group), "%s/tpgt_1", ret->target);
	return 0;
}

static int make_store(const struct place *p, const char *serial, const char *device,
		      struct error *err)
{
	char control[300];
	int rc = make_dir(err, "%s", p->hba);
	if (rc == 0)
		rc = make_dir(err, "%s", p->store);
	if (rc < 0 || is_on(p->store, "enable"))
		return rc;
	snprintf(control, sizeof(control), "udev_path=%s", device);
	rc = put(p->store, "control", control, err);
	if (rc == 0)
		rc = put(p->store, "wwn/vpd_unit_serial", serial, err);
	return rc < 0 ? rc : put(p->store, "enable", "1", err);
}

/* Two sockets cannot have one port when one of them has all addresses; but it serves all targets.
 */
static int has_wildcard(const char *dir, const char *name, void *arg)
{
	char path[PATH_SIZE];
	const char *portal = arg;
	snprintf(path, sizeof(path), "%.300s/%.255s/tpgt_1/np/0.0.0.0%.100s", dir, name,
		 strrchr(portal, ':'));
	return access(path, F_OK) == 0;
}

static int make_portal(const struct place *p, char *portal, struct error *err)
{
	const char *port = strrchr(portal, ':');
	if (!port || strchr(portal, '/') || strlen(portal) > 80)
		return error_set(err, -EINVAL, "setting 'portal': '%s' is not ADDRESS:PORT",
				 portal);
	if (each(ROOT "/iscsi", has_wildcard, portal))
		return make_dir(err, "%s/np/0.0.0.0%s", p->group, port);
	return make_dir(err, "%s/np/%s", p->group, portal);
}

static int make_portals(const struct place *p, const char *portals, json_t *list, struct error *err)
{
	CLEANUP(free_cleanup) char *text = strdup(portals);
	char *next = text;
	int rc = text ? 0 : error_set(err, -ENOMEM, "%m");
	for (char *portal; rc == 0 && (portal = strsep(&next, ", "));)
		if (*portal) {
			rc = make_portal(p, portal, err);
			json_array_append_new(list, json_string(portal));
		}
	return rc;
}

static int make_target(const struct place *p, const char *portals, json_t *list, struct error *err)
{
	char lun[PATH_SIZE];
	snprintf(lun, sizeof(lun), "%s/lun/lun_0", p->group);
	int rc = make_dir(err, ROOT "/iscsi");
	if (rc == 0)
		rc = make_dir(err, "%s", p->target);
	if (rc == 0)
		rc = make_dir(err, "%s", p->group);
	if (rc == 0)
		rc = put(p->group, "attrib/authentication", "1", err);
	if (rc == 0)
		rc = put(p->group, "attrib/generate_node_acls", "0", err);
	if (rc == 0)
		rc = make_dir(err, "%s", lun);
	if (rc == 0)
		rc = make_link(p->store, lun, err);
	if (rc == 0)
		rc = make_portals(p, portals, list, err);
	if (rc == 0 && !is_on(p->group, "enable"))
		rc = put(p->group, "enable", "1", err);
	return rc;
}

static int let_in(const struct place *p, const char *initiator, struct error *err)
{
	char acl[PATH_SIZE], mapped[PATH_SIZE + 8], lun[PATH_SIZE];
	const char *user = plug_secret("chap_user"), *secret = plug_secret("chap_secret");
	snprintf(acl, sizeof(acl), "%s/acls/%s", p->group, initiator);
	snprintf(mapped, sizeof(mapped), "%s/lun_0", acl);
	snprintf(lun, sizeof(lun), "%s/lun/lun_0", p->group);
	int rc = make_dir(err, "%s", acl);
	if (rc == 0)
		rc = put(acl, "auth/userid", user, err);
	if (rc == 0)
		rc = put(acl, "auth/password", secret, err);
	if (rc == 0)
		rc = make_dir(err, "%s", mapped);
	return rc < 0 ? rc : make_link(lun, mapped, err);
}

int lio_map(const char *serial, const char *path, const char *portals, const char *initiator,
	    json_t **ret, struct error *err)
{
	struct place p;
	char identity[LIO_IDENTITY_SIZE];
	CLEANUP(json_decref_cleanup) json_t *list = json_array();
	if (!plug_secret("chap_user") || !plug_secret("chap_secret"))
		return error_set(err, -EKEYREJECTED,
				 "without the secrets chap_user and chap_secret nobody is let in");
	int rc = place_of(serial, &p, err);
	if (rc == 0)
		rc = make_store(&p, serial, path, err);
	if (rc == 0)
		rc = make_target(&p, portals, list, err);
	if (rc == 0)
		rc = let_in(&p, initiator, err);
	if (rc < 0)
		return rc;
	lio_identity(serial, identity);
	*ret = json_pack("{s:O, s:s, s:i, s:s, s:b}", "portals", list, "target",
			 strrchr(p.target, '/') + 1, "number", 0, "identity", identity, "chap",
			 true);
	return 0;
}

static int append(const char *dir, const char *name, void *arg)
{
	(void)dir;
	json_array_append_new(arg, json_string(name));
	return 0;
}

json_t *lio_initiators(const char *serial)
{
	struct place p;
	char dir[PATH_SIZE];
	json_t *list = json_array();
	if (place_of(serial, &p, NULL) < 0)
		return list;
	snprintf(dir, sizeof(dir), "%s/acls", p.group);
	each(dir, append, list);
	return list;
}

static int drop_portal(const char *dir, const char *name, void *arg)
{
	return drop(arg, "%s/%s", dir, name);
}

static int remove_all(const struct place *p, struct error *err)
{
	char portals[PATH_SIZE];
	int rc = 0;
	snprintf(portals, sizeof(portals), "%s/np", p->group);
	if (is_on(p->group, "enable"))
		rc = put(p->group, "enable", "0", err);
	if (rc == 0)
		rc = each(portals, drop_portal, err);
	if (rc == 0)
		rc = drop(err, "%s/lun/lun_0", p->group);
	if (rc == 0)
		rc = drop(err, "%s", p->group);
	if (rc == 0)
		rc = drop(err, "%s", p->target);
	if (rc == 0)
		rc = drop(err, "%s", p->store);
	return rc < 0 ? rc : drop(err, "%s", p->hba);
}

int lio_unmap(const char *serial, const char *initiator, struct error *err)
{
	struct place p;
	int rc = place_of(serial, &p, err);
	if (rc == 0)
		rc = drop(err, "%s/acls/%s/lun_0", p.group, initiator);
	/* The kernel ends the session with it. */
	if (rc == 0)
		rc = drop(err, "%s/acls/%s", p.group, initiator);
	CLEANUP(json_decref_cleanup) json_t *others = lio_initiators(serial);
	return rc < 0 || json_array_size(others) > 0 ? rc : remove_all(&p, err);
}

int lio_withdraw(const char *serial, struct error *err)
{
	struct place p;
	int rc = place_of(serial, &p, err);
	CLEANUP(json_decref_cleanup) json_t *initiators = lio_initiators(serial);
	if (rc == 0 && json_array_size(initiators) > 0)
		return error_set(err, -EISCONN, "'%s' may still reach it",
				 json_string_value(json_array_get(initiators, 0)));
	return rc < 0 ? rc : remove_all(&p, err);
}
