#!/usr/bin/env bash
# Builds an image on a base made by debootstrap, because there may be no image registry: that of deploy/Dockerfile, or
# what BUILD says, which are more arguments for `build`, with the context at the end.
#   [ENGINE=docker] image.sh CACHE_DIR TAG [BUILD...]       needs root, debootstrap, and podman with runc, or docker
set -euo pipefail
cache=$1 tag=$2
shift 2
engine=${ENGINE:-podman}
root=$(cd "$(dirname "$0")/../../.." && pwd)
[ $# -gt 0 ] || set -- -f "$root/deploy/Dockerfile" "$root"
mkdir -p "$cache"
exec 9> "$cache/lock" # several tests may need images at once
flock 9
export CONTAINERS_CONF="$cache/containers.conf"
cat > "$CONTAINERS_CONF.new" <<'CONF'
[engine]
cgroup_manager="cgroupfs"
runtime="runc"
events_logger="file"
[containers]
default_ulimits=["nofile=20000:20000","nproc=8192:8192"]
CONF
mv "$CONTAINERS_CONF.new" "$CONTAINERS_CONF" # another process may read it now
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
    "$engine" image inspect "$bases-$name:bookworm" >/dev/null 2>&1 ||
        "$engine" import "$cache/$name.tar" "$bases-$name:bookworm" >/dev/null
}
debian base python3-venv,ca-certificates
debian compiler python3-venv,python3-dev,gcc,libc6-dev,ca-certificates
# The package index is reached as this machine reaches it; nothing of that stays in the image.
secrets=$(mktemp -d)
trap 'rm -rf "$secrets"' EXIT
for file in "${PIP_CONFIG_FILE:-}" /root/.config/pip/pip.conf /etc/pip.conf; do
    [ -f "$file" ] && break
done
{
    echo "[global]"
    echo "cert = /run/secrets/pip-ca"
    [ -z "${PIP_INDEX_URL:-}" ] || echo "index-url = $PIP_INDEX_URL"
    [ ! -f "$file" ] || grep -vE '^(\[global\]|cert\b)' "$file" || true
} > "$secrets/pip.conf"
"$engine" build -q --network=host --build-arg "BASE=$bases-base:bookworm" --build-arg "COMPILER=$bases-compiler:bookworm" \
    --secret "id=pip.conf,src=$secrets/pip.conf" --secret "id=pip-ca,src=${PIP_CERT:-/etc/ssl/certs/ca-certificates.crt}" -t "$tag" "$@" >/dev/null
