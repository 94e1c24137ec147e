#!/usr/bin/env bash
# The part of the official postgres image's documented contract that this stack uses.
set -Eeuo pipefail

fail() { echo "error: $*" >&2; exit 1; }

# NAME_FILE names a file that holds NAME's value; both at once are a mistake.
value_or_file() {
    local name=$1 file_name=$1_FILE
    [[ -z ${!name:-} || -z ${!file_name:-} ]] || fail "$name and $file_name are both set"
    if [[ -n ${!file_name:-} ]]; then export "$name=$(<"${!file_name}")"; fi
    unset "$file_name"
}

initialise() {
    [[ -n ${POSTGRES_PASSWORD:-} || ${POSTGRES_HOST_AUTH_METHOD:-} == trust ]] \
        || fail "database is uninitialised and POSTGRES_PASSWORD is not set"
    # POSTGRES_INITDB_ARGS is a list of words by contract.
    eval "initdb --username=$(printf %q "$POSTGRES_USER") --pwfile=<(printf '%s\n' \"\${POSTGRES_PASSWORD:-}\") ${POSTGRES_INITDB_ARGS:-}"
    printf '\nhost all all all %s\n' "${POSTGRES_HOST_AUTH_METHOD:-$(postgres -C password_encryption)}" >> "$PGDATA/pg_hba.conf"
    pg_ctl --wait -o "$(printf '%q ' "${@:2}") -c listen_addresses='' -p 5432" start
    if [[ $POSTGRES_DB != postgres ]]; then
        psql -v ON_ERROR_STOP=1 --no-psqlrc -U "$POSTGRES_USER" -d postgres -v db="$POSTGRES_DB" <<< 'CREATE DATABASE :"db";'
    fi
    local script
    for script in /docker-entrypoint-initdb.d/*; do
        case $script in
            *.sh) bash "$script" ;;
            *.sql) psql -v ON_ERROR_STOP=1 --no-psqlrc -U "$POSTGRES_USER" -d "$POSTGRES_DB" -f "$script" ;;
        esac
    done
    pg_ctl --wait -m fast stop
    echo "PostgreSQL init process complete; ready for start up."
}

if [[ ${1:-postgres} == -* ]]; then set -- postgres "$@"; fi
if [[ ${1:-} == postgres ]]; then
    value_or_file POSTGRES_PASSWORD
    value_or_file POSTGRES_USER
    value_or_file POSTGRES_DB
    export POSTGRES_USER=${POSTGRES_USER:-postgres}
    export POSTGRES_DB=${POSTGRES_DB:-$POSTGRES_USER}
    if [[ $(id -u) == 0 ]]; then
        mkdir -p "$PGDATA"
        chmod 0700 "$PGDATA"
        find "$PGDATA" \! -user postgres -exec chown postgres '{}' +
        exec setpriv --reuid=postgres --regid=postgres --init-groups "$BASH_SOURCE" "$@"
    fi
    if [[ ! -s $PGDATA/PG_VERSION ]]; then initialise "$@"; fi
    unset POSTGRES_PASSWORD
fi
exec "$@"
