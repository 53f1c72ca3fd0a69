#!/bin/sh
# Runs an application and leaves its exit code in a file when it has ended, so that a sidecar knows that no line will follow.
#   sidecar-wrap FILE COMMAND [ARGUMENT…]
# Signals go on to the application, which begins with INT and QUIT ignored, as every command that a shell runs beside
# itself. The exit code is the application's own; 128 + N if signal N ended it.
if [ $# -lt 2 ]; then
    echo 'usage: sidecar-wrap FILE COMMAND [ARGUMENT...]' >&2
    exit 2
fi
tombstone=$1
shift
rm -f "$tombstone"
application=''
early=''
pass_on() {
    if [ -n "$application" ]; then kill -s "$1" "$application" 2>/dev/null; else early=$1; fi
}
for name in TERM INT HUP QUIT USR1 USR2; do
    # shellcheck disable=SC2064
    trap "pass_on $name" "$name"
done
# A command beside the shell would have no standard input; this keeps the one that there is.
exec 3<&0
"$@" <&3 3<&- &
application=$!
exec 3<&-
[ -z "$early" ] || pass_on "$early"
# A signal ends a wait early; the next one goes on, until the application has really ended.
while :; do
    wait "$application"
    code=$?
    kill -0 "$application" 2>/dev/null || break
done
(umask 022 && echo "$code" >"$tombstone.new" && mv -f "$tombstone.new" "$tombstone") ||
    echo "sidecar-wrap: cannot write $tombstone; the sidecar does not know that the application has ended" >&2
exit "$code"
