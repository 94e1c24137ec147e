#!/usr/bin/env bash
root=$(dirname "$(dirname "$(readlink -f "$0")")")
"$root/tools/python.sh" >/dev/null && exec "$root/scripts/dbserver" rescue "$@"
