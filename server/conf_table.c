/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * conf_table - every option, text and limit, with what is said about it
 */

/* System */
#include <stddef.h>

/* Own */
#include "server/conf_priv.h"

const struct conf_option conf_options[CONF_NOPTIONS] = {
    [CONF_STATE] = {"state", "DIR",
	"database, certificates, accounts, socket; made if not there"},
    [CONF_LISTEN] = {"listen", "ADDR:PORT",
	"where to serve HTTPS; port 0: any that is free"},
    [CONF_BACKEND] = {"backend", "xen|sim",
	"this Xen host, or a simulated one; left out: xen where there "
	"is\n" CONF_PRIVCMD},
    [CONF_TAKE_OVER] = {"take-over", NULL,
	"xen: manage memory though xenopsd or squeezed run; they are only\n"
	"observed without it"},
    [CONF_BALANCE_BY] = {"balance-by", "proportional|available",
	"which guests give first when memory is needed: all alike, or those\n"
	"who say that they have the most available"},
    [CONF_SIM] = {"sim", "FILE", "sim: its hosts and guests (INI)"},
    [CONF_CONFIG] = {"config", "FILE", "texts, limits, time-outs (INI)"},
    [CONF_VERBOSE] = {"verbose", NULL, "log more"},
    [CONF_ADD_USER] = {"add-user", "NAME ROLE",
	"make an account, or give one a new password and role; the password\n"
	"is read from the terminal or standard input"},
    [CONF_DEL_USER] = {"del-user", "NAME",
	"remove an account, and end its sessions"},
    [CONF_LIST_USERS] = {"list-users", NULL, "names and roles"},
    [CONF_PRINT_MAN] = {"print-man", NULL, "the manual page, in roff"},
    [CONF_PRINT_CONFIG] = {"print-config", NULL,
	"the configuration file that is installed: every default, as comments"},
    [CONF_HELP_ME] = {"help", NULL, "this text"},
};

#define ROW(field, initial, min, max, doc)                                     \
	{                                                                      \
#field, offsetof(struct conf, field), initial, min, max, doc   \
	}

const struct conf_row conf_rows[] = {
    ROW(threads, 0, 0, CONF_THREADS_MAX,
	"event loops; 0: as many as there are processors"),
    ROW(connections, 10000, 1, 1000000, "TLS connections, all told"),
    ROW(connections_per_address, 1000, 1, 1000000,
	"TLS connections of one address (IPv6: of one /64)"),
    ROW(local_connections, 100, 1, 100000, "connections on DIR/socket"),
    ROW(body_bytes, 307200, 1024, 16777216, "longest body of a request"),
    ROW(bodies_bytes, 67108864, 1048576, INT64_C(1) << 40,
	"bodies that come in several pieces, all connections together"),
    ROW(header_bytes, 16384, 1024, 65536, "request line and headers"),
    ROW(headers, 100, 8, 1000, "headers of a request"),
    ROW(handshake_ms, 10000, 10, 600000, "time for the TLS handshake"),
    ROW(idle_ms, 300000, 10, 86400000, "time between two requests"),
    ROW(header_ms, 10000, 10, 600000,
	"time from a request's first byte to the end of its headers"),
    ROW(body_ms, 30000, 10, 600000,
	"time from the end of the headers to the end of the body"),
    ROW(write_ms, 30000, 10, 600000,
	"time in which a peer must take something of a reply"),
    ROW(reply_ms, 300000, 10, 86400000, "time for a whole reply"),
    ROW(linger_ms, 2000, 10, 60000,
	"time a peer has to close after our last byte"),
    ROW(call_bytes, 16777216, 65536, 1073741824,
	"memory of one call: arguments, result, failure"),
    ROW(reply_bytes, 33554432, 65536, 1073741824,
	"longest reply that is not a whole class of records"),
    ROW(sessions, 1000, 1, 100000,
	"sessions at a time; the idlest makes room for a new one"),
    ROW(sessions_per_user, 500, 1, 100000, "of them, of one user"),
    ROW(sessions_per_originator, 500, 1, 100000,
	"of them, of clients that call themselves the same"),
    ROW(sessions_anonymous, 400, 1, 100000,
	"of them, with neither user nor originator"),
    ROW(sessions_pool, 400, 1, 100000, "of them, of members of the pool"),
    ROW(calls_per_session, 1000, 1, 1000000,
	"calls of one session that wait or work"),
    ROW(calls_per_address, 1000, 1, 1000000,
	"calls of one address that wait or work"),
    ROW(event_waits_per_session, 1000, 1, 100000,
	"calls of one session that wait for events"),
    ROW(login_queue, 64, 1, 10000, "logins that wait for their check"),
    ROW(pam_ms, 20000, 100, 600000, "time for PAM to check a password"),
    ROW(hv_ms, 20000, 100, 600000,
	"time for the hypervisor process to say anything; then its calls\n"
	"fail, and the connection to it is made anew"),
    ROW(command_ms, 60000, 100, 3600000,
	"time for the hypervisor process to do what one call needs, beside\n"
	"what the guest takes; then that call fails"),
    ROW(stop_ms, 10000, 0, 600000,
	"time for running calls after SIGTERM, then they are cut off"),
};

const size_t conf_nrows = sizeof(conf_rows) / sizeof(conf_rows[0]);

#define TEXT(field, given, doc)                                                \
	{                                                                      \
#field, offsetof(struct conf, field), given, doc               \
	}

const struct conf_text conf_texts[] = {
    TEXT(listen, "0.0.0.0:443",
	"ADDR:PORT to serve HTTPS on; --listen counts more"),
    TEXT(backend, NULL, "xen or sim; --backend counts more"),
    TEXT(take_over, NULL,
	"yes: manage memory though xenopsd or squeezed run, as --take-over\n"
	"does; no: observe them"),
    TEXT(balance, NULL,
	"yes (or left out): free memory is shared out between the guests, "
	"each\n"
	"in its dynamic range, and taken back when somebody needs it; no: no\n"
	"guest's target is moved but by who sets its range, and who needs\n"
	"memory has what is free"),
    TEXT(balance_by, NULL,
	"proportional (or left out): each guest gets the same part of its\n"
	"dynamic range; available: those who say what they use\n"
	"(memory_stats_polling_interval) get that and a third more first"),
    TEXT(pam_service, NULL,
	"PAM service that checks users who are not in DIR/users; their role\n"
	"is that of their Unix groups, see [roles]; no first account is made"),
    TEXT(pam_confdir, NULL, "folder of its file, instead of /etc/pam.d"),
    TEXT(pool_secret_file, NULL,
	"holds the secret for session.slave_login; mode 0600, read at each\n"
	"login"),
    TEXT(client_ca_file, NULL,
	"PEM; a client certificate that it signed allows\n"
	"session.login_with_password with user and password both empty, for\n"
	"the role client-cert.  A certificate alone authorises no call, and\n"
	"with a name the password counts as ever"),
    TEXT(master, NULL,
	"address of the pool's coordinator: we are not it.  Who logs in or\n"
	"calls is told so (HOST_IS_SLAVE), but for local root and the pool"),
    TEXT(local_socket, NULL,
	"one more Unix socket for local root, say /var/lib/xcp/xapi"),
};

const size_t conf_ntexts = sizeof(conf_texts) / sizeof(conf_texts[0]);
