# Sourced by .ci/run: installs Debian packages that tests need.

# apt_install <package…>: fails if this user or system cannot install a package. Services in the packages are not
# started.
apt_install() {
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then return 1; fi
  local policy=/usr/sbin/policy-rc.d ours=
  [ -e "$policy" ] || { printf '#!/bin/sh\nexit 101\n' >"$policy"; chmod +x "$policy"; ours=1; }
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
  local installed=$?
  [ -z "$ours" ] || rm -f "$policy"
  return "$installed"
}

# Programs without which tests are skipped: promtool checks metrics and rules, Prometheus evaluates them, libfaketime
# steps the clock of a process, nft separates nodes, Chromium shows reports, the runbook uses jq and ss, zsh and fish
# run their completion scripts, sshd gives access to the engine of a second host.
test_programs_up() {
  local packages=()
  command -v promtool >/dev/null || packages+=(prometheus)
  command -v prometheus-alertmanager >/dev/null || packages+=(prometheus-alertmanager)
  command -v nft >/dev/null || packages+=(nftables)
  command -v chromium >/dev/null || packages+=(chromium)
  command -v jq >/dev/null || packages+=(jq)
  command -v ss >/dev/null || packages+=(iproute2)
  command -v zsh >/dev/null || packages+=(zsh)
  command -v fish >/dev/null || packages+=(fish)
  command -v sshd >/dev/null || packages+=(openssh-server)
  compgen -G '/usr/lib/*/faketime/libfaketime.so.1' >/dev/null || packages+=(libfaketime)
  [ "${#packages[@]}" -eq 0 ] || apt_install "${packages[@]}" ||
    printf '%s: not installed; their tests are skipped\n' "${packages[*]}"
}
