# SPDX-License-Identifier: BSD-2-Clause
# . tests/clients/call.sh STATE_DIR - a shell function that calls the daemon
#
# call MESSAGE ARG...  posts an XML-RPC call with curl over the Unix socket,
# where local root needs no password, and prints the values of the reply, one
# a line.  Arguments are sent as strings, which every type but bool accepts.
XM_STATE=${1:-build/run}

xm_post() {
	message=$1
	shift
	curl -s --unix-socket "$XM_STATE/socket" http://localhost/ -d "$(
		printf '<methodCall><methodName>%s</methodName><params>' \
		    "$message"
		[ $# -eq 0 ] || printf '<param><value>%s</value></param>' "$@"
		printf '</params></methodCall>'
	)" | sed 's/<\/value>/\n/g; s/<[^>]*>//g; s/^StatusSuccess//' |
	    sed 's/^Status//; s/^Success//; s/^Value//; s/^ErrorDescription//' |
	    grep -v '^$'
}
XM_SESSION=$(xm_post session.login_with_password root '')

call() {
	message=$1
	shift
	xm_post "$message" "$XM_SESSION" "$@"
}
