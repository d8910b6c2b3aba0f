/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_FAULT_VFS_DISK_H
#define TESTS_FAULT_VFS_DISK_H

/*
 * vfs_disk - the disk under vfs_powercut: what is seen and what is safe
 *
 * The platter is not kept as a second disk but as inodes that each hold the
 * bytes seen, the bytes safe, and the list of pending operations between the
 * two; names likewise.  A sync replays the list onto the safe bytes, a power
 * cut replays a part of it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VFS_NAME_BYTES 256
#define VFS_SECTOR_BYTES ((size_t)512)
#define VFS_SHM_REGIONS 64

/* Growing bytes. */
struct vfs_bytes {
	unsigned char *p;
	size_t n;
};

/* A write, or with data == NULL a truncation to offset. */
struct vfs_op {
	struct vfs_op *next;
	size_t offset, n;
	unsigned char *data;
};

struct vfs_inode {
	struct vfs_inode *next;
	struct vfs_bytes seen, safe;
	struct vfs_op *pending, **pending_end;
	unsigned char *shm[VFS_SHM_REGIONS];
	int shm_bytes, shm_users;
};

/* A name, or with inode == NULL its absence. */
struct vfs_name {
	struct vfs_name *next;
	char name[VFS_NAME_BYTES];
	struct vfs_inode *inode;
};

struct vfs_disk {
	uint64_t random;
	uint64_t calls, cut_at, fail_from, fail_to;
	int64_t room;
	bool off, failed;
	struct vfs_inode *inodes;
	struct vfs_name *seen, *safe;		 /* by name, in no order */
	struct vfs_name *pending, **pending_end; /* oldest first */
};

/* What becomes of pending operations. */
enum vfs_fate { VFS_FATE_SYNCED, VFS_FATE_CUT, VFS_FATE_LOST };

extern struct vfs_disk vfs_disk;

/*
 * vfs_disk_must - memory that the tests cannot do without
 */
void *vfs_disk_must(void *p);

/*
 * vfs_disk_chance - true once in n times
 */
bool vfs_disk_chance(uint64_t n);

/*
 * vfs_disk_name - change the folder as seen; pending until it is synced
 *
 * in      inode  NULL: the name goes
 */
void vfs_disk_name(const char *name, struct vfs_inode *inode);

/*
 * vfs_disk_names_settle - pending names reach the platter: all, or some
 */
void vfs_disk_names_settle(bool all);

/*
 * vfs_disk_find - the file under a name as seen; NULL: none
 */
struct vfs_inode *vfs_disk_find(const char *name);

/*
 * vfs_disk_new - an empty file without a name
 */
struct vfs_inode *vfs_disk_new(void);

/*
 * vfs_disk_pend - change a file as seen; pending until it is synced
 *
 * in      data  n bytes to write; NULL: truncate to the offset
 */
void vfs_disk_pend(
    struct vfs_inode *i, size_t offset, const void *data, size_t n);

/*
 * vfs_disk_settle - the end of all that is pending in a file
 */
void vfs_disk_settle(struct vfs_inode *i, enum vfs_fate fate);

/*
 * vfs_disk_shm_drop - forget the shared memory of a file
 */
void vfs_disk_shm_drop(struct vfs_inode *i);

#endif
