# The archive's container: streams the write-ahead log of the server behind the socket, and keeps base backups of it.
#
# Arguments: the administrator; how long any second has to come back, and the longest time between two base backups,
# both in seconds; `synchronous` or another word; then when a base backup is due, in UTC: lists of minutes, hours, days of
# the month, months and days of the week, each with spaces around.
#
# The archive is made of lines, <since>-<system identifier>. In each the log has no hole from its first base backup on,
# and its times never go back: where they would, another line begins. A base backup is named by when it was complete;
# <name>+ is the whole of an incremental one, which it replaces.
#
# The machine's clock is set, and a virtual machine is resumed: what it says tells no age. `lived` does, a clock that only
# time moves that has surely passed. It is in .clock, and as the time of the directory on each base backup.
set -uo pipefail
umask 077
keep=$2 longest=$3 how=$4 minutes=$5 hours=$6 days=$7 months=$8 weekdays=$9
slot=db_server_archive options=() least=2
[ "$how" != synchronous ] || options=(--synchronous)
export PGHOST=/var/run/postgresql PGUSER=$1 PGAPPNAME=$slot PGCONNECT_TIMEOUT=5 TZ=UTC LC_ALL=C
cd "${ARCHIVE:-/archive}" || exit 1

say() { echo "$(date +%FT%TZ) $*"; }
ask() { timeout 30 psql -XAtqw -d postgres -c "$1"; }
now() { date +%Y%m%dt%H%M%Sz; }
lines() { ls -d [0-9]*-[0-9]* 2>/dev/null; }
since() { date -d "${1:0:4}-${1:4:2}-${1:6:2} ${1:9:2}:${1:11:2}:${1:13:2}" +%s; }
discard() { local gone; gone=$(mktemp -d "$1/.gone-XXXXXX") && mv -- "${@:2}" "$gone"; rm -rf -- "$gone"; }

# Prints the names of a line's base backups, the oldest first.
bases() {
  local each
  for each in $(ls "$1/base"); do [ -e "$1/base/$each+" ] || echo "$each"; done
}

# Sets what the clock says, how long the machine is up, and which start of it that was.
clocks() {
  local again
  read -r boot </proc/sys/kernel/random/boot_id
  while :; do
    IFS=. read -r up _ </proc/uptime; wall=$EPOCHSECONDS; IFS=. read -r again _ </proc/uptime
    [ "$up" != "$again" ] || return 0
  done
}
age() { lived=''; [ ! -e .clock ] || read -r _ _ _ lived <.clock; }
clocks_begin() {
  clocks
  read -r said was started lived <.clock || {
    said=$wall was=$up started=$boot
    lived=$(stat -c %Y */base/*/ 2>/dev/null | sort -n | tail -n 1); lived=${lived:-$wall}; }
}

# Notes in a line where the clock went on by more than the time that passed. Where it went back, the line ends.
tick() {
  local step before=$said
  clocks
  [ "$started" = "$boot" ] || was=0 started=$boot
  step=$((wall - said - (up - was))) lived=$((lived + up - was)) said=$wall was=$up
  if [ -d "$1" ] && [ ! -e "$1/.ended" ]; then
    if ((step > least)); then
      say "the clock went on by $step s more than passed"; echo "$before $wall" >>"$1/.jumps"
    elif ((step < -least)); then
      say "the clock went back by $((-step)) s: another line has to begin"; echo "$before" >"$1/.ended"
    fi
  fi
  echo "$said $was $started $lived" >.clock.new && mv .clock.new .clock
}

# What was written before the clock went back belongs to the line that has ended, and reaches until then.
# A commit is what is sent: by a clock that went back the server would write nothing by itself for as long.
complete() {
  local end
  end=$(ask 'SELECT pg_current_wal_insert_lsn()') &&
    ask "SET synchronous_commit = local; SELECT pg_logical_emit_message(true, '$slot', 'the end')" >/dev/null &&
    timeout 600 pg_receivewal -D "$1/wal" -S "$slot" --no-loop "${options[@]}" --endpos="$end" >&2 &&
    touch -d "@$(cat "$1/.ended")" "$1/wal/$(ls "$1/wal" | grep -E '^[0-9A-F]{24}' | tail -n 1)"
}

# Prints the line to stream into. A slot that has lost log, or that is new, cannot go on where the one before ended.
line_to_stream() {
  local id status line newest
  id=$(ask "SELECT system_identifier FROM pg_control_system()") || return 1
  status=$(ask "SELECT coalesce(wal_status, 'lost') FROM pg_replication_slots WHERE slot_name = '$slot'") || return 1
  line=$(lines | grep -e "-$id\$" | tail -n 1)
  if [ -n "$line" ] && [ -e "$line/.ended" ]; then
    [ -z "$status" ] || [ "$status" = lost ] || complete "$line"
    line=''
  fi
  if [ -z "$line" ] || [ -z "$status" ] || [ "$status" = lost ]; then
    [ -z "$status" ] || ask "SELECT pg_drop_replication_slot('$slot')" >/dev/null || return 1
    line=$(now) newest=$(lines | tail -n 1)
    [[ $line > ${newest%-*} ]] || line=$(date -d "@$(($(since "$newest") + 1))" +%Y%m%dt%H%M%Sz)
    line+=-$id
    mkdir -p "$line/wal" "$line/base" && sync . "$line" || return 1
    ask "SELECT pg_create_physical_replication_slot('$slot', true)" >/dev/null || return 1
    say "line $line begins" >&2
  fi
  echo "$line"
}

stream() {
  local line
  clocks_begin 2>/dev/null
  while :; do
    tick "$(cat .line 2>/dev/null)"
    if line=$(line_to_stream 2>.asked); then
      cat .asked; echo "$line" >.line.new && mv .line.new .line
      rm -f "$line/.left"
      pg_receivewal -D "$line/wal" -S "$slot" --no-loop --status-interval=1 "${options[@]}" 2>.streamed &
      while kill -0 $! 2>/dev/null; do
        sleep 1; tick "$line"
        [ ! -e "$line/.ended" ] || kill $! 2>/dev/null
      done
      cat .streamed
      if grep -qE 'ahead of the WAL flush position|has already been removed' .streamed; then
        say "the server cannot go on from where the archive ends"
        ask "SELECT pg_drop_replication_slot('$slot')"
      fi
    fi
    sleep 1
  done
}

# A minute that passed while the container was away is made up for once the longest time is over. A file asks for one now:
# who made it waits until it is gone.
due() {
  local newest minute
  [ ! -e .wanted ] || return 0
  newest=$(bases "$1" | tail -n 1)
  minute=$1-$(date +%Y%m%d%H%M)
  [ "$minute" != "${attempted:-}" ] || return 1
  if [ -n "$newest" ] && (( $(date +%s) - $(since "$newest") <= longest )); then
    listed "$minutes" %-M && listed "$hours" %-H && listed "$days" %-d && listed "$months" %-m && listed "$weekdays" %w ||
      return 1
  fi
  attempted=$minute
}
listed() { case $1 in *" $(date "+$2") "*) ;; *) return 1 ;; esac; }

# A server that summarises its log gives what has changed since the newest one; where it cannot, everything.
take() {
  local line=$1 newest
  newest=$(bases "$line" | tail -n 1)
  rm -rf "$line/.new"
  { [ -n "$newest" ] && [ "$(ask 'SHOW summarize_wal' 2>/dev/null)" = on ] &&
    base "$line" --incremental="$line/base/$newest/backup_manifest"; } || { rm -rf "$line/.new"; base "$line"; } || {
    rm -rf "$line/.new"; say "no base backup was made"; return 1; }
  place "$line" "${newest%+}"
}
# A name is later than the one before it, and nothing is placed where the clock went back meanwhile.
place() {
  local line=$1 name
  until name=$(now); [[ $name > $2 ]] || [ -e "$line/.ended" ]; do sleep 1; done
  [ ! -e "$line/.ended" ] || { rm -rf "$line/.new"; return 1; }
  age
  touch -d "@$lived" "$line/.new" && sync "$line/.new" && mv "$line/.new" "$line/base/$name" && sync "$line/base" &&
    say "base backup $name is complete and verified"
}
base() {
  pg_basebackup -D "$1/.new" -X stream -c fast -w "${@:2}" && nice -n 19 pg_verifybackup -q "$1/.new"
}

# The newest base backup that is older than the promised time stays, with everything after it.
expire() {
  local line=$1 each anchor='' older=()
  for each in $(bases "$line"); do
    (($(stat -c %Y "$line/base/$each") <= lived - keep)) || break
    [ -z "$anchor" ] || older+=("$line/base/$anchor")
    anchor=$each
  done
  [ ${#older[@]} -gt 0 ] || return 0
  if grep -q '^INCREMENTAL FROM' "$line/base/$anchor/backup_label"; then
    combine "$line" "$anchor" || return 1
    anchor=$anchor+
  fi
  discard "$line" "${older[@]}"
  pg_archivecleanup -x .gz "$line/wal" "$(sed -n 's/^START WAL LOCATION.*(file \(.*\))/\1/p' "$line/base/$anchor/backup_label")"
  say "base backup $anchor is the oldest of $line now"
}
combine() {
  local line=$1 each chain=()
  for each in $(bases "$line"); do
    grep -q '^INCREMENTAL FROM' "$line/base/$each/backup_label" || chain=()
    chain+=("$line/base/$each")
    [ "$each" != "$2" ] || break
  done
  rm -rf "$line/.whole"
  nice -n 19 pg_combinebackup -o "$line/.whole" "${chain[@]}" && nice -n 19 pg_verifybackup -q "$line/.whole" || {
    rm -rf "$line/.whole"; say "base backup $2 could not be made whole"; return 1; }
  touch -r "$line/base/$2" "$line/.whole" && sync "$line/.whole"
  mv "$line/.whole" "$line/base/$2+" && sync "$line/base" && discard "$line" "$line/base/$2"
}

# A line that nobody streams into any more goes once that was so for the promised time. One that is newer than the current
# one has just begun, beside this loop, and has nothing yet.
expire_line() {
  [ -e "$1/.left" ] || touch -d "@$lived" "$1/.left"
  if [ -z "$(bases "$1")" ] || (($(stat -c %Y "$1/.left") < lived - keep)); then
    discard . "$1" && say "line $1 is gone"
  fi
}

# The newest segments stay as they are: pg_receivewal looks for the place to go on.
compress() {
  local each
  for each in $(ls "$1/wal" | grep -xE '[0-9A-F]{24}' | head -n -2); do
    nice -n 19 gzip -1 -c "$1/wal/$each" >"$1/.packed" && touch -r "$1/wal/$each" "$1/.packed" &&
      sync "$1/.packed" && mv "$1/.packed" "$1/wal/$each.gz" && rm "$1/wal/$each" || return 1
  done
}

# A test reads the functions from the file and calls them by itself.
[ -z "${BASH_SOURCE[0]:-}" ] || return 0

trap 'kill $(jobs -p) 2>/dev/null; exit 0' TERM INT
# What a run that was killed has left.
for line in $(lines); do rm -rf "$line"/.new "$line"/.whole "$line"/.gone-* "$line"/.packed; done
for whole in */base/*+; do rm -rf "${whole%+}"; done
rm -rf .gone-*
stream &
while :; do
  current=$(cat .line 2>/dev/null)
  age
  if [ -n "$lived" ] && [ -d "$current/base" ] && [ ! -e "$current/.ended" ] && due "$current"; then
    take "$current"
    # Where the clock went back, that of the next line is the one that was wanted.
    [ -e "$current/.ended" ] || rm -f .wanted
  fi
  for line in $(lines); do
    compress "$line"
    [ -n "$lived" ] || continue
    expire "$line"
    [[ ! $line < $current ]] || expire_line "$line"
  done
  sleep 2 &
  wait $!
done
