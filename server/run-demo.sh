#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# make run: the daemon on 127.0.0.1:8443 with the demo host; prints what to try.
build=$1
state=$2
mkdir -p "$state"
cat <<END
Starting the demo host; its state is kept in $state (remove it to start anew).
When it says "ready", try this in another terminal, from this folder:

  python3 tests/clients/first_session.py $state

or, with any XenAPI client, https://127.0.0.1:8443 as root with the password in
$state/initial-password.  Ctrl-C here ends it.

END
exec "$build/xenapi-memoryd" --state "$state" --listen 127.0.0.1:8443 \
    --backend sim --sim xen/demo.ini
