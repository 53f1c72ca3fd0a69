# Stand-ins for the images of Elasticsearch and MongoDB that docker-compose.yml asks for: the same servers that the tests
# run as processes, on the base that tests/kubernetes/deploy/image.sh makes. Each is a target; compose-images.sh builds
# them, each with its own build context.
ARG BASE

# The real Elasticsearch 8; its home is the build context.
FROM ${BASE} AS elasticsearch
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends curl openjdk-17-jre-headless >/dev/null \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/apt/archives/*.deb
COPY . /usr/share/elasticsearch/
RUN mkdir /usr/share/elasticsearch/data && chown 1000:0 /usr/share/elasticsearch/data
USER 1000:0
# It ends with its input, so the input is one that never ends; `exec` makes Java the process that gets signals.
ENTRYPOINT ["bash", "-c", "exec java $ES_JAVA_OPTS -Des.path.home=/usr/share/elasticsearch --module-path /usr/share/elasticsearch/lib --add-modules ALL-MODULE-PATH -cp /usr/share/elasticsearch/classes Launcher8 0.0.0.0 9200 9300 /usr/share/elasticsearch/data < <(exec tail -f /dev/null)"]

# The server that speaks MongoDB's protocol.
FROM ${BASE} AS mongodb
COPY requirements /src/requirements/
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=pip-ca \
    sed -n 's/^\([^ #]*==[^ ;]*\).*/\1/p' /src/requirements/run.txt /src/requirements/extras.txt /src/requirements/dev.txt > /src/pinned.txt \
 && python3 -m venv /opt/mongodb \
 && /opt/mongodb/bin/pip install --quiet --disable-pip-version-check --no-cache-dir --only-binary=:all: \
        -c /src/pinned.txt "$(grep '^secantusdb==' /src/pinned.txt)"
COPY tests /opt/mongodb/tests/
COPY --chmod=0755 tests/kubernetes/deploy/mongosh /usr/local/bin/mongosh
RUN mkdir -p /data/db && chown 999:999 /data/db
USER 999:999
WORKDIR /opt/mongodb
STOPSIGNAL SIGINT
# Clients connect to the address that it reports, which is the one it listens on: it must be reachable from them.
ENTRYPOINT ["bash", "-c", "exec bin/python3 -m tests.support.servers.wire_mongodb /data/db $(hostname -i) 27017 < <(exec tail -f /dev/null)"]
