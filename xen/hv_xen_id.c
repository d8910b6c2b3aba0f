/* SPDX-License-Identifier: BSD-2-Clause */

/* System */
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Model */
#include "model/idl.h"

/* Own */
#include "xen/hv_uuid.h"
#include "xen/hv_xen_id.h"

/* ---- files of one line ---- */

/* line_of - the first line of a file that begins so, without that */
static bool
line_of(const char *root, const char *path, const char *begin, char *line,
    size_t bytes)
{
	char full[4096], text[512];
	bool found = false;
	FILE *f;

	(void)snprintf(full, sizeof full, "%s%s", root, path);
	f = fopen(full, "re");
	if (f == NULL)
		return false;
	while (!found && fgets(text, sizeof text, f) != NULL) {
		text[strcspn(text, "\r\n")] = '\0';
		found = strncmp(text, begin, strlen(begin)) == 0;
	}
	(void)fclose(f);
	if (found)
		(void)snprintf(line, bytes, "%s", text + strlen(begin));
	return found && line[0] != '\0';
}

/* inventory - a uuid in quotes, as XenServer's inventory has it */
static bool
inventory(const char *root, const char *begin, struct hv_uuid *u_out)
{
	char line[128];

	if (!line_of(
		root, "/etc/xensource-inventory", begin, line, sizeof line))
		return false;
	line[strcspn(line, "'")] = '\0';
	return hv_uuid_parse(line, u_out);
}

/* ---- names ---- */

/* host_uuid - the first source that there is */
static struct hv_uuid
host_uuid(const char *root, const char *name)
{
	struct hv_uuid u;
	char line[128];

	if (inventory(root, "INSTALLATION_UUID='", &u))
		return u;
	if (line_of(root, "/etc/machine-id", "", line, sizeof line) &&
	    strcmp(line, "uninitialized") != 0)
		return hv_uuid_of_name("machine", line);
	if (line_of(
		root, "/sys/class/dmi/id/product_uuid", "", line, sizeof line))
		return hv_uuid_of_name("product", line);
	return hv_uuid_of_name("host", name);
}

/* dom0_uuid - the inventory's, else one that goes with the host's */
static struct hv_uuid
dom0_uuid(const char *root, const struct hv_uuid *host)
{
	const struct idl_ref ref = {.hi = host->hi, .lo = host->lo};
	char text[IDL_UUID_TEXT];
	struct hv_uuid u;

	if (inventory(root, "CONTROL_DOMAIN_UUID='", &u))
		return u;
	idl_uuid_write(&ref, text);
	return hv_uuid_of_name("dom0", text);
}

/* epoch - of this boot; should there be no boot_id, the second it began in */
static struct hv_uuid
epoch(const char *root)
{
	struct hv_uuid u;
	char line[128];

	if (line_of(root, "/proc/sys/kernel/random/boot_id", "", line,
		sizeof line) &&
	    hv_uuid_parse(line, &u))
		return u;
	if (!line_of(root, "/proc/stat", "btime ", line, sizeof line))
		line[0] = '\0';
	return hv_uuid_of_name("boot", line);
}

void
hv_xen_names_read(struct hv_xen_names *n, const char *root)
{
	memset(n, 0, sizeof *n);
	if (gethostname(n->name, sizeof n->name - 1) != 0 ||
	    n->name[0] == '\0' || !hv_utf8_ok(n->name, strlen(n->name)))
		(void)snprintf(n->name, sizeof n->name, "localhost");
	n->host = host_uuid(root, n->name);
	n->dom0 = dom0_uuid(root, &n->host);
	n->epoch = epoch(root);
}

/* ---- others ---- */

/* name_in - one of those we look for, by a process's name; NULL */
static const char *
name_in(const char *comm)
{
	static const char *const rivals[] = {
	    "squeezed", "xenopsd-xc", "xenopsd"};

	for (size_t i = 0; i < sizeof rivals / sizeof rivals[0]; i++)
		if (strcmp(comm, rivals[i]) == 0)
			return rivals[i];
	return NULL;
}

const char *
hv_xen_rival_find(void *proc)
{
	const char *found = NULL;
	char path[300], comm[64];
	struct dirent *e;
	DIR *dir = opendir(proc);

	if (dir == NULL)
		return NULL;
	while (found == NULL && (e = readdir(dir)) != NULL) {
		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		(void)snprintf(path, sizeof path, "/%s/comm", e->d_name);
		if (line_of(proc, path, "", comm, sizeof comm))
			found = name_in(comm);
	}
	(void)closedir(dir);
	return found;
}
