#!/usr/bin/env bash
# Builds an image with podman on a base made by debootstrap, since no image registry can be assumed: that of
# deploy/Dockerfile, or what BUILD says, which is more for `podman build`, with the context at its end.
#   image.sh CACHE_DIR TAG [BUILD...]       needs root, podman, runc, debootstrap
set -euo pipefail
cache=$1 tag=$2
shift 2
root=$(cd "$(dirname "$0")/../.." && pwd)
[ $# -gt 0 ] || set -- -f "$root/deploy/Dockerfile" "$root"
base=localhost/log-sidecar-base:bookworm
mkdir -p "$cache"
export CONTAINERS_CONF="$cache/containers.conf"
cat > "$CONTAINERS_CONF" <<'CONF'
[engine]
cgroup_manager="cgroupfs"
runtime="runc"
events_logger="file"
[containers]
default_ulimits=["nofile=20000:20000","nproc=8192:8192"]
CONF
if ! [ -s "$cache/base.tar" ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm "$work/root" >"$cache/debootstrap.log" 2>&1
    rm -rf "$work"/root/var/cache/apt/* "$work"/root/var/lib/apt/lists/* "$work"/root/usr/share/doc/*
    tar -C "$work/root" -cf "$cache/base.tar.part" .
    mv "$cache/base.tar.part" "$cache/base.tar"
fi
podman image exists "$base" || podman import -q "$cache/base.tar" "$base" >/dev/null
# The package index is reached as this machine reaches it; nothing of that stays in the image.
mounts=()
for file in /etc/pip.conf "${PIP_CERT:-}" "${PIP_CONFIG_FILE:-}" "${PIP_FIND_LINKS:-}" /root/.config/pip; do
    [ -n "$file" ] && [ -e "$file" ] && mounts+=(--volume "$file:$file:ro")
done
arguments=()
for name in PIP_INDEX_URL PIP_CERT; do
    [ -n "${!name:-}" ] && arguments+=(--build-arg "$name=${!name}")
done
podman build -q --network=host --build-arg "BASE=$base" ${arguments[@]+"${arguments[@]}"} ${mounts[@]+"${mounts[@]}"} \
    -t "$tag" "$@" >/dev/null
