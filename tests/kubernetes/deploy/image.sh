#!/usr/bin/env bash
# Builds an image with podman on a base made by debootstrap, since no image registry can be assumed: that of
# deploy/Dockerfile, or what BUILD says, which is more for `podman build`, with the context at its end.
#   image.sh CACHE_DIR TAG [BUILD...]       needs root, podman, runc, debootstrap
set -euo pipefail
cache=$1 tag=$2
shift 2
root=$(cd "$(dirname "$0")/../../.." && pwd)
[ $# -gt 0 ] || set -- -f "$root/deploy/Dockerfile" "$root"
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
bases=localhost/log-sidecar
# A base of Debian's Python and more packages, as an image NAME.
debian() {
    local name=$1 packages=$2 work
    if ! [ -s "$cache/$name.tar" ]; then
        work=$(mktemp -d)
        debootstrap --variant=minbase --include="python3,$packages" bookworm "$work/root" >"$cache/debootstrap.log" 2>&1
        rm -rf "$work"/root/var/cache/apt/* "$work"/root/var/lib/apt/lists/* "$work"/root/usr/share/doc/*
        tar -C "$work/root" -cf "$cache/$name.tar.part" .
        mv "$cache/$name.tar.part" "$cache/$name.tar"
        rm -rf "$work"
    fi
    podman image exists "$bases-$name:bookworm" || podman import -q "$cache/$name.tar" "$bases-$name:bookworm" >/dev/null
}
debian base python3-venv,ca-certificates
debian compiler python3-venv,python3-dev,gcc,libc6-dev,ca-certificates
# The package index is reached as this machine reaches it; nothing of that stays in the image.
mounts=()
for file in /etc/pip.conf "${PIP_CERT:-}" "${PIP_CONFIG_FILE:-}" "${PIP_FIND_LINKS:-}" /root/.config/pip; do
    [ -n "$file" ] && [ -e "$file" ] && mounts+=(--volume "$file:$file:ro")
done
arguments=(--build-arg "BASE=$bases-base:bookworm" --build-arg "COMPILER=$bases-compiler:bookworm")
for name in PIP_INDEX_URL PIP_CERT; do
    [ -n "${!name:-}" ] && arguments+=(--build-arg "$name=${!name}")
done
podman build -q --network=host "${arguments[@]}" ${mounts[@]+"${mounts[@]}"} \
    -t "$tag" "$@" >/dev/null
