"""Patterns of Zeek's logs, and of Bro's, as it was called before version 3. The values are separated by tabs."""

from __future__ import annotations

from sidecar.parse.grok_patterns.naming import PatternFamily

_HEAD = (
    "NUMBER:timestamp NOTSPACE:zeek.session_id IP:source.ip INT:source.port:int IP:destination.ip"
    " INT:destination.port:int"
)
_LEGACY_HEAD = "NUMBER:ts NOTSPACE:uid IP:orig_h INT:orig_p IP:resp_h INT:resp_p"
_TAGS = r"(?:\(empty\)|%{ZEEK_DATA:zeek.http.tags})"
_DNS_FLAGS = (
    "?ZEEK_BOOL:zeek.dns.AA ?ZEEK_BOOL:zeek.dns.TC ?ZEEK_BOOL:zeek.dns.RD"
    " ?ZEEK_BOOL:zeek.dns.RA ?NONNEGINT:zeek.dns.Z:int"
)


def _row(columns: str) -> str:
    """Return a pattern for a row, whose columns are separated by tabs in the log and by blanks in `columns`.

    `NAME:path:type` is a value that matches the pattern `NAME`; with `?` before it, it may be missing (`-`). A column
    that contains `%` is already a pattern. Any other word is the name of a legacy field, which may have any text;
    with `*` before it, it also takes the columns that a row has too many.
    """
    return r"\t".join(map(_column, columns.split()))


def _column(column: str) -> str:
    if "%" in column:
        return column
    if column.startswith("?"):
        return f"(?:-|%{{{column[1:]}}})"
    if column.startswith("*"):
        return rf"(?<{column[1:]}>[^\n]*)"
    return f"%{{{column}}}" if ":" in column else rf"(?<{column}>[^\t\n]*+)"


_HTTP_START = (
    "INT:zeek.http.trans_depth:int ?WORD:http.request.method ?ZEEK_DATA:url.domain ?ZEEK_DATA:url.original"
    " ?ZEEK_DATA:http.request.referrer"
)
_HTTP_STATUS = (
    "?NUMBER:http.request.body.bytes:int ?NUMBER:http.response.body.bytes:int ?POSINT:http.response.status_code:int"
    " ?ZEEK_DATA:zeek.http.status_msg ?POSINT:zeek.http.info_code:int ?ZEEK_DATA:zeek.http.info_msg"
)
_HTTP_USER = (
    "?ZEEK_DATA:url.username ?ZEEK_DATA:url.password ?ZEEK_DATA:zeek.http.proxied ?ZEEK_DATA:zeek.http.orig_fuids"
)
_DNS_START = f"{_HEAD} WORD:network.transport ?INT:dns.id:int"
_DNS_QUESTION = (
    "?ZEEK_DATA:dns.question.name ?INT:zeek.dns.qclass:int ?ZEEK_DATA:zeek.dns.qclass_name ?INT:zeek.dns.qtype:int"
    " ?ZEEK_DATA:dns.question.type ?INT:zeek.dns.rcode:int ?ZEEK_DATA:dns.response_code"
)
_DNS_END = f"{_DNS_FLAGS} ?ZEEK_DATA:zeek.dns.answers ?ZEEK_DATA:zeek.dns.TTLs ?ZEEK_BOOL:zeek.dns.rejected"
_CONNECTION_START = (
    f"{_HEAD} WORD:network.transport ?ZEEK_DATA:network.protocol ?NUMBER:zeek.connection.duration:float"
    " ?INT:zeek.connection.orig_bytes:int ?INT:zeek.connection.resp_bytes:int ?ZEEK_DATA:zeek.connection.state"
    " ?ZEEK_BOOL:zeek.connection.local_orig"
)
_LOCAL_ANSWER = r"(?:-|%{ZEEK_BOOL:zeek.connection.local_resp})"
_CONNECTION_END = (
    "?INT:zeek.connection.missed_bytes:int ?ZEEK_DATA:zeek.connection.history ?INT:source.packets:int"
    " ?INT:source.bytes:int ?INT:destination.packets:int ?INT:destination.bytes:int"
)
_FILE = (
    "?ZEEK_DATA:zeek.files.session_ids ?ZEEK_DATA:zeek.files.source ?INT:zeek.files.depth:int"
    " ?ZEEK_DATA:zeek.files.analyzers ?ZEEK_DATA:file.mime_type ?ZEEK_DATA:file.name"
    " ?NUMBER:zeek.files.duration:float"
    " ?ZEEK_DATA:zeek.files.local_orig ?ZEEK_BOOL:zeek.files.is_orig ?INT:zeek.files.seen_bytes:int"
    " ?INT:file.size:int"
    " ?INT:zeek.files.missing_bytes:int ?INT:zeek.files.overflow_bytes:int ?ZEEK_BOOL:zeek.files.timedout"
    " ?ZEEK_DATA:zeek.files.parent_fuid ?ZEEK_DATA:file.hash.md5 ?ZEEK_DATA:file.hash.sha1"
    " ?ZEEK_DATA:file.hash.sha256"
    " ?ZEEK_DATA:zeek.files.extracted"
)


def _hosts(role: str, path: str) -> str:
    """Return a pattern for `-` or IP addresses. The first address becomes the field at `path`.

    If there are several addresses, the text of all of them also becomes the field `zeek.files.` + `role`.
    """
    return rf"(?:-|(?<zeek.files.{role}>%{{IP:{path}}}(?:\s?,%{{IP}})++)|%{{IP:{path}}})"


_BASIC = {"ZEEK_BOOL": "[TF]", "ZEEK_DATA": r"[^\t\n]++", "BRO_BOOL": "[TF]", "BRO_DATA": r"[^\t\n]++"}

_ZEEK = {
    "ZEEK_HTTP": _row(
        f"{_HEAD} {_HTTP_START} ?NUMBER:http.version ?ZEEK_DATA:user_agent.original ?ZEEK_DATA:zeek.http.origin"
        f" {_HTTP_STATUS} {_TAGS} {_HTTP_USER} ?ZEEK_DATA:zeek.http.orig_filenames ?ZEEK_DATA:http.request.mime_type"
        " ?ZEEK_DATA:zeek.http.resp_fuids ?ZEEK_DATA:zeek.http.resp_filenames ?ZEEK_DATA:http.response.mime_type"
    ),
    "ZEEK_DNS": _row(f"{_DNS_START} ?NUMBER:zeek.dns.rtt:float {_DNS_QUESTION} {_DNS_END}"),
    "ZEEK_CONN": (
        _row(f"{_CONNECTION_START} {_LOCAL_ANSWER} {_CONNECTION_END} ")
        + r"\t(?:-|\(empty\)|%{ZEEK_DATA:zeek.connection.tunnel_parents})"
        + r"(?:\t(?:-|%{COMMONMAC:source.mac})\t(?:-|%{COMMONMAC:destination.mac}))?"
    ),
    "ZEEK_FILES_TX_HOSTS": _hosts("tx_hosts", "server.ip"),
    "ZEEK_FILES_RX_HOSTS": _hosts("rx_hosts", "client.ip"),
    "ZEEK_FILES": (
        _row(f"NUMBER:timestamp NOTSPACE:zeek.files.fuid %{{ZEEK_FILES_TX_HOSTS}} %{{ZEEK_FILES_RX_HOSTS}} {_FILE}")
        + r"(?:\t(?:-|%{ZEEK_BOOL:zeek.files.extracted_cutoff})\t(?:-|%{INT:zeek.files.extracted_size:int}))?"
    ),
}

_BRO = {
    "BRO_HTTP": _row(
        f"{_HEAD} {_HTTP_START} ?ZEEK_DATA:user_agent.original {_HTTP_STATUS} ?ZEEK_DATA:zeek.http.filename {_TAGS}"
        f" {_HTTP_USER} ?ZEEK_DATA:http.request.mime_type ?ZEEK_DATA:zeek.http.resp_fuids"
        " ?ZEEK_DATA:http.response.mime_type"
    ),
    "BRO_DNS": _row(f"{_DNS_START} {_DNS_QUESTION} {_DNS_END}"),
    "BRO_CONN": (
        _row(_CONNECTION_START) + rf"\t(?:{_LOCAL_ANSWER}\t)?" + _row(_CONNECTION_END)
        + r"\t(?:-|\(empty\)|%{ZEEK_DATA:zeek.connection.tunnel_parents})"
    ),
    "BRO_FILES": _row(f"NUMBER:timestamp NOTSPACE:zeek.files.fuid ?IP:server.ip ?IP:client.ip {_FILE}"),
}  # fmt: skip

_LEGACY_BRO = {
    "BRO_HTTP": _row(
        f"{_LEGACY_HEAD} INT:trans_depth *method domain uri referrer user_agent NUMBER:request_body_len"
        " NUMBER:response_body_len status_code status_msg info_code info_msg filename bro_tags username password"
        " proxied"
        " orig_fuids orig_mime_types resp_fuids resp_mime_types"
    ),
    "BRO_DNS": _row(
        f"{_LEGACY_HEAD} WORD:proto INT:trans_id *query qclass qclass_name qtype qtype_name rcode rcode_name AA TC"
        f" RD RA Z"
        " answers TTLs rejected"
    ),
    "BRO_CONN": _row(
        f"{_LEGACY_HEAD} WORD:proto *service NUMBER:duration NUMBER:orig_bytes NUMBER:resp_bytes conn_state"
        " local_orig missed_bytes history orig_pkts orig_ip_bytes resp_pkts resp_ip_bytes tunnel_parents"
    ),
    "BRO_FILES": _row(
        "NUMBER:ts NOTSPACE:fuid IP:tx_hosts IP:rx_hosts NOTSPACE:conn_uids *source depth analyzers mime_type"
        " filename duration local_orig is_orig seen_bytes total_bytes missing_bytes overflow_bytes timedout"
        " parent_fuid md5 sha1 sha256 extracted"
    ),
}

ZEEK = (PatternFamily({**_BASIC, **_ZEEK, **_BRO}, {}, _LEGACY_BRO),)
