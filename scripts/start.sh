#!/usr/bin/env bash
root=$(dirname "$(dirname "$(readlink -f "$0")")")
exec "$root/tools/prepare" "$@" -- "$root/scripts/dbserver" start "$@"
