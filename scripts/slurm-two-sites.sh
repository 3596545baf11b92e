#!/bin/sh
# Two Slurm clusters in federation on one machine, as two sites with pretended GPUs: for trials and tests.
#
#   scripts/slurm-two-sites.sh install        Slurm and MariaDB from Debian, as root; starts none of their services
#   scripts/slurm-two-sites.sh start DIR      starts everything below DIR and says how to use it
#   scripts/slurm-two-sites.sh stop DIR       ends what `start` began, by its recorded process ids
#   scripts/slurm-two-sites.sh restart-ctld DIR SITE    ends and starts the controller of `east` or `west`
#
# Each site has two nodes of 8 accelerators; a GPU is a device node that behaves like /dev/null. Nothing of an installed
# cluster is touched: configuration, state, ports and keys are this script's own; only munge's socket is where clients
# look for it, so that no other munged may run.
set -eu

nodes=2
east_port=6817
west_port=6827
dbd_port=6819
sql_port=33061

fail() {
    echo "slurm-two-sites: $1" >&2
    exit 1
}

install() {
    # Packages start their services where nothing forbids it; a policy that is there already is left as it is.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        trap 'rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
    fi
    packages="slurm-wlm slurmctld slurmd slurmdbd slurm-client slurm-wlm-basic-plugins slurm-wlm-mysql-plugin munge
        mariadb-server"
    get="apt-get -qq -y --no-install-recommends -o Acquire::Retries=0 -o Acquire::http::Timeout=10
        -o Acquire::https::Timeout=10 -o DPkg::Lock::Timeout=10 -o Dpkg::Options::=--force-confold
        -o Dpkg::Options::=--force-unsafe-io"
    export DEBIAN_FRONTEND=noninteractive
    # All is fetched before anything is unpacked, so that a source that is slow or away leaves nothing half installed.
    if ! timeout 40 $get install --download-only $packages >/dev/null 2>&1; then
        timeout 30 $get update >/dev/null 2>&1 || fail "apt-get reaches no source of packages"
        timeout 40 $get install --download-only $packages >/dev/null 2>&1 || fail "apt-get cannot fetch Slurm and MariaDB"
    fi
    timeout -k 5 60 $get install $packages >/dev/null 2>&1 || fail "apt-get cannot install Slurm and MariaDB"
}

# until_works SECONDS COMMAND…: tries a command ten times a second.
until_works() {
    tries=$(($1 * 10))
    shift
    while ! timeout 5 "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || fail "gave up waiting for: $*"
        sleep 0.1
    done
}

# is_alive PID: whether a process runs; one that nobody has reaped does not.
is_alive() {
    kill -0 "$1" 2>/dev/null && ! grep -q '^State:[[:space:]]*Z' "/proc/$1/status" 2>/dev/null
}

# ended PIDFILE: ends the process of a file, and waits for it.
ended() {
    [ -s "$1" ] || return 0
    pid=$(cat "$1")
    kill "$pid" 2>/dev/null || return 0
    for _ in $(seq 100); do
        is_alive "$pid" || return 0
        sleep 0.1
    done
    kill -9 "$pid" 2>/dev/null || true
}

site_conf() {
    site=$1 port=$2 first=$3 letter=$4
    mkdir -p "$B/$site/state" "$B/$site/log"
    {
        cat <<CONF
ClusterName=$site
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=$port
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CryptoType=crypto/munge
StateSaveLocation=$B/$site/state
SlurmdSpoolDir=$B/$site/spool/%n
SlurmctldPidFile=$B/$site/slurmctld.pid
SlurmdPidFile=$B/$site/slurmd-%n.pid
SlurmctldLogFile=$B/$site/log/slurmctld.log
SlurmdLogFile=$B/$site/log/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
MpiDefault=none
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
PreemptType=preempt/none
SlurmdParameters=config_overrides
InactiveLimit=0
KillWait=3
MinJobAge=300
SlurmctldTimeout=30
SlurmdTimeout=30
Waittime=0
GresTypes=gpu
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort=$dbd_port
AccountingStorageTRES=gres/gpu
AccountingStoreFlags=job_comment
JobCompType=jobcomp/none
MailProg=/bin/true
PartitionName=train Nodes=$letter[1-$nodes] Default=YES MaxTime=INFINITE State=UP
CONF
        for n in $(seq $nodes); do
            echo "NodeName=$letter$n NodeHostname=localhost NodeAddr=127.0.0.1 Port=$((first + n)) CPUs=64 Boards=1" \
                "SocketsPerBoard=2 CoresPerSocket=32 ThreadsPerCore=1 RealMemory=512000 Gres=gpu:h100:8 State=UNKNOWN"
        done
    } >"$B/$site/slurm.conf"
    echo "NodeName=$letter[1-$nodes] Name=gpu Type=h100 File=$B/dev/nvidia[0-7]" >"$B/$site/gres.conf"
    # Versions since 24.05 want a control group file system unless they are told to do without.
    case "$(slurmctld -V)" in
    *' 22.'* | *' 23.'*) printf 'CgroupAutomount=no\nConstrainCores=no\n' ;;
    *) printf 'CgroupPlugin=disabled\n' ;;
    esac >"$B/$site/cgroup.conf"
}

start_site() {
    site=$1 letter=$2
    SLURM_CONF=$B/$site/slurm.conf slurmctld ${3:-}
    for n in $(seq $nodes); do
        mkdir -p "$B/$site/spool/$letter$n"
        SLURM_CONF=$B/$site/slurm.conf slurmd -N "$letter$n"
    done
}

all_idle() {
    [ "$(SLURM_CONF=$B/$1/slurm.conf sinfo -h -N -t idle -o %N 2>/dev/null | sort -u | wc -l)" -eq $nodes ]
}

in_step() {
    SLURM_CONF=$B/$1/slurm.conf scontrol show federation 2>/dev/null | grep -q 'Send/Recv:Yes/Yes Synced:Yes'
}

start() {
    [ "$(id -u)" -eq 0 ] || fail "it needs root: device nodes, munge and mariadbd are made"
    command -v slurmctld >/dev/null || fail "no slurmctld: run \`$0 install\` first"
    [ ! -e "$B/munge/pid" ] || fail "$B is in use: run \`$0 stop $B\` first, or name another folder"
    timeout 5 munge -n </dev/null >/dev/null 2>&1 &&
        fail "a munged runs already on this machine: it is not ours, so nothing is started"
    mkdir -p /run/munge "$B/munge" "$B/dbd" "$B/dev" "$B/mysql"
    chmod 755 /run/munge "$B" "$B/munge"
    head -c 1024 /dev/urandom >"$B/munge/key"
    chmod 400 "$B/munge/key"
    munged --force --num-threads=10 --key-file="$B/munge/key" --socket=/run/munge/munge.socket.2 \
        --pid-file="$B/munge/pid" --log-file="$B/munge/log" --seed-file="$B/munge/seed"

    chown mysql "$B/mysql"
    mysql_install_db --user=mysql --datadir="$B/mysql/data" --auth-root-authentication-method=normal --skip-test-db \
        >/dev/null 2>&1
    mariadbd --no-defaults --user=mysql --datadir="$B/mysql/data" --port=$sql_port --bind-address=127.0.0.1 \
        --socket="$B/mysql/sock" --pid-file="$B/mysql/pid" --innodb-lock-wait-timeout=900 >"$B/mysql/log" 2>&1 &
    sql="mariadb --no-defaults -uroot -S $B/mysql/sock"
    until_works 20 $sql -e "select 1"
    $sql -e "create database slurm_acct; create user slurm@'127.0.0.1' identified by 'slurm';
        create user slurm@localhost identified by 'slurm'; grant all on slurm_acct.* to slurm@'127.0.0.1';
        grant all on slurm_acct.* to slurm@localhost"

    cat >"$B/dbd/slurmdbd.conf" <<CONF
AuthType=auth/munge
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort=$dbd_port
SlurmUser=root
LogFile=$B/dbd/slurmdbd.log
PidFile=$B/dbd/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=$sql_port
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm_acct
CONF
    chmod 600 "$B/dbd/slurmdbd.conf"
    SLURM_CONF=$B/dbd/slurm.conf slurmdbd
    site_conf east $east_port 17100 e
    site_conf west $west_port 17200 w
    for n in 0 1 2 3 4 5 6 7; do
        [ -e "$B/dev/nvidia$n" ] || mknod "$B/dev/nvidia$n" c 1 3
    done
    # The clusters are told before their controllers start: those end without a database of theirs.
    export SLURM_CONF="$B/east/slurm.conf"
    until_works 20 sacctmgr -n show cluster
    for site in east west; do
        sacctmgr -i add cluster $site >/dev/null
    done
    sacctmgr -i add account ml Cluster=east,west >/dev/null
    sacctmgr -i add user root Account=ml AdminLevel=Admin >/dev/null
    sacctmgr -i add federation globe clusters=east,west >/dev/null
    start_site east e -c
    start_site west w -c
    for site in east west; do
        for _ in $(seq 200); do
            all_idle $site && break
            sleep 0.1
        done
        all_idle $site || fail "the nodes of $site did not come up: see $B/$site/log"
    done
    # Until both hear each other, the federation moves no job; the first connections may be made twice.
    seen=0
    for _ in $(seq 300); do
        if in_step east && in_step west; then seen=$((seen + 1)); else seen=0; fi
        [ "$seen" -lt 10 ] || break
        sleep 0.1
    done
    [ "$seen" -ge 10 ] || fail "the federation is not in step: see $B/east/log and $B/west/log"
    echo "export SLURM_CONF=$B/east/slurm.conf"
}

stop() {
    for site in east west; do
        for file in "$B/$site"/slurmd-*.pid "$B/$site/slurmctld.pid"; do
            ended "$file"
        done
    done
    ended "$B/dbd/slurmdbd.pid"
    ended "$B/mysql/pid"
    ended "$B/munge/pid"
    rm -f "$B/munge/pid"
}

case "${1:-}" in
install) install ;;
start | stop | restart-ctld)
    [ -n "${2:-}" ] || fail "name a folder: $0 $1 DIR"
    mkdir -p "$2"
    B=$(cd "$2" && pwd)
    case "$1" in
    start) start ;;
    stop) stop ;;
    restart-ctld)
        ended "$B/${3:?east or west}/slurmctld.pid"
        SLURM_CONF=$B/$3/slurm.conf slurmctld
        ;;
    esac
    ;;
*) fail "usage: $0 install | start DIR | stop DIR | restart-ctld DIR SITE" ;;
esac
