/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_FAULT_VFS_POWERCUT_H
#define TESTS_FAULT_VFS_POWERCUT_H

/*
 * vfs_powercut - a SQLite VFS whose disk fails, fills up, and loses power
 *
 * Files live in memory, each twice: as programs see it, and as the platter has
 * it.  A write, a truncation, a name made, changed or deleted is pending until
 * the file, or for names the folder, is synced.  A power cut keeps of what is
 * pending an arbitrary part: any subset of the operations, and of a write any
 * subset of its 512-byte sectors; where a file grew, its new size may be
 * there without the bytes.  Syncs are taken literally: syncing a file does
 * not sync its name (SQLite itself syncs the folder of a new journal).
 *
 * Every call of SQLite that reaches the disk is counted, so that a test can
 * let the Nth one fail, or cut the power just before it takes effect.  A sync
 * that fails drops what was pending, as Linux does: programs still see it, it
 * never reaches the platter, and the next sync succeeds.
 *
 * BUGS one folder; one connection at a time (locks are not modelled); one
 * thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VFS_POWERCUT_NAME "powercut"

/*
 * vfs_powercut_start - an empty disk, registered as VFS_POWERCUT_NAME
 *
 * in      seed  of all that is arbitrary
 */
void vfs_powercut_start(uint64_t seed);

/*
 * vfs_powercut_stop - free the disk
 */
void vfs_powercut_stop(void);

/*
 * vfs_powercut_calls - disk calls since the start, or the last reboot
 */
uint64_t vfs_powercut_calls(void);

/*
 * vfs_powercut_cut_at - the power goes at that call, counted from now; 0: never
 * vfs_powercut_cut - it goes now
 * vfs_powercut_is_off - has it gone?  Until the reboot every call fails
 * vfs_powercut_reboot - the platter is all there is; connections are closed
 */
void vfs_powercut_cut_at(uint64_t call);
void vfs_powercut_cut(void);
bool vfs_powercut_is_off(void);
void vfs_powercut_reboot(void);

/*
 * vfs_powercut_fail_at - calls from..to, counted from now, give an I/O error
 *
 * in      from  0: none fails
 */
void vfs_powercut_fail_at(uint64_t from, uint64_t to);

/*
 * vfs_powercut_failed - has a call failed since?
 */
bool vfs_powercut_failed(void);

/*
 * vfs_powercut_room - bytes by which files may still grow; -1: no limit
 */
void vfs_powercut_room(int64_t bytes);

/*
 * vfs_powercut_bytes - length of a file as programs see it; -1: none
 */
int64_t vfs_powercut_bytes(const char *name);

/*
 * vfs_powercut_publish - options.publish of jrn_sqlite on this disk
 */
int vfs_powercut_publish(const char *from, const char *to);

#endif
