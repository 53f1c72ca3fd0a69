"""Settings of the Elasticsearch sink, by URL or by YAML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import ConfigDict, PositiveInt, SecretStr, model_validator

from sidecar.errors import ConfigurationError
from sidecar.lib.settings_model import COMMAS, SECRET_FILE, SHOWN
from sidecar.lib.units import Duration
from sidecar.sinks.common.exposure import warn_of_plain_credentials
from sidecar.sinks.common.target_name import TargetTemplate
from sidecar.sinks.common.url import host_and_port, merge_options, parse_url, refuse_url, settings_from
from sidecar.sinks.contract import SinkSettings

_PORT = 9200
_TRANSPORTS = {"elasticsearch": "http", "elasticsearch+https": "https", "http": "http", "https": "https"}
# As Elasticsearch documents it under "create an index".
_INDEX = re.compile(r"(?![-_+]|\.\.?$)[^A-Z\\/*?\"<>| ,#:]+")
_INDEX_BYTES = 255


class ElasticsearchSettings(SinkSettings):
    """Address, credentials and index of Elasticsearch."""

    model_config = ConfigDict(
        hide_input_in_errors=True, json_schema_extra={"anyOf": [{"required": ["url"]}, {"required": ["hosts"]}]}
    )

    type: Literal["elasticsearch"] = "elasticsearch"
    """Elasticsearch 8 or 9, through the official client."""

    url: str = ""
    """Everything in one: `elasticsearch://user:password@host:9200,host2/index`, or `elasticsearch+https://…`. Other
    settings of this sink may follow as `?pipeline=…&compress=true`. User and password are never shown."""

    hosts: Annotated[tuple[str, ...], SHOWN, COMMAS] = ()
    """The hosts as a list: `https://host:9200`, with a path if there is a proxy. Default port: 9200."""

    index: Annotated[str, SHOWN] = "logs"
    """Index, alias or data stream. `%Y.%m.%d` is the time of the event in UTC, `{service.name:other}` the value of a
    field, or the word after the colon if the field is missing."""

    max_targets: PositiveInt = 1000
    """Indexes that dates and fields in the name may start to use on one day (UTC). Other documents go to the name
    with the word for missing fields and the day on which the sidecar first saw their file."""

    username: Annotated[str, SHOWN] = ""
    """User for basic authentication."""

    password: SecretStr | None = None
    """Password of that user. Prefer `password_file`."""

    password_file: Annotated[Path | None, SECRET_FILE] = None
    """File with the password; read again when it changes."""

    api_key: SecretStr | None = None
    """API key, encoded or as `id:key`, instead of user and password."""

    api_key_file: Annotated[Path | None, SECRET_FILE] = None
    """File with the API key; read again when it changes."""

    ca_file: Path | None = None
    """Certificate authorities that may sign the server's certificate (PEM). Default: the well-known ones."""

    client_certificate_file: Path | None = None
    """Client certificate (PEM); it may include the key."""

    client_key_file: Annotated[Path | None, SECRET_FILE] = None
    """Key of the client certificate (PEM)."""

    verify: bool = True
    """Verify the server's certificate. Without it, anyone on the network path can read and change the logs."""

    pipeline: Annotated[str, SHOWN] = ""
    """Ingest pipeline for the documents."""

    unknown_refusals: Literal["dead_letter", "wait"] = "dead_letter"
    """What happens to a document that is refused with an error that is not known to be about documents, while other
    documents of its index are stored. `dead_letter`: it becomes a dead letter. `wait`: it stays in its file and is
    sent again until it is stored."""

    document_id: Literal["position", "none"] = "position"
    """`position`: the id of a document is its position in the file, so nothing is stored twice. `none`: the server
    generates ids, which is faster, and a retry may store a document twice."""

    timeout: Duration = 30.0
    """Limit for one request, from the connection to the end of the response. The resolution of the host name has the
    time limit of the system's resolver."""

    compress: bool = False
    """Compress requests with gzip: less network, more CPU."""

    schemes: ClassVar[tuple[str, ...]] = ("elasticsearch", "elasticsearch+https")

    @classmethod
    def from_url(cls, url: str) -> Self:
        return settings_from(cls, {"url": url})

    @property
    def secure(self) -> bool:
        """Whether the hosts are talked to by TLS."""
        return self.hosts[0].startswith("https:")

    def warnings(self) -> list[str]:
        if not self.secure:
            hosts = [urlsplit(host).netloc for host in self.hosts] if self.username or self._has_key else []
            return warn_of_plain_credentials(hosts, "write elasticsearch+https:// or https://")
        if self.verify:
            return []
        return ["verify is false: another host can pose as the server and read everything; set ca_file instead"]

    @property
    def _has_key(self) -> bool:
        return bool(self.api_key or self.api_key_file)

    def destination(self) -> str:
        scheme = "elasticsearch+https" if self.secure else "elasticsearch"
        return f"{scheme}://{','.join(host.partition('://')[2] for host in self.hosts)}/{self.index}"

    @model_validator(mode="before")
    @classmethod
    def _take_urls_apart(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        fields = _from_url(given) if isinstance(given.get("url"), str) and given["url"] else dict(given)
        hosts = fields.get("hosts") or ()
        entries = hosts.split(",") if isinstance(hosts, str) else hosts
        return _with_hosts(fields, entries) if all(isinstance(each, str) for each in entries) else fields

    @model_validator(mode="after")
    def _check(self) -> Self:
        transports = {host.partition(":")[0] for host in self.hosts}
        tls = self.ca_file or self.client_certificate_file or self.client_key_file
        user, password = bool(self.username), bool(self.password or self.password_file)
        key = self._has_key
        refuse_url([
            (not self.hosts, "hosts", "is missing", "write url: elasticsearch://host:9200/index"),
            (bool(self.password and self.password_file), "password_file", "contradicts password", "keep one of them"),
            (bool(self.api_key and self.api_key_file), "api_key_file", "contradicts api_key", "keep one of them"),
            (user and not password, "username", "has no password", "add password_file"),
            (password and not user, "password", "has no username", "add username"),
            (key and (user or password), "api_key", "contradicts username and password", "keep one of the two"),
            (len(transports) > 1, "hosts", "mix http and https", "use one of them for all hosts"),
            (bool(tls) and transports == {"http"}, "hosts", "do not use TLS, but certificates are given",
             "write elasticsearch+https:// or https://, or leave the certificates out"),
            (bool(self.ca_file) and not self.verify, "verify", "is false, so ca_file has no effect",
             "keep one of them"),
            (bool(self.client_key_file) and not self.client_certificate_file, "client_key_file", "has no certificate",
             "add client_certificate_file"),
            (self.timeout <= 0, "timeout", "must be more than nothing", "write for instance 30s"),
            *_index_problems(self.index),
        ])  # fmt: skip
        return self


def _from_url(given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields with everything that the URL says, and the URL without credentials."""
    address = parse_url(given["url"])
    if address.scheme not in _TRANSPORTS:
        raise ConfigurationError(
            "has an unknown scheme", location="url", hint="write elasticsearch:// or elasticsearch+https://"
        )
    prefix, _, index = address.path.rstrip("/").rpartition("/")
    hosts = [_host(f"{_TRANSPORTS[address.scheme]}://{host}/{prefix}", "url") for host in address.hosts]
    found = {
        "hosts": tuple(hosts),
        "username": address.username,
        "password": address.password,
        "index": index or None,
    }
    plain = f"{address.scheme}://{','.join(host.partition('://')[2] for host in hosts)}/{index}"
    return merge_options(
        {**given, "url": plain}, {**address.options, **{k: v for k, v in found.items() if v is not None}}
    )


def _with_hosts(fields: Mapping[str, Any], entries: Any) -> dict[str, Any]:
    """The fields with each host in its full form, and the credentials that stood in one of them."""
    credentials: dict[str, Any] = {}
    hosts = []
    for entry in entries:
        address = parse_url(entry if "://" in entry else f"http://{entry}", key="hosts")
        found = {"username": address.username, "password": address.password}
        credentials = merge_options(credentials, {key: value for key, value in found.items() if value is not None})
        hosts.append(_host(f"{address.scheme}://{address.hosts[0]}/{address.path}", "hosts"))
    return {**merge_options(fields, credentials), "hosts": tuple(hosts)}


def _host(url: str, key: str) -> str:
    """`http(s)://host:port[/path]`, as the client wants it."""
    scheme, _, rest = url.partition("://")
    if scheme not in ("http", "https"):
        raise ConfigurationError(
            "has an unknown scheme", location=key, hint="write http://host:9200 or https://host:9200"
        )
    host, _, path = rest.partition("/")
    return f"{scheme}://{host_and_port(host, _PORT, key=key)}/{path}".rstrip("/")


def _index_problems(index: str) -> list[tuple[bool, str, str, str]]:
    """What is wrong with the name of the index, dates filled in."""
    try:
        pattern = TargetTemplate(index, lower=True)
    except ValueError as error:
        return [(True, "index", f"is not a name with a date ({error})", "write for instance logs-%Y.%m.%d")]
    wrong = not all(_INDEX.fullmatch(name) and len(name.encode()) <= _INDEX_BYTES for name in pattern.extremes())
    advice = r'use lower case without \ / * ? " < > | # , : or blanks, not beginning with - _ or +'
    return [(wrong, "index", "is not a name that Elasticsearch takes", advice)]
