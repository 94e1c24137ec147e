#!/usr/bin/env bash
tools=$(dirname "$(readlink -f "$0")")/../tools
"$tools/prepare" --dev && exec "$tools/endure" "$@"
