#!/usr/bin/env bash
# Installs rsyslog and its modules from Debian. Without root or apt-get, the benchmark runs without rsyslog and says so.
set -euo pipefail
packages=(rsyslog rsyslog-elasticsearch rsyslog-mongodb)
installed=$(dpkg-query --show --showformat='${Status}\n' "${packages[@]}" 2>/dev/null | grep -c 'ok installed' || true)
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null || [ "$installed" = ${#packages[@]} ]; then
    exit 0
fi
echo "installing ${packages[*]}"
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
