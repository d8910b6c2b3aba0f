/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef XEN_HV_XEN_ID_H
#define XEN_HV_XEN_ID_H

/*
 * hv_xen_id - who this host is, which boot of it this is, and who else is here
 *
 * The host's uuid is, first that is there: what the toolstack of XenServer and
 * XCP-ng gave it (/etc/xensource-inventory), one made from /etc/machine-id,
 * from the machine's own product_uuid, from its name.  It is made by a one-way
 * mix: a machine-id is not to be shown.  dom0's uuid comes from the same places
 * (its own inventory line, else from the host's).
 *
 * The boot of Xen is recognised by dom0's boot_id: Xen and its dom0 come and
 * go together, and no dom0 has the same twice.
 *
 * DIAGNOSTICS none.
 * BUGS two machines cloned with their machine-id are one host to us.
 */

#include "xen/hv_xen.h"

/*
 * hv_xen_names_read - names of this host
 *
 * in      root  before every path: "" outside tests
 */
void hv_xen_names_read(struct hv_xen_names *names_out, const char *root);

/*
 * hv_xen_rival_find - who else manages this host's memory
 *
 * in      proc  the folder of processes: a char *
 * returns a program's name; NULL: nobody
 */
const char *hv_xen_rival_find(void *proc);

#endif
