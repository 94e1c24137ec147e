# The environment of the scripts' verbs, sourced with DBSERVER_ROOT set; fails with one line and the way out where the
# clone is not prepared, or not for this person.
owner=$(stat -c %U "$DBSERVER_ROOT") venv=$DBSERVER_ROOT/.venv state=$DBSERVER_ROOT/.state
message='' hint="run this as $owner, or make a clone of your own"
if [[ ! -x $venv/bin/python || -e $venv/.unfinished ]]; then
    if [[ -w $DBSERVER_ROOT ]]; then
        message='this clone is not prepared: its Python environment is not there, or not complete'
        hint='tools/prepare; or ./scripts/start.sh, which prepares and starts'
    else
        message="this clone belongs to $owner: its Python environment is not there, or not for you to run"
    fi
elif [[ ! -s $state/passphrase && ! -w $state && -z ${PULUMI_CONFIG_PASSPHRASE+set}${PULUMI_CONFIG_PASSPHRASE_FILE+set} ]]; then
    message="this clone belongs to $owner, and has no passphrase yet"
fi
if [[ -n $message ]]; then
    case " $* " in
        *' --format json '* | *' --format=json '*)
            printf '{\n  "schema": "error-1",\n  "error": {\n    "message": "%s",\n    "hint": "%s",\n    "exit_code": 1\n  }\n}\n' \
                "$message" "$hint" ;;
    esac
    printf 'error: %s\nHINT: %s\n' "$message" "$hint" >&2
    return 1
fi
unset owner venv state message hint
. "$DBSERVER_ROOT/tools/environment.sh"
