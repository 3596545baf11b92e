#!/bin/sh
# Makes Slurm and MariaDB ready for the tests that run on two real clusters, where that does no harm; else says in one
# line why those are skipped. Never fails, and takes less than three minutes.
#
#   GREENWICH_NO_SLURM=1    nothing is installed
set -u
cd "$(dirname "$0")/.."

skipped() {
    echo "SKIPPED: two real Slurm clusters: $1" >&2
    exit 0
}

has_all() {
    for program in slurmctld slurmd slurmdbd munged mariadbd; do
        command -v "$program" >/dev/null || return 1
    done
}

[ "$(id -u)" -eq 0 ] || skipped "this needs root"
if ! has_all; then
    [ -z "${GREENWICH_NO_SLURM:-}" ] || skipped "GREENWICH_NO_SLURM is set, and Slurm is not installed"
    command -v apt-get >/dev/null || skipped "Slurm is not installed, and there is no apt-get to do so"
    ! command -v sinfo >/dev/null || skipped "another Slurm is installed here, which is left as it is"
    [ ! -e /etc/slurm/slurm.conf ] || skipped "a cluster is set up here, in /etc/slurm, which is left as it is"
    why=$(timeout -k 5 170 scripts/slurm-two-sites.sh install 2>&1 </dev/null) || skipped "${why:-it took too long}"
    has_all || skipped "what was installed lacks a program"
fi
echo "two real Slurm clusters: ready to be started by the tests" >&2
exit 0
