#!/usr/bin/env bash
# Makes the archive of images for the node, and prints its path: the sidecar as deploy/Dockerfile makes it, its base
# under the names of the application images that examples use, and the process that holds a Pod's namespaces.
# What was made of the same inputs is kept.
#   images.sh HOME      of the node, which is prepared; needs what tests/deploy/image.sh needs
set -euo pipefail
home=$1 pause=$1/current/pause
root=$(cd "$(dirname "$0")/../.." && pwd)
version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' "$root/sidecar/__init__.py")
sidecar=docker.io/library/log-sidecar:$version
base=localhost/log-sidecar-base:bookworm # tests/deploy/image.sh makes it
stand_ins=(docker.io/library/busybox:1.36 docker.io/library/python:3.11-slim)

inputs() {
    cd "$root"
    find sidecar requirements/run.txt requirements/dev.txt pyproject.toml README.md LICENSE deploy/Dockerfile \
        tests/deploy/image.sh tests/cluster/images.sh "$pause" -type f ! -name '*.pyc' -print0 | sort -z | xargs -0 sha256sum
}
archive=$home/images/$(inputs | sha256sum | cut -c1-12).tar
if ! [ -s "$archive" ]; then
    mkdir -p "$home/images"
    cache=$(dirname "$home")/image
    bash "$root/tests/deploy/image.sh" "$cache" "$sidecar"
    export CONTAINERS_CONF="$cache/containers.conf"
    for name in "${stand_ins[@]}"; do podman tag "$base" "$name"; done
    tar -C "$(dirname "$pause")" -c pause | podman import -q --change 'CMD ["/pause"]' - localhost/pause:1 >/dev/null
    rm -f "$home"/images/*
    podman save --quiet --multi-image-archive -o "$archive.part" "$sidecar" "${stand_ins[@]}" localhost/pause:1
    # Two images that are one need two names all the same, and podman may not be left with the stand-ins.
    podman untag "$base" "${stand_ins[@]}"
    mv "$archive.part" "$archive"
fi
echo "$archive"
