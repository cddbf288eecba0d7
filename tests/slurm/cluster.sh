#!/usr/bin/env bash
# A SLURM cluster of this one machine, for the checks: `cluster.sh start FOLDER`, `cluster.sh stop FOLDER`.
#
# Everything lies in FOLDER: configuration, key, spool, logs. Needs root, and Debian's packages slurm-wlm and munge;
# neither systemd nor cgroups. Afterwards `SLURM_CONF=FOLDER/slurm.conf` is all that sbatch, squeue and scontrol need.
set -eEuo pipefail # E: functions heed the trap that `start` sets

usage() {
    echo "usage: $0 start|stop FOLDER" >&2
    exit 2
}

# SLURM holds more slots than a small machine has cores, so that four workers run at once: they sleep more than they
# compute. A task that is queued again waits for its old credential to expire: 5 s here, 120 s by default. Who comes by
# the urgent partition takes the node from the others, after 10 s of grace.
configure() {
    local host
    host=$(hostname -s)
    cat >"$folder/slurm.conf" <<CONF
ClusterName=check
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket,cred_expire=5
CredType=cred/munge
SlurmctldPort=$1
SlurmdPort=$2
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=1,sched_min_interval=100000,bf_interval=1
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
KillWait=5
SlurmdParameters=config_overrides
NodeName=$host NodeAddr=127.0.0.1 CPUs=8 State=UNKNOWN
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName=check Nodes=ALL Default=YES PriorityTier=1 GraceTime=10 State=UP
PartitionName=urgent Nodes=ALL PriorityTier=2 State=UP
CONF
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

start() {
    trap stop ERR
    mkdir -p "$folder/state" "$folder/spool"
    configure "$(free_port)" "$(free_port)"
    (umask 077 && head -c 1024 /dev/urandom >"$folder/munge.key")
    # forced, as it would have a socket that all may reach, and root alone is enough here
    munged --force --key-file="$folder/munge.key" --socket="$folder/munge.socket" --pid-file="$folder/munged.pid" \
        --log-file="$folder/munged.log" --seed-file="$folder/munge.seed" 2>>"$folder/munged.log"
    slurmctld -f "$folder/slurm.conf"
    slurmd -f "$folder/slurm.conf"
    for _ in $(seq 60); do
        [ "$(sinfo --noheader --format=%T 2>/dev/null)" = idle ] && return
        sleep 0.5
    done
    tail -n 5 "$folder"/*.log >&2
    echo "error: the node did not become idle within 30 s; see above" >&2
    return 1
}

stop() {
    scancel --me 2>/dev/null || true
    for _ in $(seq 30); do # a step outlives slurmd, so let the steps end first
        [ -z "$(squeue --noheader --me 2>/dev/null)" ] && break
        sleep 0.5
    done
    for daemon in slurmd slurmctld munged; do
        end "$folder/$daemon.pid"
    done
}

end() {
    local pid
    [ -f "$1" ] || return 0
    pid=$(cat "$1")
    kill "$pid" 2>/dev/null || return 0
    for _ in $(seq 40); do
        kill -0 "$pid" 2>/dev/null || return 0
        sleep 0.25
    done
    kill -KILL "$pid"
}

[ $# -eq 2 ] || usage
folder=$(realpath -m "$2")
export SLURM_CONF=$folder/slurm.conf
case $1 in
start | stop) "$1" ;;
*) usage ;;
esac
