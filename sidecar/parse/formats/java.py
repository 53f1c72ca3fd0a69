"""Logs of Java: the default layouts of log4j, logback, java.util.logging and widespread programs, and of the JVM."""

from __future__ import annotations

import msgspec

from sidecar.parse.addresses import address_field
from sidecar.parse.format_parser import LogFormat
from sidecar.parse.formats.pieces import (
    CLOCK,
    DAY,
    FRACTION,
    ISO,
    LEVEL,
    MESSAGE,
    MONTH,
    NO_STATE,
    PID,
    ZONE_NAME,
)  # fmt: skip
from sidecar.parse.row_templates import json_field, number_field, text_field

_ZONE = r"(?P<zone>Z|[+-]\d\d:?\d\d)"
_CLOCK = rf"(?P<time>(?:{DAY}[T ])?{CLOCK}){FRACTION}{_ZONE}?"
_CLASS = r"[\w$.-]++"
_NAME_AND_CODE = r"[a-z]\w*+(?:\.\w++)++\] [A-Z]{2,12}\d++: "
_NO_LEVEL = rf"(?!{LEVEL.replace('?P<level>', '?:')}[ :])"
_NAME_AND_WORD = r"[a-z]\w*+(?:\.[\w$]++)++\] +[^ .:\n]++ *:"
_FULL_CLASS = r"(?:[a-z]\w*+\.){2,}+[A-Z][\w$]*+"
_TRACE = r"(?P<trace>[0-9a-f]{16,32})-(?P<span>[0-9a-f]{16})"
_NO_TRACE = r"(?![0-9a-f]{16,32}-[0-9a-f]{16}\])"
_SINGLE_LINE = r"[^\n]*"
_BEFORE_LEVEL = rf"(?:(?! {LEVEL.replace('?P<level>', '?:')} )[^\[\n]){{1,200}}+"
_LETTERS = {"C": "critical", "E": "error", "A": "notice", "I": "info", "D": "debug"}

LOG4J = LogFormat(
    "log4j or logback",
    (
        # Spring Boot's console; version 2 writes no zone.
        rf"{ISO}{FRACTION}{_ZONE}? +{LEVEL} {PID} --- (?:\[ *+{_NO_TRACE}(?P<app>[^\]\n]++)\] )?"
        rf"\[ *+{_NO_TRACE}(?P<thread>[^\]\n]++)\] (?:\[(?:{_TRACE}|[ -]*+)\] )?"
        rf"(?P<logger>[^ \[\n][^ \n]*+) *: {MESSAGE}",
        rf"{_CLOCK} +\[(?P<thread>[^\]\n]*+)\] {LEVEL} +(?P<logger>[^ \n]++) +(?:--|-|:) *{MESSAGE}",
        rf"{_CLOCK} +{LEVEL} +(?:\[(?!{_NAME_AND_CODE}|{_NAME_AND_WORD})(?P<thread>[^\]\n]*+)\] )?"
        rf"{NO_STATE}{_NO_LEVEL}(?P<logger>[^ :(\[\n][^ :\n]*+) *(?:\[\] *)?(?:--|-|:) +"
        rf"{MESSAGE}",
        # Spring Boot 2 with tracing: the trace is before the process id.
        rf"{ISO}{FRACTION}{_ZONE}? +{LEVEL} \[(?P<app>[^,\]\n]*+),(?P<trace>[0-9a-f]*+),(?P<span>[0-9a-f]*+)"
        rf"(?:,\w*+)?\] "
        rf"{PID} --- \[ *+(?P<thread>[^\]\n]++)\] (?P<logger>[^ \[\n][^ \n]*+) *: {MESSAGE}",
        # Kafka: the logger is at the end of the first line.
        rf"\[{ISO}{FRACTION}{_ZONE}?\] +{LEVEL} ++(?P<message>{_SINGLE_LINE}(?= )|) ?\((?P<logger>{_CLASS})\)",
        rf"\[{ISO}{FRACTION}{_ZONE}?\] +{LEVEL} ++(?=(?:{_SINGLE_LINE} )?\((?P<logger>{_CLASS})\)\n){MESSAGE}",
        # Elasticsearch, OpenSearch and Logstash.
        rf"\[{ISO}{FRACTION}{_ZONE}?\]\[{LEVEL} *+\]\[(?P<logger>[^\] \n]++) *+\] ?{MESSAGE}",
        # ZooKeeper.
        rf"{_CLOCK} +(?:\[(?:myid:(?P<myid>\d*+)|)\] +)?- +{LEVEL} +"
        rf"\[(?P<thread>(?:[^\[\]\n]|\[[^\]\n]*+\])*+)\] +- +{MESSAGE}",
        # WildFly and JBoss.
        rf"{_CLOCK} +(?:(?P<extra>[\w.-]++ [\w.-]++\[\d{{1,18}}\]) )?{LEVEL} +\[(?P<logger>[^\]\n]++)\] "
        rf"\((?P<thread>[^)\n]++)\) {MESSAGE}",
        # Hadoop, with the file, function and line.
        rf"{_CLOCK} +(?:(?P<extra>[0-9a-f-]{{36}}) +)?{LEVEL} +(?:\[(?P<thread>[^\]\n]*+)\] )?"
        rf"(?P<logger>[^ :(\n]++) \((?P<file>[\w$.-]+\.java):"
        rf"(?P<function>[\w$<>]++)\((?P<line>\d{{1,9}})\)\) - {MESSAGE}",
        # Spark and old Hadoop: the year has two digits.
        rf"(?P<time>\d\d/[01]\d/[0-3]\d {CLOCK}){FRACTION} +{LEVEL} +(?P<logger>[^ :\n]++): {MESSAGE}",
        rf"(?P<time>\d\d[01]\d[0-3]\d [0-2]\d[0-5]\d[0-6]\d) {PID} {LEVEL} +(?P<logger>[^ :\n]++): {MESSAGE}",
        # Tomcat.
        rf"(?P<time>\d\d-{MONTH}-\d{{4}} {CLOCK}){FRACTION} +{LEVEL} +\[(?P<thread>[^\]\n]*+)\] "
        rf"(?P<logger>[\w$.]+)\.(?P<function>[\w$<>]++) {MESSAGE}",
        # java.util.logging: two lines per event.
        rf"(?P<time>{MONTH} \d\d?, \d{{4}} \d?\d:[0-5]\d:[0-6]\d [AP]M) (?P<logger>[\w$.]++)(?: "
        rf"(?P<function>[\w$<>]++))?"
        rf"\n{LEVEL}: {MESSAGE}",
        # Jenkins.
        rf"{ISO}{FRACTION}{_ZONE}?[ \t]+\[id=(?P<thread_id>\d{{1,18}})\][ \t]+{LEVEL}[ \t]+"
        rf"(?P<logger>[\w$.]++)(?:#(?P<function>[\w$<>]++))?: {MESSAGE}",
        # Karaf; ActiveMQ.
        rf"{ISO}{FRACTION} +\| +{LEVEL} +\| ++(?P<thread>[^|\n]*[^| \n]) *\| +(?P<logger>[\w$.]++) *\| "
        rf"(?P<extra>\d{{1,9}} - [^|\n]*[^| \n]) *\| {MESSAGE}",
        rf" ?{ISO}{FRACTION} +\| +{LEVEL} +\| (?P<message>{_SINGLE_LINE}) \| (?P<logger>[\w$.]++) \| "
        rf"(?P<thread>[^|\n]++)",
        # log4j with the line, as in its tutorials; Log4j 2 about itself.
        rf"{ISO}{FRACTION} +{LEVEL} +(?P<logger>[\w$.]++):(?P<line>\d{{1,9}}) - {MESSAGE}",
        rf"{ISO}{FRACTION} (?P<thread>main) {LEVEL} (?! *\[\w++\.){MESSAGE}",
        # Minecraft.
        rf"\[(?P<time>{CLOCK})\] \[(?P<thread>[^\]/\n]++)/{LEVEL}\](?: \[(?P<logger>[^\]\n]++)\])?: {MESSAGE}",
        # Cassandra.
        rf"{LEVEL} +\[(?P<thread>[^\]\n]++)\] {ISO}{FRACTION} (?P<file>[\w$.-]++):(?P<line>\d{{1,9}}) - {MESSAGE}",
        # Solr.
        rf"{ISO}{FRACTION}{_ZONE}? +{LEVEL} +\((?P<thread>[^)\n]++)\) "
        rf"\[(?![\w$]++\.[\w$.]++(?:\(\):\d++)?\])(?P<extra>[^\]\n]*+)\] +"
        rf"(?P<logger>[\w$]++\.[\w$.]++) {MESSAGE}",
        # Scylla; Trino.
        rf"{LEVEL} +{ISO}{FRACTION} \[(?P<thread>shard[^\]\n]++)\] (?P<logger>[\w-]++) - {MESSAGE}",
        rf"{ISO}{FRACTION}{_ZONE}?\t{LEVEL}\t(?P<thread>[^\t\n]++)\t(?P<logger>[\w$.]++)\t{MESSAGE}",
        # Jetty; Dropwizard; TeamCity and IntelliJ; openHAB.
        rf"{ISO}\.(?P<fraction>\d{{3}}):{LEVEL} *:(?P<logger>[\w$.]++):(?P<thread>[^:\n]++): {MESSAGE}",
        rf"{LEVEL} +\[{ISO}{FRACTION}{_ZONE}?\] (?=[^ :\n]*[.A-Z])(?P<logger>{_CLASS}): {MESSAGE}",
        rf"\[?{ISO}{FRACTION}\]? +(?:\[ *\d{{1,12}}\] +)?{LEVEL} +- +(?P<logger>#?{_CLASS}) - {MESSAGE}",
        rf"{_CLOCK} +\[{LEVEL} *\] +\[?(?P<logger>{_CLASS}) *\]? +- +{MESSAGE}",
        # Akka and Pekko, with the month first; Play.
        rf"\[{LEVEL}\] \[(?P<time>[01]\d/[0-3]\d/\d{{4}} {CLOCK}){FRACTION}\] \[(?P<thread>[^\]\n]++)\] "
        rf"\[(?P<logger>[^\]\n]++)\] {MESSAGE}",
        rf"\[{ISO}{FRACTION}\] \[{LEVEL}\] \[(?P<logger>[^\]\n]++)\] \[(?P<thread>[^\]\n]++)\] "
        rf"\[(?P<extra>[^\]\n]*+)\] - {MESSAGE}",
        rf"{ISO}{FRACTION}{_ZONE}? +\[{LEVEL}\] from (?P<logger>{_CLASS}) in (?P<thread>[^ \n]++) - {MESSAGE}",
        # Nexus; SonarQube; Artifactory; New Relic; Storm.
        rf"{ISO}{FRACTION}{_ZONE}? +{LEVEL} +\[(?P<thread>[^\]\n]++)\] +(?!{_FULL_CLASS} )(?P<user>[^ \[\n]++) "
        rf"(?P<logger>{_FULL_CLASS}) - {MESSAGE}",
        rf"(?P<time>\d{{4}}\.[01]\d\.[0-3]\d {CLOCK}) {LEVEL} +(?P<app>\w++)\[(?P<extra>[^\]\n]*+)\]"
        rf"\[(?P<logger>{_CLASS})\] {MESSAGE}",
        rf"{ISO}{FRACTION}{_ZONE} \[(?P<app>\w++) *\] \[{LEVEL} *\] \[(?P<extra>[^\]\n]*+)\] "
        rf"\[(?P<logger>{_CLASS}):(?P<line>\d{{1,9}}) *\] \[(?P<thread>[^\]\n]*[^\] \n]) *\] - {MESSAGE}",
        rf"{ISO}{FRACTION}{_ZONE}? \[{PID} (?P<thread_id>\d{{1,18}})\] (?P<logger>{_CLASS}) {LEVEL}: {MESSAGE}",
        rf"{ISO}{FRACTION} (?P<logger>[a-z]\w*+(?:\.\w++){{2,}}+) (?P<thread>[^ \[\n]++) \[{LEVEL}\] {MESSAGE}",
        # Gerrit; ActiveMQ Artemis; the name of a class, without a mark after it.
        rf"\[{ISO}{FRACTION}{_ZONE}?\] +\[(?P<thread>[^\]\n]++)\] {LEVEL} +(?P<logger>{_CLASS}) +(?:-|:) {MESSAGE}",
        rf"{_CLOCK} +{LEVEL} +\[(?P<logger>[a-z]\w*+(?:\.\w++)++)\] (?!\(){MESSAGE}",
        rf"{ISO}{FRACTION}{_ZONE}? +{LEVEL} +(?:\[(?P<thread>[^\]\n]++)\] +)?(?P<logger>{_FULL_CLASS}) {MESSAGE}",
        # Jira, with the request and its user or without; Confluence; QuestDB.
        rf"{ISO}{FRACTION}{_ZONE}? (?P<thread>(?!UTC |GMT ){_BEFORE_LEVEL}) {LEVEL} +(?:(?P<user>[^ \[\n]++)"
        r"(?: (?P<extra>\d{1,9}x\d{1,9}x\d{1,9} [^ \n]++(?: -| [^ ,\n]++,[^ \n]++)?+)"
        r"(?: (?P<client>[0-9a-fA-F.:]++))? (?P<path>/[^ \n]*+))?+ +)?+"
        rf"\[(?P<logger>\w++(?:\.[\w$*-]++)++)\] {MESSAGE}",
        rf"{ISO}{FRACTION}{_ZONE}? +{LEVEL} +\[(?P<thread>[^\]\n]++)\] \[(?P<logger>\w++(?:\.[\w$*-]++)++)\] "
        rf"{MESSAGE}",
        rf"{ISO}\.(?P<fraction>\d{{6}})(?P<zone>Z) (?P<level>[CEAID]) (?P<logger>[a-z]\w*+(?:[.-][\w$]++)++) "
        rf"{MESSAGE}",
        # Flume; Atlas and Ranger; Ignite; Geode; Jitsi.
        rf"(?P<time>[0-3]\d {MONTH} \d{{4}} {CLOCK}){FRACTION} +{LEVEL} +\[(?P<thread>[^\]\n]++)\] "
        rf"\((?P<logger>[\w$.]+)\.(?P<function>[\w$<>]++):(?P<line>\d{{1,9}})\) +- {MESSAGE}",
        rf"{ISO}{FRACTION} {LEVEL} +- \[(?P<thread>[^\]\n]++)\] ~ {MESSAGE}",
        rf"\[(?P<time>(?:{DAY}T)?{CLOCK}){FRACTION}\]\[{LEVEL} *+\]\[(?P<thread>[^\]\n]++)\]"
        rf"\[(?P<logger>[^\]\n]++)\] {MESSAGE}",
        rf"\[(?P<level>finest|finer|fine|config|info|warn|warning|error|severe|fatal) "
        rf"(?P<time>\d{{4}}/[01]\d/[0-3]\d {CLOCK}){FRACTION} {ZONE_NAME} (?:(?P<app>[^ <\n]++) )?"
        rf"<(?P<thread>[^>\n]++)> tid=0x[0-9a-f]++\] {MESSAGE}",
        rf"(?P<app>[A-Z][A-Za-z]*+) {ISO}{FRACTION} {LEVEL}: \[(?P<thread_id>\d{{1,18}})\] "
        rf"(?:\[(?P<extra>[^\]\n]*+)\] )?(?P<logger>[\w$.]+)\.(?P<function>[\w$<>]++)#(?P<line>\d{{1,9}}): "
        rf"{MESSAGE}",
        # Hazelcast; Infinispan; Doris and StarRocks; Pinot; TorchServe; Rundeck; GoCD; Zimbra; Openfire; Shibboleth.
        rf"{_CLOCK} +\[ *{LEVEL}\] \[(?P<thread>[^\]\n]++)\] \[(?P<logger>[^\]\n]++)\]: {MESSAGE}",
        rf"{ISO},(?P<fraction>\d{{3}}) +{LEVEL} +\((?P<thread>[^)|\n]++)\) \[(?P<logger>[^\]\n]++)\] {MESSAGE}",
        rf"{_CLOCK} {LEVEL} \((?P<thread>[^|)\n]++)\|(?P<thread_id>\d{{1,18}})\) "
        rf"\[(?P<logger>[\w$.]+)\.(?P<function>[\w$<>]++)\(\):(?P<line>\d{{1,9}})\] {MESSAGE}",
        rf"(?P<time>\d{{4}}/[01]\d/[0-3]\d {CLOCK}){FRACTION} {LEVEL} \[(?P<logger>[^\]\n]++)\] "
        rf"\[(?P<thread>(?:[^\[\]\n]|\[[^\]\n]*+\])++)\] {MESSAGE}",
        rf"{ISO}{FRACTION} \[{LEVEL} *\] (?P<thread>[^ \n]++) (?P<logger>[\w$.]++) +- {MESSAGE}",
        rf"\[{ISO}{FRACTION}\] {LEVEL} +(?P<logger>{_CLASS}) \[(?P<thread>[^\]\n]++)\] - {MESSAGE}",
        rf"{_CLOCK} +{LEVEL} +\[(?P<thread>[^\]\n]++)\] (?P<logger>{_CLASS}):(?P<line>\d{{1,9}}) - {MESSAGE}",
        rf"{_CLOCK} +{LEVEL} +\[(?P<thread>[^\]\n]++)\] \[(?P<extra>[^\]\n]*+)\] (?P<logger>\w++) - {MESSAGE}",
        rf"(?P<time>\d{{4}}\.[01]\d\.[0-3]\d {CLOCK}){FRACTION} {LEVEL} +\[(?P<thread>[^\]\n]++)\]: "
        rf"(?P<logger>{_CLASS}) - {MESSAGE}",
        rf"{_CLOCK} - (?P<client>[0-9a-fA-F.:]*+) - {LEVEL} +\[(?P<logger>{_CLASS}):(?P<line>\d{{1,9}})\] - "
        rf"{MESSAGE}",
        # Besu; Metabase; timbre of Clojure; Airbyte.
        rf"{ISO}{FRACTION}{_ZONE} \| (?P<thread>[^|\n]*[^| \n]) \| {LEVEL} +\| (?P<logger>[\w$.]++) \| "
        rf"{MESSAGE}",
        rf"{_CLOCK} +{LEVEL} +(?P<logger>[a-z][\w.-]*+) :: {MESSAGE}",
        rf"{ISO}{FRACTION}{_ZONE} (?P<host>[\w.-]++) {LEVEL} \[(?P<logger>[\w.-]++):(?P<line>\d{{1,9}})\] - "
        rf"{MESSAGE}",
        rf"{ISO}{FRACTION} (?:(?P<app>\w++) > )?{LEVEL} (?P<logger>[\w$.]++)\((?P<function>[\w$<>]++)\):"
        rf"(?P<line>\d{{1,9}})(?: -)? {MESSAGE}",
    ),
    (
        text_field("message", "message"),
        number_field("process.pid", "pid"),
        text_field("process.thread.name", "thread", str.rstrip),
        number_field("process.thread.id", "thread_id"),
        text_field("user.name", "user"),
        text_field("service.name", "app"),
        text_field("trace.id", "trace"),
        text_field("span.id", "span"),
        text_field("zookeeper.server_id", "myid"),
        address_field("source.address", "client"),
        text_field("log.syslog.hostname", "host"),
        text_field("url.original", "path"),
        text_field("log.level", "level", lambda level: _LETTERS.get(level, level.lower())),
        text_field("log.logger", "logger"),
        text_field("log.origin.file.name", "file"),
        number_field("log.origin.file.line", "line"),
        text_field("log.origin.function", "function"),
        text_field("log.extra", "extra", str.strip),
    ),
    examples=(
        "2026-11-23T01:00:00.123+01:00  WARN 1 --- [shop] [           main] c.e.Shop                 : Up",
        "2026-11-23 01:00:00.123 [main] INFO  c.e.Shop -- two dashes",
        "2026-11-23 01:00:00,123 INFO  [pool-1] c.e.Shop - two - three",
        "2026-11-23 01:00:00.123  INFO [shop,6618a4de8f36bf71,c66827472589372a] 45 --- [main] c.e.Shop  : Up",
        "[2026-11-23 01:00:00,123] INFO started (kafka.server.KafkaServer)",
        "[2026-11-23 01:00:00,123] ERROR failed (kafka.server.KafkaServer)\njava.lang.IllegalStateException: closed",
        "[2026-11-23T01:00:00,123][INFO ][o.e.n.Node               ] [node-1] started",
        "2026-11-23 01:00:00,123 [myid:1] - INFO  [main:QuorumPeerMain@1] - Starting quorum peer",
        "2026-11-23 01:00:00,123 INFO  [org.jboss.as] (Controller Boot Thread) WFLYSRV0025: started",
        "2026-11-23 01:00:00,123 INFO  namenode.NameNode (LogAdapter.java:info(51)) - registered",
        "26/11/23 01:00:00 INFO SparkContext: Running Spark version 4.0.1",
        "261123 010000 148 INFO dfs.DataNode$PacketResponder: PacketResponder 1 terminating",
        "23-Nov-2026 01:00:00.123 INFO [main] org.apache.catalina.core.StandardService.startInternal Starting "
        "service",
        "Nov 23, 2026 1:00:00 AM org.apache.catalina.core.StandardService startInternal\nINFO: Starting service",
        "2026-11-23 01:00:00.123+0000 [id=1]\tINFO\thudson.lifecycle.Lifecycle#onReady: Jenkins is up",
        "2026-11-23T01:00:00,123 | INFO  | activator-1 | CommandExtension | 42 - org.apache.karaf.shell - 4.4.3 | up",
        "2026-11-23 01:00:00,123 | INFO  | Broker started | org.apache.activemq.broker.BrokerService | main",
        "2026-11-23 01:00:00 INFO  Shop:42 - order accepted",
        "2026-11-23 01:00:00,123 main WARN Unable to instantiate class",
        "[01:00:00] [Server thread/INFO]: Done",
        "INFO  [main] 2026-11-23 01:00:00,123 CassandraDaemon.java:123 - Startup complete",
        "2026-11-23 01:00:00.123 INFO  (qtp1-15) [   x:orders] o.a.s.c.S.Request path=/select status=0",
        "INFO  2026-11-23 01:00:00,123 [shard 0:main] compaction - Compacted 2 sstables",
        "2026-11-23T01:00:00.123Z\tINFO\tmain\tio.trino.server.Server\tSERVER STARTED",
        "2026-11-23 01:00:00.123:INFO:oejs.Server:main: Started Server@1b2c{STARTING}[12.0.3,sto=0]",
        "INFO  [2026-11-23 01:00:00,123] org.eclipse.jetty.server.Server: Started",
        "[2026-11-23 01:00:00,123]   INFO -   jetbrains.buildServer.SERVER - TeamCity started",
        "01:00:00.123 [INFO ] a.e.s.Slf4jLogger - Slf4jLogger started",
        "[INFO] [11/23/2026 01:00:00.123] [shop-akka.actor.default-dispatcher-3] [akka://shop/user/orders] accepted",
        "[2026-11-23 01:00:00,123] [INFO] [akka.event.slf4j.Slf4jLogger] [dispatcher-3] [] - Slf4jLogger started",
        "2026-11-23 01:00:00,123 [INFO] from play.api.Play in main - Application started (Prod)",
        "2026-11-23 01:00:00,123+0000 INFO  [FelixStartLevel] *SYSTEM org.sonatype.nexus.NexusLogActivator - start",
        "2026.11.23 01:00:00 INFO  web[][o.s.s.p.Platform] Web Server is operational",
        "2026-11-23T01:00:00.123Z [jfrt ] [INFO ] [0a1b2c3d] [o.a.w.s.ContextListener:42] [http-nio-8081] - up",
        "2026-11-23T01:00:00,123+0000 [812 1] com.newrelic INFO: New Relic Agent v8.7.0 is initializing...",
        "2026-11-23 01:00:00.123 o.a.s.d.nimbus main [INFO] Starting Nimbus",
        "[2026-11-23T01:00:00.123+0000] [main] INFO  com.google.gerrit.pgm.Daemon : Gerrit Code Review ready",
        "2026-11-23 01:00:00,123 INFO  [org.apache.activemq.artemis.core.server] AMQ221007: Server is now active",
        "2026-11-23 01:00:00,123 INFO [main] org.apache.nifi.NiFi Launching NiFi...",
        "2026-11-23 01:00:00,123+0000 http-nio-8080-exec-1 ERROR ann 60x42x1 0a1b2c 203.0.113.7 /secure/Cart.jspa "
        "[c.a.jira.web.Cart] failed",
        "2026-11-23 01:00:00,123 ERROR [http-nio-8090-exec-2] [atlassian.confluence.pages.Cart] failed",
        "2026-11-23T01:00:00.123456Z I i.q.c.http.HttpServer listening on 0.0.0.0:9000",
        "23 Nov 2026 01:00:00,123 INFO  [lifecycleSupervisor-1-0] (org.apache.flume.source.Netcat.start:155)  - up",
        "2026-11-23 01:00:00,123 WARN  - [pool-2-thread-8 - 0a1b-1:ann:GET/api/atlas/v2] ~ slow (AuditLog:42)",
        "[01:00:00,123][INFO][main][IgniteKernal] Remote Management [restart: on, REST: on]",
        "[info 2026/11/23 01:00:00.123 UTC server-1 <main> tid=0x1] Initializing region _monitoringRegion",
        "JVB 2026-11-23 01:00:00.123 INFO: [1] JitsiConfig.<clinit>#47: Initialized newConfig",
        "2026-11-23 01:00:00,123 [ INFO] [main] [c.h.system]: [192.0.2.7]:5701 [dev] Hazelcast Platform starting",
        "2026-11-23 01:00:00,123 INFO  (main) [org.infinispan.SERVER] ISPN080001: Infinispan Server starting",
        "2026-11-23 01:00:00,123 INFO (main|1) [DorisFE.start():158] Doris FE starting...",
        "2026/11/23 01:00:00.123 INFO [StartServiceManagerCommand] [main] Executing command: StartServiceManager",
        "2026-11-23T01:00:00,123 [INFO ] main org.pytorch.serve.ModelServer - Initialize Inference server",
        "[2026-11-23T01:00:00,123] INFO  rundeckapp.BootStrap [main] - Starting Rundeck 4.17.1",
        "2026-11-23 01:00:00,123 INFO  [main] Jetty9Server:199 - Configuring Jetty",
        "2026-11-23 01:00:00,123 INFO  [qtp1-42:/service/soap/] [name=ann@example.com;] soap - elapsed=12",
        "2026.11.23 01:00:00.123 INFO  [main]: org.jivesoftware.openfire.XMPPServer - Openfire 4.7.5",
        "2026-11-23 01:00:00,123 - 203.0.113.7 - INFO [net.shibboleth.idp:152] - Login by 'ann' succeeded",
        "2026-11-23 01:00:00.123+00:00 | main | INFO  | Besu | Starting Besu",
        "2026-11-23 01:00:00,123 INFO metabase.core :: Metabase v0.48.0 is starting",
        "2026-11-23T01:00:00.123Z web-1 INFO [shop.core:42] - started",
        "2026-11-23 01:00:00 source > INFO i.a.i.s.p.PostgresSource(main):42 starting source",
    ),
)
"""Logback's `BasicConfigurator` and Log4j 2's default configuration (`%d{HH:mm:ss.SSS} [%t] %-5level %logger{36} -
%msg%n`), the same with a date, `%d %-5p [%t] %c - %m%n`, and the layouts of programs that the comments name."""


def _normalize_uptime(uptime: str) -> str:
    """Return the uptime in seconds with a decimal point. The JVM may write a comma, depending on its locale."""
    if uptime.endswith("ms"):
        milliseconds = int(uptime[:-2])
        return f"{milliseconds // 1000}.{milliseconds % 1000:03}"
    whole, fraction = uptime.rstrip("s").replace(",", ".").split(".")
    return f"{int(whole)}.{fraction}"


JAVA_GC = LogFormat(
    "the JVM's unified log",
    (
        rf"(?:\[(?P<time>{DAY}T{CLOCK})\.(?P<fraction>\d{{1,9}})(?P<zone>Z|[+-]\d{{4}})\])?"
        r"(?:\[(?P<uptime>\d{1,12}[.,]\d{1,9}s|\d{1,15}ms)\])?(?:\[(?P<pid>\d{1,18})\])?(?:\[(?P<thread>\d{1,18})\])?"
        rf"\[(?P<level>trace|debug|info|warning|error) *\]\[(?P<tags>[a-z0-9,]++) *\] ?{MESSAGE}",
        rf"\[(?P<time>{DAY}T{CLOCK})\.(?P<fraction>\d{{1,9}})(?P<zone>Z|[+-]\d{{4}})\]"
        r"(?:\[(?P<uptime>\d{1,12}[.,]\d{1,9}s|\d{1,15}ms)\])?(?:\[(?P<pid>\d{1,18})\])?(?:\[(?P<thread>\d{1,18})\])?"
        rf"\[(?P<tags>[a-z0-9,]++) *\] ?{MESSAGE}",
        rf"\[(?P<uptime>\d{{1,12}}[.,]\d{{1,9}}s|\d{{1,15}}ms)\](?:\[(?P<tags>[a-z0-9,]++) *\])? {MESSAGE}",
        rf"(?P<time>{DAY}T{CLOCK})\.(?P<fraction>\d{{1,9}})(?P<zone>[+-]\d{{4}}): "
        rf"(?P<uptime>\d{{1,12}}[.,]\d{{1,9}}): {MESSAGE}",
        r"(?P<uptime>\d{1,12}[.,]\d{1,9}): (?P<message>\[.*+)",
    ),
    (
        text_field("message", "message"),
        number_field("process.pid", "pid"),
        number_field("process.thread.id", "thread"),
        json_field("jvm.uptime", "uptime", _normalize_uptime),
        json_field("jvm.log.tags", "tags", lambda tags: msgspec.json.encode(tags.split(",")).decode()),
        text_field("log.level", "level"),
    ),
    examples=(
        "[2026-11-23T01:00:00.123+0000][0.015s][info][gc,start    ] GC(0) Pause Young",
        "[2026-11-23T01:00:00.123+0000][12][gc,start     ] GC(0) Pause Young",
        "[15ms] GC(0) Pause Young",
        "2026-11-23T01:00:00.123+0000: 12.345: [GC (Allocation Failure) 65536K->10720K(251392K), 0.0101 secs]",
        "12.345: [Full GC (Ergonomics) 10720K->9000K(251392K), 0.0302 secs]",
    ),
)
"""`-Xlog` (JEP 158) with its default decorations (`uptime`, `level` and `tags`); also with `time`, `pid` or `tid`, or
without a level. In addition `-XX:+PrintGCDetails` of Java 8, with or without dates."""
