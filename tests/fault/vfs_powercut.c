/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vfs_powercut - a SQLite VFS whose disk fails, fills up, and loses power
 *
 * The methods that SQLite calls: each counts, fails when told to, and leaves
 * the rest to vfs_disk.
 */

/* System */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

/* Own */
#include "tests/fault/vfs_disk.h"
#include "tests/fault/vfs_powercut.h"

struct file {
	sqlite3_file base; /* first */
	struct vfs_inode *inode;
	char name[VFS_NAME_BYTES];
	bool sync_folder; /* a new journal: its first sync syncs the folder */
	bool shm_mapped;
	bool delete_on_close;
};

/* ---- calls, faults ---- */

/* call_fails - count a disk call; vfs_disk_must it fail? */
static bool
call_fails(void)
{
	if (vfs_disk.off)
		return true;
	vfs_disk.calls++;
	if (vfs_disk.calls == vfs_disk.cut_at) {
		vfs_powercut_cut();
		return true;
	}
	if (vfs_disk.calls >= vfs_disk.fail_from &&
	    vfs_disk.calls <= vfs_disk.fail_to) {
		vfs_disk.failed = true;
		return true;
	}
	return false;
}

/* take_room - room for a file to grow to end; how much of n fits is cut */
static bool
take_room(struct vfs_inode *i, size_t offset, size_t *n)
{
	size_t end = offset + *n;
	int64_t more = end > i->seen.n ? (int64_t)(end - i->seen.n) : 0;

	if (vfs_disk.room < 0 || more <= vfs_disk.room) {
		if (vfs_disk.room >= 0)
			vfs_disk.room -= more;
		return true;
	}
	end -= (size_t)(more - vfs_disk.room); /* the part that fits */
	*n = end > offset ? end - offset : 0;
	vfs_disk.room = 0;
	return false;
}

/* ---- sqlite3_io_methods ---- */

/* file_of - our file behind SQLite's */
static struct file *
file_of(sqlite3_file *f)
{
	return (struct file *)f;
}

static int
io_close(sqlite3_file *base)
{
	struct file *f = file_of(base);

	if (f->delete_on_close && !vfs_disk.off)
		vfs_disk_name(f->name, NULL);
	return SQLITE_OK;
}

static int
io_read(sqlite3_file *base, void *to, int n, sqlite3_int64 offset)
{
	const struct vfs_bytes *b = &file_of(base)->inode->seen;
	size_t at = (size_t)offset, got = 0;

	if (call_fails())
		return SQLITE_IOERR_READ;
	if (at < b->n)
		got = b->n - at < (size_t)n ? b->n - at : (size_t)n;
	if (got > 0)
		memcpy(to, b->p + at, got);
	memset((char *)to + got, 0, (size_t)n - got);
	return got == (size_t)n ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int
io_write(sqlite3_file *base, const void *from, int n, sqlite3_int64 offset)
{
	struct vfs_inode *i = file_of(base)->inode;
	size_t bytes = (size_t)n;
	bool fits;

	if (call_fails())
		return SQLITE_IOERR_WRITE;
	fits = take_room(i, (size_t)offset, &bytes);
	if (bytes > 0)
		vfs_disk_pend(i, (size_t)offset, from, bytes);
	return fits ? SQLITE_OK : SQLITE_FULL;
}

static int
io_truncate(sqlite3_file *base, sqlite3_int64 bytes)
{
	struct vfs_inode *i = file_of(base)->inode;

	if (call_fails())
		return SQLITE_IOERR_TRUNCATE;
	if (vfs_disk.room >= 0 && i->seen.n > (size_t)bytes)
		vfs_disk.room += (int64_t)i->seen.n - bytes;
	vfs_disk_pend(i, (size_t)bytes, NULL, 0);
	return SQLITE_OK;
}

static int
io_sync(sqlite3_file *base, int flags)
{
	struct file *f = file_of(base);

	(void)flags; /* full and normal are the same here */
	if (call_fails()) {
		if (!vfs_disk.off)
			vfs_disk_settle(f->inode, VFS_FATE_LOST);
		return SQLITE_IOERR_FSYNC;
	}
	vfs_disk_settle(f->inode, VFS_FATE_SYNCED);
	if (f->sync_folder) {
		if (call_fails())
			return SQLITE_IOERR_DIR_FSYNC;
		vfs_disk_names_settle(true);
		f->sync_folder = false;
	}
	return SQLITE_OK;
}

static int
io_size(sqlite3_file *base, sqlite3_int64 *bytes_out)
{
	if (call_fails())
		return SQLITE_IOERR_FSTAT;
	*bytes_out = (sqlite3_int64)file_of(base)->inode->seen.n;
	return SQLITE_OK;
}

static int
io_lock(sqlite3_file *base, int level)
{
	(void)base;
	(void)level;
	return vfs_disk.off ? SQLITE_IOERR_LOCK : SQLITE_OK;
}

static int
io_unlock(sqlite3_file *base, int level)
{
	(void)base;
	(void)level;
	return SQLITE_OK;
}

static int
io_reserved(sqlite3_file *base, int *out)
{
	(void)base;
	*out = 0;
	return SQLITE_OK;
}

static int
io_control(sqlite3_file *base, int op, void *arg)
{
	(void)base;
	if (op != SQLITE_FCNTL_POWERSAFE_OVERWRITE)
		return SQLITE_NOTFOUND;
	*(int *)arg = 1;
	return SQLITE_OK;
}

static int
io_sector(sqlite3_file *base)
{
	(void)base;
	return (int)VFS_SECTOR_BYTES;
}

static int
io_characteristics(sqlite3_file *base)
{
	(void)base;
	return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int
io_shm_map(
    sqlite3_file *base, int region, int bytes, int extend, void volatile **out)
{
	struct file *f = file_of(base);
	struct vfs_inode *i = f->inode;

	*out = NULL;
	if (call_fails() || region >= VFS_SHM_REGIONS)
		return SQLITE_IOERR_SHMMAP;
	if (!f->shm_mapped) {
		f->shm_mapped = true;
		i->shm_users++;
	}
	if (i->shm[region] == NULL && extend) {
		if (vfs_disk.room >= 0 && vfs_disk.room < bytes)
			return SQLITE_IOERR_SHMSIZE;
		i->shm[region] = vfs_disk_must(calloc(1, (size_t)bytes));
		i->shm_bytes = bytes;
		if (vfs_disk.room >= 0)
			vfs_disk.room -= bytes;
	}
	*out = i->shm[region];
	return SQLITE_OK;
}

static int
io_shm_lock(sqlite3_file *base, int offset, int n, int flags)
{
	(void)base;
	(void)offset;
	(void)n;
	(void)flags;
	return vfs_disk.off ? SQLITE_IOERR_SHMLOCK : SQLITE_OK;
}

static void
io_shm_barrier(sqlite3_file *base)
{
	(void)base;
}

static int
io_shm_unmap(sqlite3_file *base, int delete)
{
	struct file *f = file_of(base);
	int r;

	(void)delete; /* the next opener starts afresh in any case */
	if (!f->shm_mapped)
		return SQLITE_OK;
	f->shm_mapped = false;
	if (--f->inode->shm_users > 0)
		return SQLITE_OK;
	for (r = 0; r < VFS_SHM_REGIONS; r++)
		if (f->inode->shm[r] != NULL && vfs_disk.room >= 0)
			vfs_disk.room += f->inode->shm_bytes;
	vfs_disk_shm_drop(f->inode);
	return SQLITE_OK;
}

static const sqlite3_io_methods io_methods = {
    .iVersion = 2,
    .xClose = io_close,
    .xRead = io_read,
    .xWrite = io_write,
    .xTruncate = io_truncate,
    .xSync = io_sync,
    .xFileSize = io_size,
    .xLock = io_lock,
    .xUnlock = io_unlock,
    .xCheckReservedLock = io_reserved,
    .xFileControl = io_control,
    .xSectorSize = io_sector,
    .xDeviceCharacteristics = io_characteristics,
    .xShmMap = io_shm_map,
    .xShmLock = io_shm_lock,
    .xShmBarrier = io_shm_barrier,
    .xShmUnmap = io_shm_unmap,
};

/* ---- sqlite3_vfs ---- */

static int
vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags,
    int *flags_out)
{
	struct file *f = file_of(base);
	struct vfs_inode *i;

	(void)vfs;
	memset(f, 0, sizeof *f);
	if (call_fails())
		return SQLITE_CANTOPEN;
	(void)sqlite3_snprintf(
	    VFS_NAME_BYTES, f->name, "%s", name == NULL ? "temporary" : name);
	i = vfs_disk_find(f->name);
	if (i == NULL) {
		if ((flags & SQLITE_OPEN_CREATE) == 0)
			return SQLITE_CANTOPEN;
		i = vfs_disk_new();
		vfs_disk_name(f->name, i);
	}
	f->inode = i;
	f->sync_folder = (flags & SQLITE_OPEN_CREATE) != 0 &&
			 (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL |
				      SQLITE_OPEN_SUPER_JOURNAL)) != 0;
	f->delete_on_close = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
	f->base.pMethods = &io_methods;
	if (flags_out != NULL)
		*flags_out = flags;
	return SQLITE_OK;
}

static int
vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_folder)
{
	struct vfs_inode *i = vfs_disk_find(name);

	(void)vfs;
	if (call_fails())
		return SQLITE_IOERR_DELETE;
	if (i == NULL)
		return SQLITE_IOERR_DELETE_NOENT;
	if (vfs_disk.room >= 0)
		vfs_disk.room += (int64_t)i->seen.n;
	vfs_disk_name(name, NULL);
	if (!sync_folder)
		return SQLITE_OK;
	if (call_fails())
		return SQLITE_IOERR_DIR_FSYNC;
	vfs_disk_names_settle(true);
	return SQLITE_OK;
}

static int
vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
	struct vfs_inode *i = vfs_disk_find(name);

	(void)vfs;
	if (call_fails())
		return SQLITE_IOERR_ACCESS;
	*out = i != NULL && (flags != SQLITE_ACCESS_EXISTS || i->seen.n > 0);
	return SQLITE_OK;
}

static int
vfs_full_path(sqlite3_vfs *vfs, const char *name, int n, char *out)
{
	(void)vfs;
	(void)sqlite3_snprintf(n, out, "%s", name);
	return SQLITE_OK;
}

static int
vfs_randomness(sqlite3_vfs *vfs, int n, char *out)
{
	int i;

	(void)vfs;
	for (i = 0; i < n; i++)
		out[i] =
		    (char)(vfs_disk_chance(2) << 7 | vfs_disk_chance(2) << 5 |
			   vfs_disk_chance(2) << 3 | vfs_disk_chance(2) << 1 |
			   vfs_disk_chance(2));
	return n;
}

static int
vfs_sleep(sqlite3_vfs *vfs, int microseconds)
{
	(void)vfs;
	return microseconds;
}

static int
vfs_time(sqlite3_vfs *vfs, double *out)
{
	(void)vfs;
	*out = 2460000.5;
	return SQLITE_OK;
}

static sqlite3_vfs vfs_powercut = {
    .iVersion = 1,
    .szOsFile = sizeof(struct file),
    .mxPathname = VFS_NAME_BYTES - 1,
    .zName = VFS_POWERCUT_NAME,
    .xOpen = vfs_open,
    .xDelete = vfs_delete,
    .xAccess = vfs_access,
    .xFullPathname = vfs_full_path,
    .xRandomness = vfs_randomness,
    .xSleep = vfs_sleep,
    .xCurrentTime = vfs_time,
};

/* ---- what tests call ---- */

void
vfs_powercut_start(uint64_t seed)
{
	memset(&vfs_disk, 0, sizeof vfs_disk);
	vfs_disk.random = seed;
	vfs_disk.room = -1;
	vfs_disk.pending_end = &vfs_disk.pending;
	if (sqlite3_vfs_register(&vfs_powercut, 0) != SQLITE_OK)
		abort();
}

uint64_t
vfs_powercut_calls(void)
{
	return vfs_disk.calls;
}

void
vfs_powercut_cut_at(uint64_t call)
{
	vfs_disk.cut_at = call == 0 ? 0 : vfs_disk.calls + call;
}

bool
vfs_powercut_is_off(void)
{
	return vfs_disk.off;
}

void
vfs_powercut_fail_at(uint64_t from, uint64_t to)
{
	vfs_disk.failed = false;
	vfs_disk.fail_from = from == 0 ? 0 : vfs_disk.calls + from;
	vfs_disk.fail_to = from == 0 ? 0
			   : to > UINT64_MAX - vfs_disk.calls
			       ? UINT64_MAX
			       : vfs_disk.calls + to;
}

bool
vfs_powercut_failed(void)
{
	return vfs_disk.failed;
}

void
vfs_powercut_room(int64_t bytes)
{
	vfs_disk.room = bytes;
}

int64_t
vfs_powercut_bytes(const char *name)
{
	struct vfs_inode *i = vfs_disk_find(name);

	return i == NULL ? -1 : (int64_t)i->seen.n;
}

int
vfs_powercut_publish(const char *from, const char *to)
{
	struct vfs_inode *i = vfs_disk_find(from);

	errno = EIO;
	if (call_fails() || i == NULL)
		return -1;
	vfs_disk_name(to, i);
	vfs_disk_name(from, NULL);
	if (call_fails())
		return -1;
	vfs_disk_names_settle(true);
	return 0;
}
