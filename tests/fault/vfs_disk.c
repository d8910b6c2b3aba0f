/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vfs_disk - the disk under vfs_powercut: what is seen and what is safe
 */

/* System */
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

/* Own */
#include "tests/fault/vfs_disk.h"
#include "tests/fault/vfs_powercut.h"

struct vfs_disk vfs_disk;

/* ---- small tools ---- */

/* vfs_disk_must - memory that the tests cannot do without */
void *
vfs_disk_must(void *p)
{
	if (p == NULL)
		abort();
	return p;
}

/* vfs_disk_chance - true once in n times; splitmix64 */
bool
vfs_disk_chance(uint64_t n)
{
	uint64_t z = vfs_disk.random += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (z ^ z >> 31) % n == 0;
}

/* bytes_resize - cut short, or grow with zeros */
static void
bytes_resize(struct vfs_bytes *b, size_t n)
{
	if (n > b->n) {
		b->p = vfs_disk_must(realloc(b->p, n));
		memset(b->p + b->n, 0, n - b->n);
	}
	b->n = n;
}

/* bytes_put - write, growing where needed */
static void
bytes_put(
    struct vfs_bytes *b, size_t offset, const unsigned char *data, size_t n)
{
	if (offset + n > b->n)
		bytes_resize(b, offset + n);
	if (n > 0)
		memcpy(b->p + offset, data, n);
}

/* ---- names ---- */

/* name_find - the place of a name in a list, or where it would be added */
static struct vfs_name **
name_find(struct vfs_name **list, const char *name)
{
	while (*list != NULL && strcmp((*list)->name, name) != 0)
		list = &(*list)->next;
	return list;
}

/* name_apply - one change of the folder, to a list of what is there */
static void
name_apply(struct vfs_name **list, const char *name, struct vfs_inode *inode)
{
	struct vfs_name **at = name_find(list, name), *old = *at;

	if (old == NULL) {
		if (inode == NULL)
			return;
		*at = vfs_disk_must(calloc(1, sizeof **at));
		(void)sqlite3_snprintf(VFS_NAME_BYTES, (*at)->name, "%s", name);
	}
	if (inode == NULL) {
		*at = old->next;
		free(old);
	} else {
		(*at)->inode = inode;
	}
}

/* vfs_disk_name - change the folder as seen; pending until it is synced */
void
vfs_disk_name(const char *name, struct vfs_inode *inode)
{
	struct vfs_name *op = vfs_disk_must(calloc(1, sizeof *op));

	name_apply(&vfs_disk.seen, name, inode);
	(void)sqlite3_snprintf(VFS_NAME_BYTES, op->name, "%s", name);
	op->inode = inode;
	*vfs_disk.pending_end = op;
	vfs_disk.pending_end = &op->next;
}

/* names_drop - free a list */
static void
names_drop(struct vfs_name **list)
{
	struct vfs_name *n;

	while ((n = *list) != NULL) {
		*list = n->next;
		free(n);
	}
}

/* vfs_disk_names_settle - pending changes reach the platter: all, or some */
void
vfs_disk_names_settle(bool all)
{
	struct vfs_name *op;

	for (op = vfs_disk.pending; op != NULL; op = op->next)
		if (all || vfs_disk_chance(2))
			name_apply(&vfs_disk.safe, op->name, op->inode);
	names_drop(&vfs_disk.pending);
	vfs_disk.pending_end = &vfs_disk.pending;
}

/* vfs_disk_find - the file under a name as seen; NULL: none */
struct vfs_inode *
vfs_disk_find(const char *name)
{
	struct vfs_name *n = *name_find(&vfs_disk.seen, name);

	return n == NULL ? NULL : n->inode;
}

/* ---- inodes ---- */

/* vfs_disk_new - an empty file without a name */
struct vfs_inode *
vfs_disk_new(void)
{
	struct vfs_inode *i = vfs_disk_must(calloc(1, sizeof *i));

	i->pending_end = &i->pending;
	i->next = vfs_disk.inodes;
	vfs_disk.inodes = i;
	return i;
}

/* vfs_disk_shm_drop - forget the shared memory of a file */
void
vfs_disk_shm_drop(struct vfs_inode *i)
{
	int r;

	for (r = 0; r < VFS_SHM_REGIONS; r++) {
		free(i->shm[r]);
		i->shm[r] = NULL;
	}
	i->shm_users = 0;
}

/* vfs_disk_pend - change a file as seen; pending until it is synced */
void
vfs_disk_pend(struct vfs_inode *i, size_t offset, const void *data, size_t n)
{
	struct vfs_op *op = vfs_disk_must(calloc(1, sizeof *op));

	op->offset = offset;
	op->n = n;
	if (data != NULL) {
		op->data = vfs_disk_must(malloc(n));
		memcpy(op->data, data, n);
		bytes_put(&i->seen, offset, data, n);
	} else {
		bytes_resize(&i->seen, offset);
	}
	*i->pending_end = op;
	i->pending_end = &op->next;
}

/* op_tear - a write reaches the platter sector by sector, or not */
static void
op_tear(struct vfs_inode *i, const struct vfs_op *op)
{
	size_t at = op->offset, end = op->offset + op->n, n;

	if (end > i->safe.n && vfs_disk_chance(3))
		bytes_resize(&i->safe, end); /* the size got there */
	for (; at < end; at += n) {
		n = VFS_SECTOR_BYTES - at % VFS_SECTOR_BYTES;
		if (n > end - at)
			n = end - at;
		if (vfs_disk_chance(2))
			bytes_put(
			    &i->safe, at, op->data + (at - op->offset), n);
	}
}

/* op_settle - one pending operation at a power cut: all, none, or torn */
static void
op_settle(struct vfs_inode *i, const struct vfs_op *op)
{
	if (vfs_disk_chance(3))
		return;
	if (op->data == NULL)
		bytes_resize(&i->safe, op->offset);
	else if (vfs_disk_chance(2))
		bytes_put(&i->safe, op->offset, op->data, op->n);
	else
		op_tear(i, op);
}

/* vfs_disk_settle - the end of all that is pending */
void
vfs_disk_settle(struct vfs_inode *i, enum vfs_fate fate)
{
	struct vfs_op *op;

	while ((op = i->pending) != NULL) {
		if (fate == VFS_FATE_CUT)
			op_settle(i, op);
		else if (fate == VFS_FATE_SYNCED && op->data == NULL)
			bytes_resize(&i->safe, op->offset);
		else if (fate == VFS_FATE_SYNCED)
			bytes_put(&i->safe, op->offset, op->data, op->n);
		i->pending = op->next;
		free(op->data);
		free(op);
	}
	i->pending_end = &i->pending;
}

/* inode_free - the inode, wherever it is in the list */
static void
inode_free(struct vfs_inode *i)
{
	vfs_disk_settle(i, VFS_FATE_LOST);
	vfs_disk_shm_drop(i);
	free(i->seen.p);
	free(i->safe.p);
	free(i);
}

void
vfs_powercut_cut(void)
{
	struct vfs_inode *i;

	if (vfs_disk.off)
		return;
	vfs_disk.off = true;
	vfs_disk_names_settle(false);
	for (i = vfs_disk.inodes; i != NULL; i = i->next)
		vfs_disk_settle(i, VFS_FATE_CUT);
}

void
vfs_powercut_reboot(void)
{
	struct vfs_inode *i, **at = &vfs_disk.inodes;
	struct vfs_name *n;

	vfs_powercut_cut();
	names_drop(&vfs_disk.seen);
	for (n = vfs_disk.safe; n != NULL; n = n->next)
		name_apply(&vfs_disk.seen, n->name, n->inode);
	while ((i = *at) != NULL) {
		for (n = vfs_disk.safe; n != NULL && n->inode != i; n = n->next)
			;
		if (n == NULL) {
			*at = i->next;
			inode_free(i);
			continue;
		}
		vfs_disk_shm_drop(i);
		i->seen.n = 0;
		bytes_put(&i->seen, 0, i->safe.p, i->safe.n);
		at = &i->next;
	}
	vfs_disk.off = vfs_disk.failed = false;
	vfs_disk.calls = vfs_disk.cut_at = vfs_disk.fail_from =
	    vfs_disk.fail_to = 0;
}

void
vfs_powercut_stop(void)
{
	struct vfs_inode *i;

	(void)sqlite3_vfs_unregister(/* cannot fail */
	    sqlite3_vfs_find(VFS_POWERCUT_NAME));
	names_drop(&vfs_disk.seen);
	names_drop(&vfs_disk.safe);
	names_drop(&vfs_disk.pending);
	while ((i = vfs_disk.inodes) != NULL) {
		vfs_disk.inodes = i->next;
		inode_free(i);
	}
}
