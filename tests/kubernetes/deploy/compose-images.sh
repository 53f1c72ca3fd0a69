#!/usr/bin/env bash
# Makes the images that docker-compose.yml names besides the sidecar's, without an image registry: Python's is the base
# of tests/kubernetes/deploy/image.sh, the databases are the servers that tests/support/servers runs as processes.
#   compose-images.sh CACHE_DIR ELASTICSEARCH_HOME       needs what tests/kubernetes/deploy/image.sh needs for docker
set -euo pipefail
cache=$1 home=$2
export ENGINE=docker
deploy=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$deploy/../../.." && pwd)
. "$root/.env"

# build TARGET TAG CONTEXT: one target of servers.Dockerfile
build() {
    bash "$deploy/image.sh" "$cache" "$2" --target "$1" -f "$deploy/servers.Dockerfile" "$3"
}
build elasticsearch "docker.elastic.co/elasticsearch/elasticsearch:$ELASTICSEARCH_VERSION" "$home"
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
(cd "$root" && cp --parents -r requirements tests/__init__.py tests/support/__init__.py \
    tests/support/servers/{__init__,wire_mongodb}.py tests/kubernetes/deploy/mongosh "$context")
build mongodb "docker.io/library/mongo:$MONGODB_VERSION" "$context"
docker tag localhost/log-sidecar-base:bookworm "docker.io/library/python:$PYTHON_VERSION-slim-bookworm"
