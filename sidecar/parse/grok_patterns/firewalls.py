"""Patterns of firewalls: NetScreen, Cisco ASA, Juniper SRX, iptables, Shorewall and SuSE."""

from __future__ import annotations

from sidecar.parse.grok_patterns.naming import PatternFamily

_SOURCE = "%{IP:src}/%{INT:src_port}"
_TARGET = "%{IP:dst}/%{INT:dst_port}"
_SOURCE_USER = r"(?:\((?<src_user>[^)]{0,1024}+)\))?"
_TARGET_USER = r"(?:\((?<dst_user>[^)]{0,1024}+)\))?"
_IN = "(?<in>[^ :/]{1,1024}+)"
_OUT = "(?<out>[^ :/]{1,1024}+)"
_ON = "on interface %{NOTSPACE:interface}"
_UNIT = r"\((?:Primary|Secondary)\)"
_ICMP = r"\(type %{INT:icmp_type}, code %{INT:icmp_code}\)"
_HASHES = r"\[(?<hash_1>[^,\]]{0,1024}+), (?<hash_2>[^\]]{0,1024}+)\]"
_ACCESS_LIST = "access-list %{NOTSPACE:rule} %{CISCO_ACTION:action} %{WORD:protocol}"

_ASA = {
    "CISCOTIMESTAMP": "%{MONTH} +%{MONTHDAY}(?: %{YEAR})? %{TIME}",
    "CISCOTAG": r"[A-Z0-9]++-%{INT}-\w++",
    "CISCO_TAGGED_SYSLOG": (
        "^<%{POSINT:priority}>%{CISCOTIMESTAMP:timestamp}(?: %{SYSLOGHOST:host})? ?: %%{CISCOTAG:tag}:"
    ),
    "CISCO_ACTION": (
        "(?:denied by ACL|denied|discarded|deleted|Den(?:ied|y)|Dropping|Built|Teardown|requested|permitted"
        "|est-allowed|created)"
    ),
    "CISCO_REASON": (
        r"(?:Duplicate TCP SYN|Failed to locate egress interface|Invalid transport field|No matching connection"
        r"|DNS (?:Response|Query)|(?:\b\w++\s{0,9}){0,20})"
    ),
    "CISCO_DIRECTION": "(?:[Ii]n|[Oo]ut)bound",
    "CISCO_INTERVAL": r"(?:first hit|\d{1,9}-second interval)",
    "CISCO_XLATE_TYPE": "(?:static|dynamic)",
    "CISCO_HITCOUNT_INTERVAL": "hit-cnt %{INT:hits} (?<interval>first hit|%{INT:interval_s}-second interval)",
    "CISCO_SRC_IP_USER": rf"{_IN}:%{{IP:src}}{_SOURCE_USER}",
    "CISCO_DST_IP_USER": rf"{_OUT}:%{{IP:dst}}{_TARGET_USER}",
    "CISCO_SRC_HOST_PORT_USER": (
        rf"{_IN}:(?:%{{IP:src}}|%{{HOSTNAME:src_host}})(?:/%{{INT:src_port}})?{_SOURCE_USER}"
    ),
    "CISCO_DST_HOST_PORT_USER": (
        rf"{_OUT}:(?:%{{IP:dst}}|%{{HOSTNAME:dst_host}})(?:/%{{INT:dst_port}})?{_TARGET_USER}"
    ),
    "CISCOFW104001": rf"{_UNIT} Switching to ACTIVE - %{{GREEDYDATA:switch_reason}}",
    "CISCOFW104002": rf"{_UNIT} Switching to STANDBY - %{{GREEDYDATA:switch_reason}}",
    "CISCOFW104003": rf"{_UNIT} Switching to FAILED\.",
    "CISCOFW104004": rf"{_UNIT} Switching to OK\.",
    "CISCOFW105003": rf"{_UNIT} Monitoring on [Ii]nterface %{{NOTSPACE:unit_interface}} waiting",
    "CISCOFW105004": rf"{_UNIT} Monitoring on [Ii]nterface %{{NOTSPACE:unit_interface}} normal",
    "CISCOFW105005": (
        rf"{_UNIT} Lost Failover communications with mate on [Ii]nterface %{{NOTSPACE:unit_interface}}"
    ),
    "CISCOFW105008": rf"{_UNIT} Testing [Ii]nterface %{{NOTSPACE:unit_interface}}",
    "CISCOFW105009": rf"{_UNIT} Testing on [Ii]nterface %{{NOTSPACE:unit_interface}} (?:Pass|Fail)ed",
    "CISCOFW106001": (
        "%{CISCO_DIRECTION:direction} %{WORD:protocol} connection %{CISCO_ACTION:action}"
        rf" from {_SOURCE} to {_TARGET} flags (?<flags>[A-Z ]*?) {_ON}"
    ),
    "CISCOFW106006_106007_106010": (
        "%{CISCO_ACTION:action} %{CISCO_DIRECTION:direction} %{WORD:protocol}"
        rf" (?:from|src) {_SOURCE}{_SOURCE_USER} (?:to|dst) {_TARGET}{_TARGET_USER}"
        rf" (?:{_ON}|due to %{{CISCO_REASON:reason}})"
    ),
    "CISCOFW106014": (
        "%{CISCO_ACTION:action} %{CISCO_DIRECTION:direction} %{WORD:protocol}"
        rf" src %{{CISCO_SRC_IP_USER}} dst %{{CISCO_DST_IP_USER}}\s?{_ICMP}"
    ),
    "CISCOFW106015": (
        rf"%{{CISCO_ACTION:action}} %{{WORD:protocol}} \((?<rule>[^)]{{0,1024}}+)\)"
        rf" from {_SOURCE} to {_TARGET} flags (?<flags>[A-Z ]*?) {_ON}"
    ),
    "CISCOFW106021": (
        "%{CISCO_ACTION:action} %{WORD:protocol} reverse path check from %{IP:src} to %{IP:dst} " + _ON
    ),
    "CISCOFW106023": (
        "%{CISCO_ACTION:action}(?: protocol)? %{WORD:protocol}"
        rf" src %{{CISCO_SRC_HOST_PORT_USER}} dst %{{CISCO_DST_HOST_PORT_USER}}(?: {_ICMP})?"
        rf' by access-group "?(?<rule>[^" ]{{0,1024}}+)"? {_HASHES}'
    ),
    "CISCOFW106100_2_3": (
        rf"{_ACCESS_LIST} for user '(?<for_user>[^']{{0,1024}}+)' {_IN}/%{{IP:src}}\(%{{INT:src_port}}\)"
        rf" -> {_OUT}/%{{IP:dst}}\(%{{INT:dst_port}}\)"
        rf" %{{CISCO_HITCOUNT_INTERVAL}} {_HASHES}"
    ),
    "CISCOFW106100": (
        rf"{_ACCESS_LIST} {_IN}/%{{IP:src}}\(%{{INT:src_port}}\){_SOURCE_USER}"
        rf" -> {_OUT}/%{{IP:dst}}\(%{{INT:dst_port}}\){_SOURCE_USER}"
        rf" hit-cnt %{{INT:hits}} %{{CISCO_INTERVAL:interval}} {_HASHES}"
    ),
    "CISCOFW110002": rf"%{{CISCO_REASON:reason}} for %{{WORD:protocol}} from {_IN}:{_SOURCE} to {_TARGET}",
    "CISCOFW302010": r"(?<!\d)%{INT:in_use} in use, %{INT:most_used} most used",
    "CISCOFW302013_302014_302015_302016": (
        "%{CISCO_ACTION:action}(?: %{CISCO_DIRECTION:direction})? %{WORD:protocol} connection %{INT:connection}"
        rf" for {_IN}:{_SOURCE}(?: \(%{{IP:src_nat}}/%{{INT:src_nat_port}}\))?{_SOURCE_USER}"
        rf" to {_OUT}:{_TARGET}(?: \(%{{IP:dst_nat}}/%{{INT:dst_nat_port}}\))?{_TARGET_USER}"
        r"(?: duration %{TIME:duration} bytes %{INT:bytes})?(?: %{CISCO_REASON:reason})?"
        r"(?: \((?<user>[^)]{0,1024}+)\))?"
    ),
    "CISCOFW302020_302021": (
        "%{CISCO_ACTION:action}(?: %{CISCO_DIRECTION:direction})? %{WORD:protocol} connection"
        r" for faddr %{IP:dst}/%{INT:icmp_sequence}(?:\((?<icmp_user>[^)]{0,1024}+)\))?"
        r" gaddr %{IP:src_global}/%{INT:icmp_type_nat} laddr %{IP:src}/%{INT:icmp_code_local}"
        r"(?: \((?<local_user>[^)]{0,1024}+)\))?"
    ),
    "CISCOFW304001": rf"%{{IP:src}}{_SOURCE_USER} Accessed URL %{{IP:dst}}:%{{GREEDYDATA:url}}",
    "CISCOFW305011": (
        "%{CISCO_ACTION:action} %{CISCO_XLATE_TYPE:translation} %{WORD:protocol} translation"
        rf" from {_IN}:%{{IP:src}}(?:/%{{INT:src_port}})?{_SOURCE_USER}"
        " to (?<out_nat>[^ :/]{1,1024}+):%{IP:target_nat}/%{INT:target_nat_port}"
    ),
    "CISCOFW313001_313004_313008": (
        "%{CISCO_ACTION:action} %{WORD:protocol} type=%{INT:icmp_type}, code=%{INT:icmp_code}"
        rf" from %{{IP:src}} {_ON}(?: to %{{IP:dst}})?"
    ),
    "CISCOFW313005": (
        "%{CISCO_REASON:reason} for %{WORD:protocol} error message: %{WORD:error_protocol}"
        r" src (?<error_in>[^ :/]{1,1024}+):%{IP:error_src}(?:\((?<error_src_user>[^)]{0,1024}+)\))?"
        r" dst (?<error_out>[^ :/]{1,1024}+):%{IP:error_dst}(?:\((?<error_dst_user>[^)]{0,1024}+)\))?"
        r" \(type %{INT:error_icmp_type}, code %{INT:error_icmp_code}\) on %{NOTSPACE:error_interface} interface\."
        r"\s{1,9}Original IP payload: %{WORD:payload_protocol}"
        r" src %{IP:payload_src}/%{INT:payload_src_port}(?:\((?<payload_src_user>[^)]{0,1024}+)\))?"
        r" dst %{IP:payload_dst}/%{INT:payload_dst_port}(?:\((?<payload_dst_user>[^)]{0,1024}+)\))?"
    ),
    "CISCOFW321001": "Resource '(?<resource>[^']{0,1024}+)' limit of %{POSINT:resource_limit} reached for system",
    "CISCOFW402117": (
        r"%{WORD:vpn}: Received a non-IPSec packet \(protocol=\s?%{WORD:vpn_protocol}\)"
        r" from %{IP:src} to %{IP:dst}\.?"
    ),
    "CISCOFW402119": (
        r"%{WORD:vpn}: Received an %{WORD:ipsec_protocol} packet \(SPI=\s?(?<spi>[^,)]{0,1024}+),"
        r" sequence number=\s?(?<sequence>[^)]{0,1024}+)\) from %{IP:src} \(user=\s?(?<vpn_user>[^)]{0,1024}+)\)"
        r" to %{IP:dst}"
        r" that failed anti-replay checking\.?"
    ),
    "CISCOFW419001": (
        rf"%{{CISCO_ACTION:action}} %{{WORD:protocol}} packet from {_IN}:{_SOURCE} to {_OUT}:{_TARGET},"
        " reason: %{GREEDYDATA:reason}"
    ),
    "CISCOFW419002": (
        rf"%{{CISCO_REASON:reason}} from {_IN}:{_SOURCE} to {_OUT}:{_TARGET} with different initial sequence number"
    ),
    "CISCOFW500004": rf"%{{CISCO_REASON:reason}} for protocol=%{{WORD:protocol}}, from {_SOURCE} to {_TARGET}",
    "CISCOFW602303_602304": (
        r"%{WORD:vpn}: An %{CISCO_DIRECTION:direction} (?<tunnel>[^()]{0,99}?) SA \(SPI=\s?(?<spi>[^)]{0,1024}+)\)"
        r" between %{IP:src} and %{IP:dst} \(user=\s?(?<vpn_user>[^)]{0,1024}+)\) has been %{CISCO_ACTION:action}"
    ),
    "CISCOFW710001_710002_710003_710005_710006": (
        rf"%{{WORD:protocol}} (?:request|access) %{{CISCO_ACTION:action}} from {_SOURCE} to {_OUT}:{_TARGET}"
    ),
    "CISCOFW713172": (
        r"Group = (?<group>[^,]{0,1024}+), IP = %{IP:src}, Automatic NAT Detection Status:\s{1,9}Remote end\s{0,9}"
        r"(?<remote_nat>(?:is(?: NOT)?)?)\s{0,9}\w{6} a NAT device\s{1,9}This\s{1,9}end\s{0,9}"
        r"(?<local_nat>(?:is(?: NOT)?)?)\s{0,9}\w{6} a NAT device"
    ),
    "CISCOFW733100": (
        r"\[\s{0,9}(?<burst>[^\]]{0,99}?)\s{0,9}\] drop (?<burst_id>[^ ]{0,1024}+) exceeded\."
        r" Current burst rate is %{INT:burst_rate} per second, max configured rate is %{INT:burst_limit};"
        r" Current average rate is %{INT:average_rate} per second, max configured rate is %{INT:average_limit};"
        r" Cumulative total count is %{INT:burst_total}"
    ),
}  # fmt: skip

_ASA_FIELDS = {
    "priority": ("log.syslog.priority:int", "syslog_pri"),
    "host": ("host.hostname", "sysloghost"),
    "tag": ("cisco.asa.tag", "ciscotag"),
    "src": ("source.ip", "src_ip"),
    "src_host": ("source.address", "src_ip"),
    "src_port": ("source.port:int", "src_port"),
    "src_user": ("source.user.name", "src_fwuser"),
    "src_nat": ("source.nat.ip", "src_mapped_ip"),
    "src_nat_port": ("source.nat.port:int", "src_mapped_port"),
    "in": ("observer.ingress.interface.name", "src_interface"),
    "dst": ("destination.ip", "dst_ip"),
    "dst_host": ("destination.address", "dst_ip"),
    "dst_port": ("destination.port:int", "dst_port"),
    "dst_user": ("destination.user.name", "dst_fwuser"),
    "dst_nat": ("destination.nat.ip", "dst_mapped_ip"),
    "dst_nat_port": ("destination.nat.port:int", "dst_mapped_port"),
    "out": ("observer.egress.interface.name", "dst_interface"),
    "out_nat": ("observer.egress.interface.name", "src_xlated_interface"),
    "target_nat": ("destination.ip", "src_xlated_ip"),
    "target_nat_port": ("destination.port:int", "src_xlated_port"),
    "interface": ("observer.egress.interface.name", "interface"),
    "unit_interface": ("network.interface.name", "interface_name"),
    "action": ("cisco.asa.outcome", "action"),
    "direction": ("cisco.asa.network.direction", "direction"),
    "protocol": ("cisco.asa.network.transport", "protocol"),
    "flags": ("cisco.asa.tcp_flags", "tcp_flags"),
    "reason": ("event.reason", "reason"),
    "switch_reason": ("event.reason", "switch_reason"),
    "rule": ("cisco.asa.rule_name", "policy_id"),
    "hash_1": (None, "hashcode1"),
    "hash_2": (None, "hashcode2"),
    "hits": ("cisco.asa.hit_count:int", "hit_count"),
    "interval": (None, "interval"),
    "interval_s": ("cisco.asa.interval:int", None),
    "for_user": ("user.name", "src_fwuser"),
    "user": ("user.name", "user"),
    "url": ("url.original", "dst_url"),
    "in_use": ("cisco.asa.connections.in_use:int", "connection_count"),
    "most_used": ("cisco.asa.connections.most_used:int", "connection_count_max"),
    "connection": ("cisco.asa.connection_id", "connection_id"),
    "duration": ("cisco.asa.duration", "duration"),
    "bytes": ("network.bytes:int", "bytes"),
    "translation": (None, "xlate_type"),
    "icmp_type": ("cisco.asa.icmp_type:int", "icmp_type"),
    "icmp_code": ("cisco.asa.icmp_code:int", "icmp_code"),
    "icmp_sequence": ("cisco.asa.icmp_seq:int", "icmp_seq_num"),
    "icmp_user": ("destination.user.name", "fwuser"),
    "icmp_type_nat": ("cisco.asa.icmp_type:int", "icmp_code_xlated"),
    "icmp_code_local": (None, "icmp_code"),
    "src_global": ("source.nat.ip", "src_xlated_ip"),
    "local_user": ("source.user.name", "user"),
    "error_protocol": (None, "err_protocol"),
    "error_in": ("observer.ingress.interface.name", "err_src_interface"),
    "error_src": ("source.ip", "err_src_ip"),
    "error_src_user": ("source.user.name", "err_src_fwuser"),
    "error_out": ("observer.egress.interface.name", "err_dst_interface"),
    "error_dst": ("destination.ip", "err_dst_ip"),
    "error_dst_user": ("destination.user.name", "err_dst_fwuser"),
    "error_icmp_type": ("cisco.asa.icmp_type:int", "err_icmp_type"),
    "error_icmp_code": ("cisco.asa.icmp_code:int", "err_icmp_code"),
    "error_interface": (None, "interface"),
    "payload_protocol": ("cisco.asa.original_ip_payload.network.transport", "protocol"),
    "payload_src": ("cisco.asa.original_ip_payload.source.ip", "orig_src_ip"),
    "payload_src_port": ("cisco.asa.original_ip_payload.source.port:int", "orig_src_port"),
    "payload_src_user": ("cisco.asa.original_ip_payload.source.user.name", "orig_src_fwuser"),
    "payload_dst": ("cisco.asa.original_ip_payload.destination.ip", "orig_dst_ip"),
    "payload_dst_port": ("cisco.asa.original_ip_payload.destination.port:int", "orig_dst_port"),
    "payload_dst_user": ("cisco.asa.original_ip_payload.destination.user.name", "orig_dst_fwuser"),
    "resource": ("cisco.asa.resource.name", "resource_name"),
    "resource_limit": ("cisco.asa.resource.limit:int", "resource_limit"),
    "vpn": ("cisco.asa.network.type", "protocol"),
    "vpn_protocol": ("cisco.asa.network.transport", "orig_protocol"),
    "ipsec_protocol": ("cisco.asa.ipsec.protocol", "orig_protocol"),
    "spi": ("cisco.asa.ipsec.spi", "spi"),
    "sequence": ("cisco.asa.ipsec.seq_num", "seq_num"),
    "vpn_user": ("source.user.name", "user"),
    "tunnel": ("cisco.asa.ipsec.tunnel_type", "tunnel_type"),
    "group": ("cisco.asa.source.group", "group"),
    "remote_nat": (None, "is_remote_natted"),
    "local_nat": (None, "is_local_natted"),
    "burst": ("cisco.asa.burst.object", "drop_type"),
    "burst_id": ("cisco.asa.burst.id", "drop_rate_id"),
    "burst_rate": ("cisco.asa.burst.current_rate:int", "drop_rate_current_burst"),
    "burst_limit": ("cisco.asa.burst.configured_rate:int", "drop_rate_max_burst"),
    "average_rate": ("cisco.asa.burst.avg_rate:int", "drop_rate_current_avg"),
    "average_limit": ("cisco.asa.burst.configured_avg_rate:int", "drop_rate_max_avg"),
    "burst_total": ("cisco.asa.burst.cumulative_count:int", "drop_total_count"),
}

_FLOW = "%{IP:src}/%{INT:src_port}->%{IP:dst}/%{INT:dst_port} (?<service>[^ ]{0,1024}+)"
_FLOW_NAT = (
    "%{IP:src_nat}/%{INT:src_nat_port}->%{IP:dst_nat}/%{INT:dst_nat_port}"
    " (?<any_src_rule>None|(?<src_rule>[^ ]{0,1024}+))"
    " (?<any_dst_rule>None|(?<dst_rule>[^ ]{0,1024}+)) %{INT:protocol}"
)
_FLOW_ZONES = "(?<policy>[^ ]{0,1024}+) (?<in>[^ ]{0,1024}+) (?<out>[^ ]{0,1024}+)"

_SRX = {
    "RT_FLOW_TAG": "RT_FLOW_SESSION_(?:CREATE|CLOSE|DENY)",
    "RT_FLOW_EVENT": "RT_FLOW_SESSION_(?:CREATE|CLOSE|DENY)",
    "RT_FLOW1": (
        rf"%{{RT_FLOW_TAG:tag}}: (?<reason>[^:]{{0,1024}}+): {_FLOW} {_FLOW_NAT} {_FLOW_ZONES} %{{INT:session}}"
        r" \d++\(%{INT:sent}\) \d++\(%{INT:received}\) %{INT:elapsed} .*"
    ),
    "RT_FLOW2": (rf"%{{RT_FLOW_TAG:tag}}: session created {_FLOW} {_FLOW_NAT} {_FLOW_ZONES} %{{INT:session}} .*"),
    "RT_FLOW3": rf"%{{RT_FLOW_TAG:tag}}: session denied {_FLOW} %{{INT:protocol}}\(\d\) {_FLOW_ZONES} .*",
}

_SRX_FIELDS = {
    "tag": ("juniper.srx.tag", "event"),
    "reason": ("juniper.srx.reason", "close-reason"),
    "src": ("source.ip", "src-ip"),
    "src_port": ("source.port:int", "src-port"),
    "dst": ("destination.ip", "dst-ip"),
    "dst_port": ("destination.port:int", "dst-port"),
    "service": ("juniper.srx.service_name", "service"),
    "src_nat": ("source.nat.ip", "nat-src-ip"),
    "src_nat_port": ("source.nat.port:int", "nat-src-port"),
    "dst_nat": ("destination.nat.ip", "nat-dst-ip"),
    "dst_nat_port": ("destination.nat.port:int", "nat-dst-port"),
    "any_src_rule": (None, "src-nat-rule-name"),
    "src_rule": ("juniper.srx.src_nat_rule_name", None),
    "any_dst_rule": (None, "dst-nat-rule-name"),
    "dst_rule": ("juniper.srx.dst_nat_rule_name", None),
    "protocol": ("network.iana_number", "protocol-id"),
    "policy": ("rule.name", "policy-name"),
    "in": ("observer.ingress.zone", "from-zone"),
    "out": ("observer.egress.zone", "to-zone"),
    "session": ("juniper.srx.session_id", "session-id"),
    "sent": ("source.bytes:int", "sent"),
    "received": ("destination.bytes:int", "received"),
    "elapsed": ("juniper.srx.elapsed_time:int", "elapsed-time"),
}

_NETSCREEN_START = (
    r"%{SYSLOGTIMESTAMP:date} %{IPORHOST:device} %{NOTSPACE:name}: (?<product>NetScreen)"
    r" device_id=%{WORD:device_id}.{0,200}?(?:system-\w{1,20}-%{NONNEGINT:code}\(%{WORD:session_type}\))?"
    r': start_time=(?<quoted_start>"(?<start>[^"]{0,1024}+)") duration=%{INT:duration} policy_id=%{INT:policy}'
    r" service=(?<service>[^=]{0,99}?) proto=%{INT:proto} src zone=%{WORD:in} dst zone=%{WORD:out}"
    r" action=%{WORD:action} sent=%{INT:sent} rcvd=%{INT:received} src=%{IPORHOST:src} dst=%{IPORHOST:dst}"
)
_NETSCREEN_PORTS = " src_port=%{INT:src_port} dst_port=%{INT:dst_port}"
_NETSCREEN_NAT = (
    " src-xlated ip=%{IP:src_nat} port=%{INT:src_nat_port} dst-xlated ip=%{IP:dst_nat} port=%{INT:dst_nat_port}"
)
_NETSCREEN_END = " session_id=%{INT:session} reason=%{GREEDYDATA:reason}"

_NETSCREEN = {
    "NETSCREENSESSIONLOG": (f"{_NETSCREEN_START}(?:{_NETSCREEN_PORTS})?(?:{_NETSCREEN_NAT})?(?:{_NETSCREEN_END})?"),
}

_LEGACY_NETSCREEN = {"NETSCREENSESSIONLOG": _NETSCREEN_START + _NETSCREEN_PORTS + _NETSCREEN_NAT + _NETSCREEN_END}

_NETSCREEN_FIELDS = {
    "date": ("timestamp", "date"),
    "device": ("observer.hostname", "device"),
    "name": ("observer.name", None),
    "product": ("observer.product", None),
    "device_id": ("netscreen.device_id", "device_id"),
    "code": ("event.code", None),
    "session_type": ("netscreen.session.type", None),
    "quoted_start": (None, "start_time"),
    "start": ("netscreen.session.start_time", None),
    "duration": ("netscreen.session.duration:int", "duration"),
    "policy": ("netscreen.policy_id", "policy_id"),
    "service": ("netscreen.service", "service"),
    "proto": ("netscreen.protocol_number:int", "proto"),
    "in": ("observer.ingress.zone", "src_zone"),
    "out": ("observer.egress.zone", "dst_zone"),
    "action": ("event.action", "action"),
    "sent": ("source.bytes:int", "sent"),
    "received": ("destination.bytes:int", "rcvd"),
    "src": ("source.address", "src_ip"),
    "dst": ("destination.address", "dst_ip"),
    "src_port": ("source.port:int", "src_port"),
    "dst_port": ("destination.port:int", "dst_port"),
    "src_nat": ("source.nat.ip", "src_xlated_ip"),
    "src_nat_port": ("source.nat.port:int", "src_xlated_port"),
    "dst_nat": ("destination.nat.ip", "dst_xlated_ip"),
    "dst_nat_port": ("destination.nat.port:int", "dst_xlated_port"),
    "session": ("netscreen.session.id", "session_id"),
    "reason": ("netscreen.session.reason", "reason"),
}

_TCP_FLAG = "(?:CWR|ECE|URG|ACK|PSH|RST|SYN|FIN) "
_FRAGMENT = "(?:CE|DF|MF)"

_NETFILTER = {
    "IPTABLES_TCP_FLAGS": f"(?:{_TCP_FLAG})*+",
    "IPTABLES_TCP_PART": (
        r"(?:SEQ=%{INT:tcp_seq}\s+)?(?:ACK=%{INT:tcp_ack}\s+)?WINDOW=%{INT:tcp_window}\s+"
        r"RES=0x%{BASE16NUM:tcp_reserved}\s+%{IPTABLES_TCP_FLAGS:tcp_flags}"
    ),
    "IPTABLES4_FRAG": f"{_FRAGMENT}(?: {_FRAGMENT})*+",
    "IPTABLES4_PART": (
        r"SRC=%{IPV4:src}\s+DST=%{IPV4:dst}\s+LEN=%{INT:length}?\s+TOS=(?<any_tos>0x%{BASE16NUM:tos}|0|)"
        r"\s+PREC=(?<any_precedence>0x%{BASE16NUM:precedence}|)\s+TTL=%{INT:ttl}?\s+ID=%{INT:id}?"
        r"(?:\s+%{IPTABLES4_FRAG:fragment_flags}\b)?(?:\s+FRAG: ?%{INT:fragment_offset})?"
    ),
    "IPTABLES6_PART": (
        r"SRC=%{IPV6:src}\s+DST=%{IPV6:dst}\s+LEN=%{INT:length}?\s+TC=(?:0x%{BASE16NUM:tos}|0|)"
        r"\s+HOPLIMIT=%{INT:ttl}?\s+FLOWLBL=%{INT:flow}?"
    ),
    "IPTABLES": (
        r"IN=%{NOTSPACE:in}?\s+(?:PHYSIN=\S*+\s+)?OUT=%{NOTSPACE:out}?\s+(?:PHYSOUT=\S*+\s+)?"
        r"(?:MAC=(?:%{COMMONMAC:dst_mac}(?::%{COMMONMAC:src_mac}\S*+)?)?\s+)?"
        r"(?:%{IPTABLES4_PART}|%{IPTABLES6_PART}).{0,200}?\bPROTO=%{WORD:transport}?\s+SPT=%{INT:src_port}?\s+"
        r"DPT=%{INT:dst_port}?\s+%{IPTABLES_TCP_PART}?"
    ),
    "SHOREWALL": (
        r"%{SYSLOGTIMESTAMP:timestamp} %{WORD:host} .{0,200}?Shorewall:%{WORD:zones}?:%{WORD:rule}?"
        r".{0,20}?%{IPTABLES}"
    ),
    "SFW2_LOG_PREFIX": r"SFW2-INext-%{NOTSPACE:suse_action}",
    "SFW2": (
        r"(?:%{SYSLOGTIMESTAMP:timestamp}|%{TIMESTAMP_ISO8601:timestamp})\s+%{HOSTNAME:observer}"
        r"(?:\s+kernel\S{0,9})?(?:\s+\[\s{0,9}%{NUMBER:epoch}\])?"
        r".{0,200}?%{SFW2_LOG_PREFIX:log_prefix}\s+%{IPTABLES}"
    ),
}

_NETFILTER_FIELDS = {
    "tcp_seq": ("iptables.tcp.seq:int", None),
    "tcp_ack": ("iptables.tcp.ack:int", None),
    "tcp_window": ("iptables.tcp.window:int", None),
    "tcp_reserved": ("iptables.tcp_reserved_bits", None),
    "tcp_flags": ("iptables.tcp.flags", None),
    "src": ("source.ip", "nf_src_ip"),
    "dst": ("destination.ip", "nf_dst_ip"),
    "length": ("iptables.length:int", "nf_len"),
    "any_tos": (None, "nf_tos"),
    "tos": ("iptables.tos", None),
    "any_precedence": (None, "nf_prec"),
    "precedence": ("iptables.precedence_bits", None),
    "ttl": ("iptables.ttl:int", "nf_ttl"),
    "id": ("iptables.id", "nf_id"),
    "fragment_flags": ("iptables.fragment_flags", None),
    "fragment_offset": ("iptables.fragment_offset:int", None),
    "flow": ("iptables.flow_label", None),
    "in": ("observer.ingress.interface.name", "nf_in_interface"),
    "out": ("observer.egress.interface.name", "nf_out_interface"),
    "dst_mac": ("destination.mac", "nf_dst_mac"),
    "src_mac": ("source.mac", "nf_src_mac"),
    "transport": ("network.transport", "nf_protocol"),
    "src_port": ("source.port:int", "nf_src_port"),
    "dst_port": ("destination.port:int", "nf_dst_port"),
    "host": ("observer.hostname", "nf_host"),
    "zones": ("shorewall.firewall.type", "nf_action1"),
    "rule": ("shorewall.firewall.action", "nf_action2"),
    "suse_action": ("suse.firewall.action", "nf_action"),
    "observer": ("observer.hostname", None),
    "epoch": (None, "nagios_epoch"),
    "log_prefix": ("suse.firewall.log_prefix", None),
}

FIREWALLS = (
    PatternFamily(_ASA, _ASA_FIELDS),
    PatternFamily(_SRX, _SRX_FIELDS),
    PatternFamily(_NETSCREEN, _NETSCREEN_FIELDS, _LEGACY_NETSCREEN),
    PatternFamily(_NETFILTER, _NETFILTER_FIELDS),
)
