# An application container: pools of connections that write all the time. Each acknowledged write becomes a line of a
# file on the host: whatever ends this container, the line is the host's.
trap '' PIPE

# One connection to PostgreSQL: kept while it answers, replaced when it does not.
to_postgres() {
    local line process
    local insert="INSERT INTO written (writer, born) SELECT '$1', oid FROM pg_database WHERE datname = current_database() RETURNING id, born, extract(epoch FROM at);"
    while :; do
        coproc PSQL { exec psql -XqAt -v ON_ERROR_STOP=1 "$CONNECTION"; }
        process=$PSQL_PID
        while printf '%s\n' "$insert" >&"${PSQL[1]}" && IFS= read -r -t 10 -u "${PSQL[0]}" line; do
            printf '%s|%s\n' "$line" "$EPOCHREALTIME" >>"/ledger/postgres-$1"
            sleep "$PAUSE"
        done
        kill "$process"
        wait "$process"
        sleep 0.2
    done
}

# One connection to Redis, whose replies say how often its key was increased.
to_redis() {
    local reply
    while :; do
        {
            printf 'AUTH %s %s\r\n' "$REDIS_USER" "$REDIS_PASSWORD" >&9
            IFS= read -r -t 10 -u 9 reply
            while printf 'INCR %s:written:%s\r\n' "$REDIS_USER" "$1" >&9 && IFS= read -r -t 10 -u 9 reply &&
                [[ $reply == :* ]]; do
                printf '%s\n' "${reply//[!0-9]/}" >>"/ledger/redis-$1"
                sleep "$PAUSE"
            done
        } 9<>"/dev/tcp/$REDIS_HOST/$REDIS_PORT"
        sleep 0.2
    done
}

for number in $(seq "$CONNECTIONS"); do
    to_postgres "$COLOUR-$number" 2>/dev/null &
    to_redis "$COLOUR-$number" 2>/dev/null &
done
wait
