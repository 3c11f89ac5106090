# Sourced by .ci/run: starts and stops a Docker engine for the tests.
#
# A running engine is used and left running. Otherwise, root on a Debian-based system installs and starts one; on other
# systems the tests that need an engine are reported as skipped.
engine_pid=

engine_up() {
  docker version >/dev/null 2>&1 && return 0
  if ! command -v dockerd >/dev/null; then
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
      printf 'no Docker engine is running, and this user cannot install one: its tests are skipped\n'
      return 1
    fi
    title 'installing a Docker engine'
    local distribution_name=docker
    if ! apt_install "$distribution_name.io" iptables; then count 0 1; printf 'FAILED: a Docker engine could not be installed\n'; return 1; fi
  fi
  mkdir -p "${RUN%/*}"
  # The engine has no mark, and its log and temporary files are outside $TMPDIR, because it is stopped only after the
  # check for leftovers, and runc leaves a temporary file behind if a container ends during an exec.
  mkdir -p "$SERVERS/engine"
  KIT_CI_MARK='' TMPDIR="$SERVERS/engine" setsid dockerd >"${RUN%/*}/dockerd.log" 2>&1 </dev/null &
  engine_pid=$!
  local tries
  for tries in $(seq 60); do
    docker version >/dev/null 2>&1 && return 0
    kill -0 "$engine_pid" 2>/dev/null || break
    sleep 0.5
  done
  count 0 1
  printf 'FAILED: the Docker engine did not start (%s tries)\n' "$tries"
  tail -n 5 "${RUN%/*}/dockerd.log"
  engine_down
  return 1
}

engine_empty() {
  local left
  left=$(docker ps --all --quiet --filter label=redis-cache-kit.environment
    docker volume ls --quiet --filter label=redis-cache-kit.environment
    docker network ls --quiet --filter label=redis-cache-kit.environment)
  [ -z "$left" ] || { printf '%s\n' "$left"; return 1; }
}

engine_down() {
  [ -n "$engine_pid" ] || return 0
  kill "$engine_pid" 2>/dev/null
  wait "$engine_pid" 2>/dev/null
  engine_pid=
}
