#!/usr/bin/env bash
# Makes the images that docker-compose.yml names beside the sidecar's, without any image registry: Python's is the base
# of tests/kubernetes/deploy/image.sh, the databases are the servers that tests/support/servers runs as processes. Their
# names belong to others, so have podman use a store of its own for this (CONTAINERS_STORAGE_CONF).
#   compose-images.sh CACHE_DIR ELASTICSEARCH_HOME       needs what tests/kubernetes/deploy/image.sh needs
set -euo pipefail
cache=$1 home=$2
tests=$(cd "$(dirname "$0")/../.." && pwd)
root=$(dirname "$tests")

# server TARGET TAG [BUILD...]: one target of servers.Dockerfile
server() {
    bash "$tests/kubernetes/deploy/image.sh" "$cache" "$2" --target "$1" -f "$tests/kubernetes/deploy/servers.Dockerfile" "${@:3}" "$tests"
}
server elasticsearch docker.elastic.co/elasticsearch/elasticsearch:8.19.3 --build-context "elasticsearch-home=$home"
server mongodb docker.io/library/mongo:8.0 --build-context "requirements=$root/requirements"
podman tag localhost/log-sidecar-base:bookworm docker.io/library/python:3.11-slim-bookworm
