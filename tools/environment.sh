# What `pulumi` and the scripts need from the shell: `. tools/environment.sh` (bash, zsh; sh with DBSERVER_ROOT set).
_dbserver_environment() {
    _dbserver_file=${BASH_SOURCE:-}
    if [ -n "${ZSH_VERSION:-}" ]; then eval '_dbserver_file=${${(%):-%x}:a}'; fi
    case $_dbserver_file in
        */*) _dbserver_root=$(CDPATH='' cd -- "${_dbserver_file%/*}/.." && pwd -P) ;;
        ?*) _dbserver_root=$(CDPATH='' cd .. && pwd -P) ;;
        *) _dbserver_root=${DBSERVER_ROOT:-} ;;
    esac
    if [ ! -f "$_dbserver_root/tools/environment.sh" ]; then
        echo "the project's directory is unknown: set DBSERVER_ROOT to it, then source this file again" >&2
        return 1
    fi
    _dbserver_path
    export PULUMI_SKIP_UPDATE_CHECK=true
    case ${PULUMI_PYTHON_CMD:-} in
        '' | */tools/engine/python) export PULUMI_PYTHON_CMD="$_dbserver_root/tools/engine/python" ;;
    esac
    # An empty PULUMI_CONFIG_PASSPHRASE is a passphrase to Pulumi, so whoever set either variable has chosen.
    if [ -z "${PULUMI_CONFIG_PASSPHRASE+set}" ] && [ -z "${PULUMI_CONFIG_PASSPHRASE_FILE+set}" ]; then
        if ! _dbserver_passphrase "$_dbserver_root/.state" 2>/dev/null; then
            echo "no passphrase can be written into $_dbserver_root/.state: make a clone of your own" >&2
            return 1
        fi
        export PULUMI_CONFIG_PASSPHRASE_FILE="$_dbserver_root/.state/passphrase"
    fi
}

# The environment's bin leads. A `pulumi` of the machine goes before the cached one, unless preparation found it unfit.
_dbserver_path() {
    _dbserver_bin=${DBSERVER_CACHE:-${XDG_CACHE_HOME:-${HOME:-}/.cache}/database-server}/bin
    if [ -e "$_dbserver_root/.state/prefer-cached-engine" ]; then
        case $PATH: in
            "$_dbserver_root/.venv/bin:$_dbserver_bin:"*) return ;;
        esac
        PATH=$_dbserver_bin:$PATH
    elif ! command -v pulumi >/dev/null 2>&1; then
        PATH=$PATH:$_dbserver_bin
    fi
    case $PATH: in
        "$_dbserver_root/.venv/bin:"*) ;;
        *) PATH=$_dbserver_root/.venv/bin:$PATH ;;
    esac
    export PATH
}

# A link to a finished file appears whole or not at all, and the first of two wins.
_dbserver_passphrase() {
    [ -s "$1/passphrase" ] && return
    mkdir -p "$1" || return 1
    (umask 077 && od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$1/passphrase.$$" && echo >>"$1/passphrase.$$") || return 1
    ln "$1/passphrase.$$" "$1/passphrase" 2>/dev/null
    rm -f "$1/passphrase.$$"
    [ -s "$1/passphrase" ]
}

if _dbserver_environment; then _dbserver_status=0; else _dbserver_status=1; fi
unset _dbserver_file _dbserver_root _dbserver_bin
unset -f _dbserver_environment _dbserver_path _dbserver_passphrase
if [ "$_dbserver_status" -ne 0 ]; then unset _dbserver_status; return 1; fi
unset _dbserver_status
