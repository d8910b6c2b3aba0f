#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Runs the shell script in the request's body; answers its output and then its
# exit status on a line of its own.
echo "Content-Type: text/plain"
echo
script=/tmp/run.$$
head -c "$CONTENT_LENGTH" >"$script"
cd /root || exit
sh "$script" 2>&1
status=$?
rm -f "$script"
echo
echo "exit $status"
