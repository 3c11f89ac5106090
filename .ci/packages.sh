# Sourced by .ci/run: installs Debian packages that tests need.

# apt_install <package…>: fails if this user or system cannot install one. No service of a package is started.
apt_install() {
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then return 1; fi
  local policy=/usr/sbin/policy-rc.d ours=
  [ -e "$policy" ] || { printf '#!/bin/sh\nexit 101\n' >"$policy"; chmod +x "$policy"; ours=1; }
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
  local installed=$?
  [ -z "$ours" ] || rm -f "$policy"
  return "$installed"
}

# promtool checks the text of the client's metrics.
promtool_up() {
  command -v promtool >/dev/null || apt_install prometheus || printf 'promtool could not be installed: its tests are skipped\n'
}
