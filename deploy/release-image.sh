#!/usr/bin/env bash
# Builds the image for both processors and pushes it. Its base images are those of .env at the digests that they have
# now; the digest of the result is printed, and kept in build/image.json.
#   release-image.sh IMAGE TAG          needs docker with buildx, and a login to the registry
set -euo pipefail
image=$1 tag=$2
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/.env"
# pin NAME: the name with the digest of its index, which is for all processors
pin() { echo "$1@$(docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$1")"; }
base=$(pin "docker.io/library/python:$PYTHON_VERSION-slim-bookworm")
compiler=$(pin "docker.io/library/python:$PYTHON_VERSION-bookworm")
metadata=$root/build/image.json
mkdir -p "$root/build"
docker buildx build --platform linux/amd64,linux/arm64 --push --provenance=true \
    --build-arg DIGESTS=required --build-arg "BASE=$base" --build-arg "COMPILER=$compiler" \
    --build-arg "VERSION=${tag#v}" --build-arg "REVISION=$(git -C "$root" rev-parse HEAD)" \
    --metadata-file "$metadata" -f "$root/deploy/Dockerfile" -t "$image:${tag#v}" "$root"
sed -n "s|.*\"containerimage.digest\": *\"\(sha256:[0-9a-f]*\)\".*|$image@\1|p" "$metadata"
