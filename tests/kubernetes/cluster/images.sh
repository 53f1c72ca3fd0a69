#!/usr/bin/env bash
# Makes the archive of images for the node, and prints its path: the sidecar as deploy/Dockerfile makes it, its base
# under the names of the application images that examples use, nginx, and the process that holds a Pod's namespaces.
# What was made of the same inputs is kept.
#   images.sh HOME      of the node, which is prepared; needs what tests/kubernetes/deploy/image.sh needs
set -euo pipefail
home=$1 pause=$1/current/pause
root=$(cd "$(dirname "$0")/../../.." && pwd)
version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' "$root/sidecar/__init__.py")
sidecar=docker.io/library/log-sidecar:$version
base=localhost/log-sidecar-base:bookworm # tests/kubernetes/deploy/image.sh makes it
stand_in=docker.io/library/python:3.11-slim
busybox=docker.io/library/busybox:1.36 # Debian's, with a link for each of its commands
nginx=docker.io/library/nginx:debian # Debian's

inputs() {
    cd "$root"
    find sidecar log_sidecar.py requirements/run.txt requirements/extras.txt requirements/build.txt pyproject.toml README.md LICENSE deploy/Dockerfile deploy/launcher.c \
        tests/kubernetes/deploy/image.sh tests/kubernetes/cluster/images.sh "$pause" -type f ! -name '*.pyc' -print0 | sort -z | xargs -0 sha256sum
}
archive=$home/images/$(inputs | sha256sum | cut -c1-12).tar
if ! [ -s "$archive" ]; then
    mkdir -p "$home/images"
    cache=$(dirname "$home")/image
    bash "$root/tests/kubernetes/deploy/image.sh" "$cache" "$sidecar"
    export CONTAINERS_CONF="$cache/containers.conf"
    podman tag "$base" "$stand_in"
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    mkdir -p "$work/bin" "$work/tmp" "$work/etc"
    cp "$(command -v busybox)" "$work/bin/busybox"
    busybox --list | grep -vx busybox | while read -r command; do ln -s busybox "$work/bin/$command"; done
    tar -C "$work" -c . | podman import -q --change 'CMD ["sh"]' --change 'ENV PATH=/bin' - "$busybox" >/dev/null
    tar -C "$(dirname "$pause")" -c pause | podman import -q --change 'CMD ["/pause"]' - localhost/pause:1 >/dev/null
    if ! [ -s "$cache/nginx.tar" ]; then
        debootstrap --variant=minbase --include=nginx-light bookworm "$work/nginx" >"$cache/debootstrap-nginx.log" 2>&1
        tar -C "$work/nginx" --exclude=./var/cache/apt --exclude=./var/lib/apt/lists -cf "$cache/nginx.tar.part" .
        mv "$cache/nginx.tar.part" "$cache/nginx.tar"
    fi
    podman import -q --change 'CMD ["nginx", "-g", "daemon off;"]' --change 'STOPSIGNAL SIGQUIT' "$cache/nginx.tar" "$nginx" >/dev/null
    rm -f "$home"/images/*
    podman save --quiet --multi-image-archive -o "$archive.part" "$sidecar" "$stand_in" "$busybox" "$nginx" localhost/pause:1
    # podman may not be left with what only looks like an image from elsewhere.
    podman untag "$base" "$stand_in"
    podman rmi -f "$busybox" "$nginx" >/dev/null
    mv "$archive.part" "$archive"
fi
echo "$archive"
