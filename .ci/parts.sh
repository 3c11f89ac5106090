# Sourced by .ci/run: the parts of the pipeline, the time of each, and parts that run in parallel with others.

# .ci/run must take less than this on a slow machine with two cores. A longer run is reported, and does not fail.
LIMIT_S=2100

# One line per part, in the order in which they ended: "<seconds>\t<CPU>\t<title>".
times=
part=
part_start=0
part_cpu=
# Time since the machine has started in which its cores worked, and in which they could have, as "<busy> <all>"; empty on
# other systems than Linux.
cpu_times() {
  local name user nice system idle iowait irq softirq steal rest
  { read -r name user nice system idle iowait irq softirq steal rest </proc/stat; } 2>/dev/null || return 0
  local busy=$((user + nice + system + irq + softirq + steal))
  printf '%d %d' "$busy" "$((busy + idle + iowait))"
}
# cpu_share <before> <after>: share of the time of all cores in which they worked.
cpu_share() {
  [ -n "$1" ] && [ "${2#* }" -gt "${1#* }" ] || { printf -- '-'; return 0; }
  printf '%d %%' "$((100 * (${2% *} - ${1% *}) / (${2#* } - ${1#* })))"
}
part_end() {
  [ -z "$part" ] ||
    times+="$((SECONDS - part_start))"$'\t'"$(cpu_share "$part_cpu" "$(cpu_times)")"$'\t'"$part"$'\n'
  part=
}
# title <text…>: starts a part, which lasts until the next title.
title() {
  part_end
  part=$*
  part_start=$SECONDS
  part_cpu=$(cpu_times)
  printf '\n=== %s\n' "$*"
}
# Parts shorter than a second are left out. A part with a low CPU share waits, so another one could run in parallel.
print_times() {
  part_end
  printf '\n=== time of each part in seconds, CPU time used of all cores\n'
  local seconds cpu name
  while IFS=$'\t' read -r seconds cpu name; do
    [ "$seconds" -lt 1 ] || printf '%6d  %5s  %s\n' "$seconds" "$cpu" "$name"
  done < <(printf '%s' "$times")
  printf '%6d  %5s  total\n' "$SECONDS" ''
  [ "$SECONDS" -le "$LIMIT_S" ] ||
    printf 'note: the pipeline took longer than %d minutes\n' "$((LIMIT_S / 60))"
}

declare -A parallel_pids=()
parallel_output() { printf '%s' "$SERVERS/$1.output"; }
# parallel_start <name> <command…>: runs a command in parallel with the next parts; its output goes to a file.
parallel_start() {
  local name=$1 start=$SECONDS ended
  # Each command gets its own process group, so that parallel_stop reaches the programs that it starts, too.
  set -m
  {
    "${@:2}"
    ended=$?
    printf '%d' "$((SECONDS - start))" >"$SERVERS/$name.seconds"
    exit "$ended"
  } >"$(parallel_output "$name")" 2>&1 &
  parallel_pids[$name]=$!
  set +m
}
# parallel_end <name>: waits for the command, prints its output and returns its exit code.
parallel_end() {
  wait "${parallel_pids[$1]}"
  local ended=$?
  unset "parallel_pids[$1]"
  cat "$(parallel_output "$1")"
  # A command that was stopped has no time.
  local seconds
  seconds=$(cat "$SERVERS/$1.seconds" 2>/dev/null) || seconds=0
  times+="$seconds"$'\t-\t'"$1, in parallel with the parts above"$'\n'
  return "$ended"
}
# parallel_stop: stops all commands that still run.
parallel_stop() {
  local pid
  for pid in "${parallel_pids[@]}"; do
    kill -TERM -- "-$pid"
    wait "$pid"
  done
  parallel_pids=()
}
