# SPDX-License-Identifier: Apache-2.0
# Sourced by the scripts beside it: one shape for messages, errors and timed steps.

# die "<what>: <why>. <What the reader can do.>"  125 is the project's "we failed" (README, exit codes).
die() { printf 'error: %s\n' "$*" >&2; exit 125; }
say() { printf '%s\n' "$*"; }

# help FILE: prints the header comment of a script without its marks.
help() { sed -n '/^# SPDX/d; /^#!/d; /^#/!q; s/^# \{0,1\}//p' "$1"; }

# A login shell often has the toolchain on PATH, cron and CI often do not.
find_swift() {
    local dir
    command -v swift >/dev/null && return 0
    for dir in "${SWIFT_TOOLCHAIN:-}/usr/bin" /opt/swift/usr/bin "$HOME/.local/share/swiftly/bin" /usr/local/swift/usr/bin; do
        if [ -x "$dir/swift" ]; then PATH=$PATH:$dir; export PATH; return 0; fi
    done
    return 1
}

# step NAME COMMAND...: runs it, prints how long it took, passes its status on.
step() {
    local name=$1 status=0 began=$SECONDS
    shift
    say "== $name"
    "$@" || status=$?
    if [ "$status" = 0 ]; then say "== $name: done in $((SECONDS - began)) s"
    else say "== $name: FAILED with status $status after $((SECONDS - began)) s"; fi
    return "$status"
}
