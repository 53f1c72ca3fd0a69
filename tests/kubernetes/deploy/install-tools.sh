#!/usr/bin/env bash
# Installs what tests need from Debian: a C compiler, valgrind, logrotate, podman with its parts, podman-compose,
# docker with compose, debootstrap, a browser, shells, groff and mandoc, the parts of a Kubernetes node, and rsyslog, the
# peer of the benchmark. Arguments are more packages. Needs root.
set -euo pipefail
wanted=(
    gcc libc6-dev valgrind logrotate podman buildah runc catatonit iptables netavark aardvark-dns podman-compose debootstrap
    docker.io docker-compose
    chromium fonts-dejavu-core busybox-static containerd containernetworking-plugins iproute2 procps util-linux openssl curl rsyslog rsyslog-elasticsearch rsyslog-mongodb
    zsh fish mandoc groff-base
)
wanted+=("$@")
missing=()
for package in "${wanted[@]}"; do
    dpkg-query --show --showformat='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
    echo "installing ${missing[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
