#!/bin/sh
# Runs the exporter so that /metrics always follows the master: the exporter has one fixed address, while the master
# changes. Queries the sentinels through the exporter itself (it supports TLS and ACL; a shell does not), and restarts
# it when the master changes.
set -eu
. /kit/exporter.env

start() {
  /redis_exporter --redis.addr="$SCHEME://$1" --redis.user=exporter --redis.password-file=/kit/passwords.json \
    --config-command=- --connection-timeout="$TIMEOUT" --web.listen-address=0.0.0.0:9121 $TLS_ARGS &
  exporter=$!
}

# Prints the master as "IP:PORT", as reported by the first sentinel that answers.
named() {
  for sentinel in $SENTINELS; do
    found=$(timeout 3 busybox wget -q -O - "http://127.0.0.1:9121/scrape?target=$SCHEME://$sentinel" 2>/dev/null |
      busybox sed -n 's/^redis_sentinel_master_status{.*master_address="\([^"]*\)".*/\1/p' | busybox head -n 1) || true
    [ -z "$found" ] || { echo "$found"; return; }
  done
}

trap 'kill "$exporter" 2>/dev/null; wait "$exporter" 2>/dev/null; exit 0' TERM INT
master=$BOOTSTRAP
start "$master"
while kill -0 "$exporter" 2>/dev/null; do
  sleep 2 &
  wait $! || true
  now=$(named)
  if [ -n "$now" ] && [ "$now" != "$master" ]; then
    echo "exporter: the master is $now now"
    kill "$exporter"
    wait "$exporter" || true
    master=$now
    start "$master"
  fi
done
exit 1
