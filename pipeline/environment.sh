# Sourced by each step. `checkout` is the commit that the pipeline works on; `installation` is the clone on the Docker
# host that start.sh was run in: state, passphrase and backups lie there. By hand both are the same.
set -euo pipefail

refuse() { printf 'error: %s\nHINT: %s\n' "$1" "$2" >&2; exit 2; }
where='set DATABASE_SERVER_DIRECTORY to the clone on the Docker host; docs/how-to/deploy-pipeline.md'

checkout=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd -P)
installation=$(readlink -f "${DATABASE_SERVER_DIRECTORY:-$checkout}" || true)
workspace=$(readlink -f "${GITHUB_WORKSPACE:-${CI_PROJECT_DIR:-/dev/null}}" || true)
export PULUMI_STACK=${PULUMI_STACK:-prod}

[[ -x $installation/scripts/dbserver ]] ||
    refuse "${DATABASE_SERVER_DIRECTORY:-} is no installation of database-server" "$where"
# A runner wipes from its checkout whatever is not committed: the passphrase, the state, the backups.
[[ $installation/ != "$workspace"/* ]] ||
    refuse "$installation is the runner's own checkout, which the next job wipes" "$where"
