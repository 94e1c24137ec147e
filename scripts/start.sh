#!/usr/bin/env bash
exec "$(dirname "$(dirname "$(readlink -f "$0")")")/tools/start" "$@"
