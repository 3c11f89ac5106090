#!/bin/sh
# Entry point of every Redis and Sentinel container: starts without a predefined role.
#
#   run      finds the master from the sentinels (a majority), the volume or the template, in this order;
#            a cluster node uses the nodes.conf on its volume, or queries the other nodes if it has none
#   health   checks whether the server answers PING, even with MISCONF or LOADING
#   ready    waits until the environment works as a whole and loads the functions; last step of a deploy
#
# /kit is read-only and holds the rendered files (node.env contains no secret, auth/ does); /data is the node's volume.
# Uses POSIX shell only: the published images have dash or busybox.
set -eu
umask 077
. /kit/node.env

say() { echo "kit-node: $*"; }

# Succeeds for the given number of seconds after the first call.
patient() {
  [ -n "${deadline:-}" ] || deadline=$(($(date +%s) + $1))
  [ "$(date +%s)" -lt "$deadline" ]
}

# ask redis|sentinel|functions HOST PORT COMMAND…: runs one command, at most 2 s; prints nothing if there is no reply.
ask() {
  who=$1 host=$2 port=$3
  shift 3
  REDISCLI_AUTH=$(cat "/kit/auth/$who.password") timeout 2 redis-cli --no-auth-warning \
    --user "$(cat "/kit/auth/$who.user")" $TLS_ARGS -h "$host" -p "$port" "$@" 2>/dev/null || true
}

# Prints "HOST PORT" of the master that more than half of all sentinels report. Queries all at once: an unreachable
# address takes the whole timeout, and three in sequence would take longer than a failover.
elected() {
  [ -n "$SENTINELS" ] || return 0
  {
    for sentinel in $SENTINELS; do
      { answer=$(ask sentinel "${sentinel%:*}" "${sentinel#*:}" SENTINEL get-master-addr-by-name "$SERVICE" | tr '\n' ' ')
        echo "${answer:-none}"; } &
    done
    wait
  } | sort | uniq -c | sort -rn | awk -v need="$MAJORITY" 'NF == 3 && $1 >= need && $3 ~ /^[0-9]+$/ { print $2, $3; exit }'
}

# Prints a file with its addresses moved to the current subnet: the last octet identifies the node, the others the
# network, whose subnet may have changed. Addresses of hosts do not change.
readdressed() {
  if [ -n "${FIXED_ADDRESSES:-}" ]; then cat "$1"; return; fi
  address=${SELF% *}
  sed -E "s/(^|[^0-9.])([0-9]{1,3}\.){3}([0-9]{1,3})([^0-9.]|$)/\1${address%.*}.\3\4/g" "$1"
}

# Prints the last known master from the volume: Redis rewrites its file on every role change.
remembered() {
  [ -f /data/redis.conf ] || return 0
  readdressed /data/redis.conf |
    awk -v self="$SELF" '$1 == "replicaof" { print $2, $3; found = 1; exit } END { if (!found) print self }'
}

has_data() { [ -s /data/dump.rdb ] || [ -d /data/appendonlydir ] || [ -f /data/appendonly.aof ]; }

# LOADING counts: a node that is loading has data.
peers_hold_data() {
  for peer in $PEERS; do
    case $(ask redis "${peer%:*}" "${peer#*:}" INFO keyspace) in *keys=* | *LOADING*) return 0 ;; esac
  done
  return 1
}

# Succeeds if another node is or may become master, although the sentinels do not report it yet: it reports role master,
# or it was in sync until its master failed (-1: never in sync since its start, as after a power cut).
successor_in_sight() {
  for peer in $PEERS; do
    state=$(ask redis "${peer%:*}" "${peer#*:}" INFO replication | tr -d '\r')
    case $state in
      *role:master*) return 0 ;;
      *master_link_down_since_seconds:-1*) ;;
      *master_link_down_since_seconds:*) return 0 ;;
    esac
  done
  return 1
}

# Derives this node's nodes.conf from the view of a peer: as a replica of the current owner of its first slots, or with
# its own slots if no other node took over and its data exists ($1: yes). Prints nothing until this can be determined.
adopted() {
  awk -v self="${SELF% *}:${SELF#* }@" -v slot="$FIRST_SLOT" -v keep="$1" '
    NF < 8 || $3 ~ /handshake/ { next }
    {
      sub(/myself,/, "", $3)
      line[++n] = $0
      if (index($2, self) == 1) me = n
      for (i = 9; i <= NF; i++) {
        split($i, range, "-")
        last = range[2] == "" ? range[1] : range[2]
        if ($i !~ /^\[/ && range[1] <= slot && slot <= last) owner = n
      }
      if ($7 + 0 > epoch) epoch = $7 + 0
    }
    END {
      if (!me || !owner || (me == owner && keep != "yes")) exit
      split(line[owner], its, " ")
      for (k = 1; k <= n; k++) {
        $0 = line[k]
        if (k == me && me == owner) $3 = "myself,master"
        if (k == me && me != owner) $0 = $1 " " $2 " myself,slave " its[1] " 0 0 " its[7] " connected"
        gsub(/ \[[^ ]*/, "")
        print
      }
      print "vars currentEpoch " epoch " lastVoteEpoch " epoch
    }'
}

# Waits for the replicas of a master without nodes.conf: they must answer before the master counts as new.
await_followers() {
  tries=0
  for peer in $FOLLOWERS; do
    while [ "$tries" -lt 20 ] && [ -z "$(ask redis "${peer%:*}" "${peer#*:}" INFO keyspace)" ]; do
      tries=$((tries + 1))
      sleep 0.5
    done
  done
}

# Redis maintains nodes.conf: a node that has one starts with it, and the other nodes send it the changes made since
# then. A node without one is new, or has lost its volume. In the second case an empty master would wipe its replicas.
run_cluster() {
  if [ -f /data/nodes.conf ]; then
    readdressed /data/nodes.conf >/data/nodes.conf.next
    mv /data/nodes.conf.next /data/nodes.conf
  fi
  keep=no
  if has_data; then keep=yes; fi
  tries=0
  source=volume
  if [ ! -f /data/nodes.conf ]; then await_followers; fi
  while [ ! -f /data/nodes.conf ]; do
    if [ "$keep" = no ] && ! peers_hold_data; then
      source=template
      cp /kit/nodes.conf /data/nodes.conf.next
      mv /data/nodes.conf.next /data/nodes.conf
      break
    fi
    for peer in $PEERS; do
      source="view of ${peer%:*}"
      ask redis "${peer%:*}" "${peer#*:}" CLUSTER NODES | tr -d '\r' | adopted "$keep" >/data/nodes.conf.next
      if [ -s /data/nodes.conf.next ]; then
        mv /data/nodes.conf.next /data/nodes.conf
        break
      fi
    done
    [ ! -f /data/nodes.conf ] || break
    tries=$((tries + 1))
    if [ "$tries" -ge "$WAIT_HALF_SECONDS" ]; then
      say "$NODE has lost its volume and no other node owns its slots; an empty master would wipe its replicas: not starting"
      exit 1
    fi
    [ $((tries % 10)) -ne 0 ] || say "$NODE has lost its volume: waiting until another node has taken over its slots"
    sleep 0.5
  done
  cp /kit/redis.conf /data/redis.conf
  say "$NODE starts with its part in the cluster (source: $source)"
  exec redis-server /data/redis.conf
}

# A replica without a master retries after a second (replicationCron), so this waits a moment for a new master.
await_master() {
  while patient 3 && [ -z "$(ask redis "${1% *}" "${1#* }" PING)" ]; do sleep 0.1; done
}

# Succeeds if the server would refuse the files on the volume.
damaged() {
  command -v redis-check-aof >/dev/null && command -v redis-check-rdb >/dev/null || return 1
  if [ -f /data/appendonlydir/appendonly.aof.manifest ]; then
    ! redis-check-aof /data/appendonlydir/appendonly.aof.manifest >/dev/null 2>&1
  elif [ -f /data/dump.rdb ]; then
    ! redis-check-rdb /data/dump.rdb >/dev/null 2>&1
  else
    return 1
  fi
}

# A replica copies its master's data, so files that its server refuses are renamed and kept, but only once. The files
# are checked only if the server did not reply to PING after the last start (`health` removes the mark).
set_damaged_aside() {
  [ -f /data/starting ] && has_data || return 0
  damaged || return 0
  rm -rf /data/set-aside.damaged
  mkdir /data/set-aside.damaged
  for name in appendonlydir appendonly.aof dump.rdb; do
    [ ! -e "/data/$name" ] || mv "/data/$name" /data/set-aside.damaged/
  done
  say "$NODE: its data is damaged and is kept in /data/set-aside.damaged; the node copies the data of the master"
}

start_redis() {
  if [ "$1" != "$SELF" ]; then
    set_damaged_aside
    has_data || await_master "$1"
  fi
  : >/data/starting
  cp /kit/redis.conf /data/redis.conf.next
  [ "$1" = "$SELF" ] || echo "replicaof $1" >>/data/redis.conf.next
  mv /data/redis.conf.next /data/redis.conf
  say "$NODE starts: $2"
  exec redis-server /data/redis.conf
}

run_redis() {
  tries=0
  # After a power cut all nodes start at once: wait a moment for the sentinels before using the volume.
  grace=0
  if has_data && [ -n "$SENTINELS" ]; then grace=10; fi
  while [ "$tries" -lt "$WAIT_HALF_SECONDS" ]; do
    source=sentinels
    master=$(elected)
    if [ -z "$master" ] && [ "$tries" -ge "$grace" ]; then
      source=volume
      master=$(remembered)
      if [ -z "$master" ]; then source=template master=$BOOTSTRAP; fi
    fi
    if [ -n "$master" ]; then
      if [ "$master" != "$SELF" ]; then start_redis "$master" "replica of $master (source: $source)"; fi
      # Other nodes may have accepted writes while this node was down. Returning as master during the failover would
      # create a second master; an empty master would wipe all replicas.
      if [ "$source" != sentinels ] || ! successor_in_sight; then
        if has_data || ! peers_hold_data; then start_redis "$SELF" "master (source: $source)"; fi
      fi
      [ $((tries % 10)) -ne 0 ] || say "$NODE is master according to the $source, but another node can be promoted: waiting for a failover"
    fi
    tries=$((tries + 1))
    sleep 0.5
  done
  if has_data; then start_redis "$SELF" 'master: no other node was promoted'; fi
  say "$NODE: no other node took over, and an empty master would wipe them: not starting"
  exit 1
}

# A sentinel that starts before the replicas are in sync detects them with its next INFO, a second later.
await_replicas() {
  while patient 15; do
    seen=$(ask redis "${1% *}" "${1#* }" INFO replication | tr -d '\r' | grep -c '^slave[0-9].*state=online' || true)
    [ "$seen" -lt "$REPLICAS" ] || return 0
    sleep 0.1
  done
}

# The kit owns the template; Sentinel owns the state: its id, its epochs, its master and the nodes that it has
# discovered. A new sentinel is given the other sentinels and the replicas of the first master.
run_sentinel() {
  kept=/data/sentinel.conf
  monitored=
  if [ -f "$kept" ]; then
    monitored=$(readdressed "$kept" |
      awk -v name="$SERVICE" '$1 == "sentinel" && $2 == "monitor" && $3 == name { print $4, $5; exit }')
    source=volume
  fi
  if [ -z "$monitored" ]; then
    monitored=$(elected)
    source=sentinels
  fi
  if [ -z "$monitored" ]; then
    monitored=$BOOTSTRAP
    source=template
    await_replicas "$monitored"
  fi
  {
    awk -v name="$SERVICE" -v address="$monitored" \
      '$1 == "sentinel" && $2 == "monitor" && $3 == name { print $1, $2, $3, address, $6; next } { print }' /kit/sentinel.conf
    if [ -f "$kept" ]; then
      readdressed "$kept" |
        grep -E '^sentinel (myid|config-epoch|leader-epoch|current-epoch|known-replica|known-sentinel) ' || true
    elif [ "$monitored" = "$BOOTSTRAP" ]; then
      cat /kit/known-sentinels.conf
    else
      grep -v '^sentinel known-replica ' /kit/known-sentinels.conf
    fi
  } >/data/sentinel.conf.next
  mv /data/sentinel.conf.next "$kept"
  say "$NODE starts: monitors $monitored (source: $source)"
  exec redis-server "$kept" --sentinel
}

# PING needs no secret: user `health` has no other rights. A master that cannot save replies MISCONF to PING, but serves
# reads: it is healthy, as in `kit status` (infra/redis/ping.ts).
health() {
  case $(timeout 2 redis-cli --no-auth-warning --user health --pass none $TLS_ARGS -h "$HOST" -p "$PORT" ping 2>&1) in
    PONG* | MISCONF*) rm -f /data/starting; exit 0 ;;
    *LOADING*) exit 0 ;;
    *) exit 1 ;;
  esac
}

# Prints the view of one sentinel: "ip port other-sentinels flags replicas-in-sync".
view() {
  master=$(ask sentinel "$1" "$2" SENTINEL master "$SERVICE" | awk 'NR % 2 { field = $0; next } { v[field] = $0 }
    END { print v["ip"] " " v["port"] " " v["num-other-sentinels"] " " v["flags"] }')
  synced=$(ask sentinel "$1" "$2" SENTINEL replicas "$SERVICE" | grep -c -A1 '^ok$' || true)
  echo "$master $synced"
}

# Prints the first unmet condition of a cluster node; prints nothing if the node is healthy.
cluster_complaint() {
  info=$(ask redis "$1" "$2" CLUSTER INFO | tr -d '\r')
  for wanted in cluster_state:ok cluster_slots_ok:16384 "cluster_known_nodes:$NODES"; do
    case "
$info
" in *"
$wanted
"*) ;; *) echo "$1 does not report $wanted"; return ;; esac
  done
  case $(ask redis "$1" "$2" CLUSTER NODES) in
    *disconnected*) echo "$1 is not connected to every node"; return ;;
  esac
  state=$(ask redis "$1" "$2" INFO replication | tr -d '\r')
  case $state in
    *role:slave*master_link_status:up*) ;;
    *role:master*)
      followers=$(echo "$state" | grep -c '^slave[0-9]*:.*state=online' || true)
      [ "$followers" -ge "$REPLICAS" ] || echo "$1 has $followers of $REPLICAS replicas"
      ;;
    *) echo "$1 has no link to its master" ;;
  esac
}

ready_cluster() {
  missing=
  while patient 60; do
    missing=$(for peer in $PEERS; do cluster_complaint "${peer%:*}" "${peer#*:}"; done)
    if [ -z "$missing" ]; then say 'ready: every slot is served and every master has its replicas'; return; fi
    sleep 0.1
  done
  say "not ready after 60 s: $(echo "$missing" | head -n 1)"
  exit 1
}

# Loads the cache client's functions on every master; replicas reply READONLY and get them by replication.
load_functions() {
  loaded=
  # The reply to FUNCTION LOAD is the name of the library, which is in its first line.
  library=$(sed -n '1s/^#!lua name=//p' /kit/redis_cache_kit.lua)
  deadline=
  for peer in $PEERS; do
    while :; do
      answer=$(ask functions "${peer%:*}" "${peer#*:}" -x FUNCTION LOAD REPLACE </kit/redis_cache_kit.lua)
      case $answer in
        "$library") loaded=yes; break ;;
        READONLY*) break ;;
        # A node may be slow to reply, may still be loading its data, or may count no replica.
        '' | LOADING* | NOREPLICAS*) patient 60 && sleep 0.2 && continue ;;
      esac
      say "functions: ${peer%:*} replied ${answer:-nothing}"
      exit 1
    done
  done
  [ -n "$loaded" ] || { say 'functions: no node is a master'; exit 1; }
}

ready() {
  [ -z "$CLUSTER" ] || { ready_cluster; return; }
  [ -n "$SENTINELS" ] || { ready_single; return; }
  expected=
  while patient 60; do
    agreed=yes
    expected=
    for sentinel in $SENTINELS; do
      seen=$(view "${sentinel%:*}" "${sentinel#*:}")
      [ -n "$expected" ] || expected=$seen
      case $seen in
        *" $OTHERS master $REPLICAS") [ "$seen" = "$expected" ] || agreed=no ;;
        *) agreed=no ;;
      esac
    done
    if [ "$agreed" = yes ]; then say "ready: master and sentinels agree ($expected)"; return; fi
    sleep 0.1
  done
  say "not ready after 60 s: the last view was: address, other sentinels, flags, replicas in sync = $expected"
  exit 1
}

ready_single() {
  while patient 60; do
    if (health); then say 'ready: the node answers'; return; fi
    sleep 0.1
  done
  say 'not ready after 60 s: the node does not answer'
  exit 1
}

case ${1:-run} in
  run) "run_$KIND" ;;
  health) health ;;
  ready) ready; load_functions ;;
  *) say "unknown command '$1'; allowed: run, health, ready" >&2; exit 2 ;;
esac
