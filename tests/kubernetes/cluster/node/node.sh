#!/usr/bin/env bash
# One real Kubernetes node, in namespaces and cgroups of its own; README.md beside this file tells more.
set -euo pipefail
shopt -s inherit_errexit

usage() {
  cat <<'USAGE'
usage: node.sh COMMAND      home: ${LOG_SIDECAR_TEST_CACHE:-${XDG_CACHE_HOME:-~/.cache}/log-sidecar-tests}/cluster
  prepare                   build the binary and the pause process, unless that was done
  up [IMAGES.tar...]        start the node and import these archives of images
  down                      end everything
  status                    what runs and how much memory it takes; exit status 1 when it is down
  in CMD...                 run CMD inside: kubectl as cluster admin, ctr, iptables, and all that the machine has
USAGE
}

HERE=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd -P)
H=${LOG_SIDECAR_TEST_CACHE:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/log-sidecar-tests}/cluster
TOOLS=(go gcc openssl curl ip unshare nsenter setsid flock pgrep containerd ctr runc iptables)
COMPONENTS=(kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet kubectl etcd)
ADDRESS=10.77.0.2
NETWORK_PLUGINS=/usr/lib/cni
START=${EPOCHREALTIME//[.,]/}

say() {
  local us=$((${EPOCHREALTIME//[.,]/} - START))
  printf '[%3d.%d s] %s\n' $((us / 1000000)) $((us / 100000 % 10)) "$*"
}
die() { echo "node.sh: $*" >&2; exit 1; }
unified() { [ -e /sys/fs/cgroup/cgroup.controllers ]; } # cgroup v2 alone, without v1 hierarchies
snapshotter() { if [ "$(stat -f -c %T "$H")" = overlayfs ]; then echo native; else echo overlayfs; fi; }
fill() { # fill TEMPLATE [TOKEN]
  sed -e "s#@HOME@#$H#g" -e "s#@SNAPSHOTTER@#$(snapshotter)#g" -e "s#@ADDRESS@#$ADDRESS#g" \
    -e "s#@NETWORK_PLUGINS@#$NETWORK_PLUGINS#g" -e "s#@TOKEN@#${2:-}#g" "$HERE/conf/$1"
}

# ---- prepare
inputs() { cat "$HERE"/src/{*/*,pause.c} | sha256sum | cut -c1-12; }

check_tools() {
  local tool missing=()
  for tool in "${TOOLS[@]}"; do type -P "$tool" >/dev/null || missing+=("$tool"); done
  [ -x "$NETWORK_PLUGINS/bridge" ] || missing+=(containernetworking-plugins)
  ((${#missing[@]} == 0)) || die "the node needs ${missing[*]}: tests/kubernetes/deploy/install-tools.sh installs all but go (1.24 or newer) and gcc"
}

build_go() { # build_go MODULE BINARY [LINKER FLAG...]
  (cd "$HERE/src/$1" && GOTOOLCHAIN=local CGO_ENABLED=0 go build -mod=readonly -buildvcs=false -trimpath \
    -tags "netgo osusergo selinux_stub providerless" -ldflags "-s -w ${*:3}" -o "$2" .)
}

prepare() {
  local bin component version stamp=k8s.io/component-base/version
  check_tools
  bin=$H/bin/$(inputs)
  if [ -e "$bin/complete" ]; then ln -sfn "$bin" "$H/current"; return; fi
  version=$(sed -n 's#^\tk8s.io/kubernetes v##p' "$HERE/src/kubernetes/go.mod")
  say "building Kubernetes $version and CoreDNS; with empty Go caches this takes 6 minutes and more"
  rm -rf "${H:?}/bin"; mkdir -p "$bin"
  gcc -static -Os -o "$bin/pause" "$HERE/src/pause.c"
  build_go coredns "$bin/coredns"
  build_go kubernetes "$bin/kubernetes" -X "$stamp.gitVersion=v$version" -X "$stamp.gitMajor=1" \
    -X "$stamp.gitMinor=$(cut -d. -f2 <<< "$version")" -X "k8s.io/client-go/pkg/version.gitVersion=v$version"
  for component in "${COMPONENTS[@]}"; do ln -s kubernetes "$bin/$component"; done
  touch "$bin/complete"; ln -sfn "$bin" "$H/current"
  say "prepared in $bin"
}

# ---- the node: cgroups and namespaces
node_pid() { cat "$H/run/init.pid"; }
is_up() { [ -s "$H/run/init.pid" ] && [[ $(readlink "/proc/$(node_pid)/exe") == "$H"/bin/*/pause* ]]; }
enter_cgroups() { local d; while read -r d; do echo "$BASHPID" > "$d/cgroup.procs"; done < "$H/run/cgroups"; }
cgroup_name() { echo "log-sidecar-node-$(sha256sum <<< "$H" | cut -c1-8)"; }

make_cgroups() { # nested in the caller's own cgroups, with four times its share of the processors; listed in run/cgroups
  local ctl base d c
  if unified; then
    for c in cpu cpuset memory pids; do
      grep -qw "$c" /sys/fs/cgroup/cgroup.subtree_control \
        || die "cgroup v2: enable $c first: echo +$c > /sys/fs/cgroup/cgroup.subtree_control"
    done
    d=/sys/fs/cgroup/$(cgroup_name); mkdir -p "$d/node"; echo 400 > "$d/cpu.weight"
    echo "$d" > "$H/run/cgroups"; return
  fi
  while IFS=: read -r _ ctl base; do
    base=/sys/fs/cgroup/${ctl#name=}${base%/} d=$base/$(cgroup_name)
    if [ -z "$ctl" ] || ! mountpoint -q "/sys/fs/cgroup/${ctl#name=}"; then continue; fi
    mkdir -p "$d"
    if [[ ,$ctl, == *,cpuset,* ]]; then
      for c in cpus mems; do cat "$base/cpuset.$c" > "$d/cpuset.$c"; done; echo 1 > "$d/cgroup.clone_children"
    fi
    if [[ ,$ctl, == *,cpu,* ]]; then echo 4096 > "$d/cpu.shares"; fi
    echo "$d" >> "$H/run/cgroups"
  done < /proc/self/cgroup
  [ -s "$H/run/cgroups" ] || die "no cgroup hierarchy found in /sys/fs/cgroup"
}

start_namespaces() {
  local u p d
  make_cgroups
  (enter_cgroups; exec setsid unshare -m -C -n -u -i -p -f --mount-proc --kill-child "$HERE/node.sh" init) \
    > "$H/logs/node.log" 2>&1 < /dev/null 9>&- &
  u=$!; disown
  for _ in {1..100}; do if pgrep -P "$u" > "$H/run/init.pid" && is_up; then break; fi; sleep 0.1; done
  is_up || { tail -n 3 "$H/logs/node.log" >&2; die "the node's namespaces did not start"; }
  if unified; then # an inner cgroup holds no processes
    d=$(cat "$H/run/cgroups")
    while read -r p; do echo "$p" > "$d/node/cgroup.procs"; done < <(cat "$d/cgroup.procs")
    echo "+cpu +cpuset +memory +pids" > "$d/cgroup.subtree_control"; echo "$d/node" > "$H/run/cgroups"
  fi
}

mount_cgroups() {
  local ctl d v
  if unified; then mount -t cgroup2 cgroup2 /sys/fs/cgroup; return; fi
  mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
  while IFS=: read -r _ ctl _; do
    d=/sys/fs/cgroup/${ctl#name=}
    if [ -z "$ctl" ]; then continue; fi
    mkdir "$d"; mount -t cgroup -o "$ctl" cgroup "$d"
    for v in ${ctl//,/ }; do if [[ $ctl == *,* ]]; then ln -s "$ctl" "/sys/fs/cgroup/$v"; fi; done
  done < /proc/self/cgroup
}

become_init() { # becomes PID 1 of the node; all mounts below are private to its namespaces
  local d v s=$H/state
  set -x
  mount -t sysfs sysfs /sys
  if [ -e "$H/run/unified" ]; then unified() { true; }; fi # the new sysfs does not show it
  mount_cgroups
  mount -t tmpfs -o mode=755 tmpfs /run
  mkdir -p /run/home /run/fake "$s"/{containerd,kubelet,pods,containers}
  mount -t tmpfs -o mode=711 tmpfs "$s/containerd" # an overlay on a disk waits for the disk when it is unmounted
  mount --rbind "$H" /run/home
  for d in var etc opt; do # what is written there stays in the node
    mkdir -p "/run/over/$d/up" "/run/over/$d/work"
    mount -t overlay overlay -o "lowerdir=/$d,upperdir=/run/over/$d/up,workdir=/run/over/$d/work" "/$d"
  done
  mount --rbind /run/home "$H" # in case $H lies in one of them
  mkdir -p /var/lib/kubelet /var/log/pods /var/log/containers /etc/cni/net.d
  mount --bind "$s/kubelet" /var/lib/kubelet
  mount --bind "$s/pods" /var/log/pods; mount --bind "$s/containers" /var/log/containers
  cp "$HERE/conf/10-bridge.conflist" /etc/cni/net.d/
  rm -f /etc/hosts /etc/resolv.conf
  printf '127.0.0.1 localhost\n%s node1\n' "$ADDRESS" > /etc/hosts
  printf 'nameserver %s\n' "$ADDRESS" > /etc/resolv.conf
  mount --make-rshared /
  while read -r d v; do # the kubelet wants these values: show them to it, and leave the machine's kernel alone
    if [ -e "/proc/sys/$d" ]; then echo "$v" > "/run/fake/${d##*/}"; mount --bind "/run/fake/${d##*/}" "/proc/sys/$d"; fi
  done < "$HERE/conf/sysctls"
  hostname node1
  ip link set lo up
  ip link add knode0 type bridge; ip addr add "$ADDRESS/24" dev knode0; ip link set knode0 up
  ip route add default via 10.77.0.1 dev knode0
  echo 1 > /proc/sys/net/ipv4/ip_forward
  exec "$H/current/pause"
}

enter() { # becomes CMD in the node
  local dir=$PWD
  is_up || die "the node is down"
  if [[ $dir == /run* ]]; then dir=/; fi # the node has its own
  enter_cgroups
  exec env PATH="$H/current:$PATH" CONTAINERD_NAMESPACE=k8s.io CONTAINERD_SNAPSHOTTER="$(snapshotter)" \
    KUBECONFIG="$H/conf/admin.kubeconfig" KUBECACHEDIR="$H/state/kubectl" NO_PROXY='*' no_proxy='*' \
    nsenter -t "$(node_pid)" -m -C -n -u -i -p --wdns="$dir" -- "$@"
}
inside() { (enter "$@"); }

# ---- up and down
make_secrets() ( # a CA, a serving certificate, a service account key, a token for each user
  umask 077; mkdir -p "$H/pki"; cd "$H/pki"; exec > "$H/logs/openssl.log" 2>&1
  ec=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
  openssl req -x509 "${ec[@]}" -days 365 -subj /CN=node-ca -keyout ca.key -out ca.crt
  openssl req "${ec[@]}" -subj /CN=server -keyout server.key -out server.csr
  openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 365 -out server.crt \
    -extfile <(echo "subjectAltName=IP:127.0.0.1,IP:$ADDRESS,IP:10.96.0.1,DNS:localhost,DNS:node1,DNS:kubernetes.default.svc")
  openssl genrsa -out sa.key 2048; openssl rsa -in sa.key -pubout -out sa.pub
  while read -r file user group; do
    token=$(openssl rand -hex 16)
    echo "$token,$user,$user,\"$group\"" >> tokens.csv
    fill kubeconfig.yaml "$token" > "$H/conf/$file.kubeconfig"
  done < "$HERE/conf/users"
)

spawn() { # spawn COMPONENT : in the background, with the flags in conf/
  local flags; mapfile -t flags < <(fill "$1.flags")
  setsid "$HERE/node.sh" in "$1" "${flags[@]}" > "$H/logs/$1.log" 2>&1 < /dev/null 9>&- &
  echo $! > "$H/run/$1.pid"; disown
}

wait_for() { # wait_for COMPONENT WHAT CMD... : until CMD, run in the node, succeeds
  local limit=$((SECONDS + 90)) why=
  until inside "${@:3}" >/dev/null 2>&1; do
    if ! kill -0 "$(cat "$H/run/$1.pid")" 2>/dev/null; then why="$1 ended"
    elif ((SECONDS > limit)); then why="$2: not ready in 90 s"; fi
    if [ "$why" ]; then tail -n 5 "$H/logs/$1.log" >&2; die "$why"; fi
    sleep 0.2
  done
  say "$2"
}

up() {
  local component archive
  if is_up; then die "already up"; fi
  prepare
  trap 'trap - EXIT; echo "node.sh: up failed, logs in $H/logs" >&2; down' EXIT
  rm -rf "$H"/{run,logs,state,pki,conf}; mkdir -p "$H"/{conf,run,logs,state}
  if unified; then touch "$H/run/unified"; fi
  make_secrets
  for component in containerd.toml kubelet.yaml Corefile; do fill "$component" > "$H/conf/$component"; done
  start_namespaces; say "namespaces"
  spawn containerd; spawn etcd
  wait_for containerd containerd ctr version
  wait_for etcd etcd curl -fs http://127.0.0.1:2379/health
  spawn kube-apiserver
  for archive; do inside ctr images import "$archive" >/dev/null || die "containerd did not take $archive"; done
  say "images"
  wait_for kube-apiserver "API server" curl -fsk https://127.0.0.1:6443/readyz
  for component in kube-controller-manager kube-scheduler kube-proxy kubelet coredns; do spawn "$component"; done
  wait_for kubelet "node Ready" sh -c 'kubectl get node node1 | grep -w Ready'
  wait_for coredns "names of services" getent hosts kubernetes.default.svc.cluster.local
  wait_for kube-controller-manager "default service account" kubectl get serviceaccount default
  wait_for kube-scheduler scheduler curl -fsk https://127.0.0.1:10259/healthz
  trap - EXIT; say "up"
}

pids_left() { local d; while read -r d; do if [ -d "$d" ]; then find "$d" -name cgroup.procs -exec cat {} +; fi; done < "$H/run/cgroups"; }

down() {
  local d i
  if is_up; then kill -KILL "$(node_pid)"; fi # the whole PID namespace ends with its PID 1
  if [ -e "$H/run/cgroups" ]; then
    for i in {1..150}; do
      if [ -z "$(pids_left)" ]; then break; fi
      if ((i == 100)); then pids_left | xargs -r kill -KILL || true; fi
      sleep 0.1
    done
    while read -r d; do
      d=${d%/node}; if [ -d "$d" ]; then find "$d" -depth -type d -exec rmdir {} \; || die "could not remove $d"; fi
    done < "$H/run/cgroups"
  fi
  rm -rf "$H"/{run,state,pki,conf}
  say "down"
}

status() {
  local f d
  if ! is_up; then echo "down ($H)"; return 1; fi
  echo "up ($H), PID 1 of the node is $(node_pid)"
  for f in "$H"/run/*.pid; do
    if kill -0 "$(cat "$f")" 2>/dev/null; then d=runs; else d="ENDED, see $H/logs"; fi
    printf '  %-24s %s\n' "$(basename "$f" .pid)" "$d"
  done
  while read -r d; do cat "${d%/node}"/memory.{usage_in_bytes,current} 2>/dev/null || true; done < "$H/run/cgroups" |
    awk '{ printf "  memory, page cache included: %d MB\n", $1 / 1e6 }'
  inside kubectl get nodes,pods -A
}

command=${1:-help}; shift || true
case $command in help | -h | --help) usage; exit ;; esac
((EUID == 0)) || die "this needs root"
mkdir -p "$H"; H=$(cd "$H" && pwd -P)
[[ $H =~ ^/[A-Za-z0-9/._+-]+$ && ! $H =~ ^/(run|proc|sys|dev)(/|$) ]] || die "cannot work in $H"
case $command in prepare | up | down) exec 9> "$H/lock"; flock 9 ;; esac
case $command in
  prepare | up | down | status) "$command" "$@" ;;
  init) become_init ;;
  in) enter "${@:?command}" ;;
  *) usage >&2; exit 2 ;;
esac
