#!/usr/bin/env bash
root=$(dirname "$(dirname "$(readlink -f "$0")")") && start=("$root/scripts/dbserver" start)
"$root/tools/python.sh" --no-install >/dev/null && { "${start[@]}" --if-unchanged "$@"; code=$?; ((code == 75)) || exit "$code"; }
exec "$root/tools/prepare" "$@" -- "${start[@]}" --refresh "$@"
