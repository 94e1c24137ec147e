#!/usr/bin/env bash
# Makes the project's virtual environment, .venv, from the pinned requirements. Usage: python.sh [--dev] [--no-install]
# Nothing to do: says nothing. --no-install: exit status 1 and one line "part|reason|command" on standard output.
set -uo pipefail

root=${BASH_SOURCE[0]%/*}
root=$(cd "$root/.." && pwd -P) || exit 1
venv=$root/.venv stamp=$root/.venv/.prepared unfinished=$root/.venv/.unfinished
log=$root/.state/python.log
dev='' install=1
for argument in "$@"; do
    case $argument in
        --dev) dev=dev ;;
        --no-install) install='' ;;
        --) break ;;
    esac
done

say() { printf '%s\n' "$*" >&2; }

fail() { say "$1"; say "HINT: $2"; exit 1; }

# What the environment is made from: another place, interpreter or other requirements make it stale.
# The place is the environment's own, not the checkout's: a link to another checkout's environment is as good.
place() { readlink -f "$venv" "$venv/bin/python" 2>/dev/null; }

wanted() {
    place
    sha256sum <"$root/requirements.txt"
    if [[ -n $dev ]]; then sha256sum <"$root/requirements-dev.txt"; fi
}

# The development environment contains the plain one, and its stamp begins with the plain one's.
ready() {
    [[ -x $venv/bin/python && -f $stamp && ! -e $unfinished ]] || return 1
    local made; made=$(<"$stamp")
    if [[ -n $dev ]]; then [[ $made == "$(wanted)" ]]; else [[ $made == "$(wanted)"* ]]; fi
}

works() { "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    local name
    PATH=${PATH//"$venv/bin:"/}
    for name in python3 /usr/bin/python3 python3.{14,13,12,11}; do
        if command -v "$name" >/dev/null && works "$name"; then command -v "$name"; return; fi
    done
    return 1
}

can_install() { [[ $EUID == 0 ]] && command -v apt-get >/dev/null; }

# Runs a long command into the log, with a sign of life every 15 seconds.
watched() {
    local what=$1 started=$SECONDS next=15 status; shift
    "$@" >>"$log" 2>&1 </dev/null &
    local child=$!
    trap 'kill -TERM '"$child"' 2>/dev/null; say "interrupted; the next start makes the environment again"; exit 1' INT TERM
    while kill -0 "$child" 2>/dev/null; do
        sleep 0.2
        if (( SECONDS - started >= next )); then
            say "  $what: $((SECONDS - started)) s, $(tail -n 1 "$log" 2>/dev/null | cut -c 1-100)"
            next=$((next + 15))
        fi
    done
    wait "$child"; status=$?
    trap - INT TERM
    return "$status"
}

apt() { DEBIAN_FRONTEND=noninteractive watched "$1" apt-get -o DPkg::Lock::Timeout=300 "${@:2}"; }

get_python() {
    say "Python: installing python3 and python3-venv, because no Python >= 3.11 with venv is here"
    apt "package lists" update
    apt "packages" install -y --no-install-recommends python3 python3-venv
    find_python >/dev/null && return
    apt "packages" install -y --no-install-recommends python3.11 python3.11-venv
}

reason() {
    if [[ ! -e $venv ]]; then echo "it does not exist yet"
    elif [[ -e $unfinished || ! -f $stamp ]]; then echo "nothing says that it is complete"
    elif ! "$venv/bin/python" -c pass 2>/dev/null; then echo "its Python does not run"
    else echo "it was made from other requirements, another Python or in another place"
    fi
}

# An environment of another place or Python, or a broken one, is made again; new requirements go into the one that is there.
keep() {
    [[ ! -e $unfinished ]] && "$venv/bin/python" -m pip --version >/dev/null 2>&1 || return 1
    [[ ! -f $stamp || $(head -n 2 "$stamp") == "$(place)" ]]
}

make() {
    local python=$1 requirements=(-r "$root/requirements.txt")
    if [[ -n $dev ]]; then requirements+=(-r "$root/requirements-dev.txt"); fi
    say "Python environment: installing the pinned packages into .venv, because $(reason)"
    if ! keep; then
        rm -rf "$venv" && mkdir -p "$venv" && : >"$unfinished" || return 1
        watched "environment" "$python" -m venv "$venv" || return 1
    fi
    : >"$unfinished"
    watched "packages" "$venv/bin/python" -m pip --disable-pip-version-check --no-input install \
        --progress-bar off --require-hashes "${requirements[@]}" || return 1
    wanted >"$stamp.new" && mv -f "$stamp.new" "$stamp" && rm -f "$unfinished"
}

if ready; then exit 0; fi
python=$(find_python)
if [[ -z $install ]]; then
    if [[ -z $python ]]; then
        echo "Python|no python3 >= 3.11 with a working venv module|apt-get install python3 python3-venv"
    fi
    echo "Python environment|$(reason)|tools/python.sh${dev:+ --dev}"
    exit 1
fi
if [[ ! -w $root || ( -e $root/.state && ! -w $root/.state ) ]]; then
    owner=$(stat -c %U "$root")
    fail "error: this clone belongs to $owner: you cannot prepare it" "run this as $owner, or make a clone of your own"
fi
mkdir -p "$root/.state" || exit 1
# Two starts at once: the second waits, then finds the environment made.
if command -v flock >/dev/null; then
    exec 9>"$root/.state/python.lock"
    flock -n 9 || { say "Python environment: another start is making it; waiting"; flock 9; }
    if ready; then exit 0; fi
fi
: >"$log"
if [[ -z $python ]]; then
    can_install || fail "no python3 >= 3.11 with a working venv module on this machine" \
        "as root: apt-get install python3 python3-venv (other systems: Python from python.org), then run this again"
    get_python
    python=$(find_python) || fail "installing Python failed; its log is $log" "install Python >= 3.11 with venv by hand"
fi
make "$python" || fail "the Python environment could not be made: $(tail -n 1 "$log"); the full log is $log" \
    "see the log's last lines; behind a closed network point pip at a reachable package index (PIP_INDEX_URL)"
