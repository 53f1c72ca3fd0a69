"""Settings of the sink for Elasticsearch and OpenSearch, by URL or by YAML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from sidecar.lib.declarations import ConfigDict, Field, PositiveInt, SecretStr, model_validator
from sidecar.lib.settings_model import COMMAS, SECRET_FILE, SHOWN, LocalPath, ShownInPart
from sidecar.lib.units import Duration
from sidecar.sinks.common.checks import (
    Problem,
    list_name_problems,
    list_password_problems,
    raise_problems,
    settings_from,
)
from sidecar.sinks.common.database_settings import DatabaseSettings
from sidecar.sinks.common.exposure import warn_of_plain_credentials
from sidecar.sinks.common.target_name import TargetTemplate
from sidecar.sinks.common.url import show_url
from sidecar.sinks.elasticsearch.data_stream import DataStreamSettings, add_stream_fields, daily_stream_template
from sidecar.sinks.elasticsearch.headers import list_header_problems, list_parameter_problems
from sidecar.sinks.elasticsearch.hosts import split_addresses
from sidecar.sinks.elasticsearch.proxy import NO_PROXY, parse_proxy, show_proxy
from sidecar.sinks.elasticsearch.setup_settings import ElasticsearchSetupSettings

# As Elasticsearch documents it under "create an index".
_INDEX = re.compile(r"(?![-_+]|\.\.?$)[^A-Z\\/*?\"<>| ,#:]+")
_NOT_IN_INDEX = r'\ / * ? " < > | # , : or spaces'
_INDEX_BYTES = 255
_ONE_FIELD = re.compile(r"\{[^{}:]+\}")


class ElasticsearchSettings(DatabaseSettings):
    """Address, credentials and index of Elasticsearch or OpenSearch."""

    model_config = ConfigDict(
        hide_input_in_errors=True, json_schema_extra={"anyOf": [{"required": ["url"]}, {"required": ["hosts"]}]}
    )

    type: Literal["elasticsearch", "opensearch"] = "elasticsearch"
    """Elasticsearch 8 or 9, OpenSearch 2 or 3. Both names select the same sink, which supports all these servers."""

    url: Annotated[str, ShownInPart(show_url)] = ""
    """Hosts, credentials and index: `elasticsearch://user:password@host:9200,host2/index`, or
    `elasticsearch+https://…`, `opensearch://…`, `opensearch+https://…`. Other settings of this sink may follow as
    `?pipeline=…&compress=true`. The password is never shown."""

    hosts: Annotated[tuple[str, ...], SHOWN, COMMAS] = ()
    """The hosts as a list: `https://host:9200`, with a path if there is a proxy. Default port: 9200."""

    cloud_id: Annotated[str, SHOWN] = ""
    """Cloud ID of a deployment in Elastic Cloud, instead of `url` or `hosts`."""

    index: Annotated[str, SHOWN] = "logs"
    """Index, alias or data stream. `%Y.%m.%d` is the time of the event in UTC, `{service.name:other}` the value of a
    field, or the word after the colon if the field is missing."""

    data_stream: DataStreamSettings | None = None
    """Data stream by type, dataset and namespace, instead of `index`. Its fields and `ecs.version` are added to each
    document."""

    require_data_stream: bool = False
    """Refuse to write if the name is not a data stream and no index template makes it one. Otherwise the server
    creates an index of that name. Needs Elasticsearch 8.13 or newer."""

    require_alias: bool = False
    """Refuse to write if `index` is not an alias. Otherwise the server creates an index of that name, for example
    after the alias was deleted."""

    look_up_sent: bool | None = None
    """After a timeout or a lost connection, look up which documents are stored before they are sent again, so that a
    rollover in between stores none twice. The user needs `read` and `maintenance`. Default: only with
    `data_stream`."""

    max_targets: PositiveInt = 1000
    """Maximum number of new indexes per day (UTC), if the name has dates or fields. Documents for further indexes go
    to a fallback: the name with the defaults of its fields and the day on which the sidecar first saw the file."""

    username: Annotated[str, SHOWN] = ""
    """User for basic authentication."""

    password: SecretStr | None = None
    """Password of that user. Prefer `password_file`."""

    password_file: Annotated[LocalPath | None, SECRET_FILE] = None
    """File with the password; read again when it changes."""

    api_key: SecretStr | None = None
    """API key, in base64 or as `id:key`, instead of user and password."""

    api_key_file: Annotated[LocalPath | None, SECRET_FILE] = None
    """File with the API key; read again when it changes."""

    bearer_token: SecretStr | None = None
    """Token for `Authorization: Bearer`, such as that of a service account, instead of user and password."""

    bearer_token_file: Annotated[LocalPath | None, SECRET_FILE] = None
    """File with the token; read again when it changes."""

    aws_region: Annotated[str, SHOWN] = ""
    """Region of an Amazon OpenSearch Service domain. Requests are signed (SigV4) with the credentials that AWS gives
    to the Pod; needs `pip install 'log-sidecar[aws]'`."""

    aws_service: Literal["es", "aoss"] = "es"
    """`es`: a domain. `aoss`: OpenSearch Serverless."""

    headers: Mapping[str, SecretStr] = Field(default_factory=dict)
    """Additional headers of each request, for example for a gateway before the server. Values are never shown."""

    parameters: Mapping[str, str] = Field(default_factory=dict)
    """Additional query parameters of each bulk request."""

    proxy: Annotated[SecretStr | None, ShownInPart(show_proxy)] = None
    """HTTP proxy: `http://user:password@host:port`, or `none`. Default: the environment variables `https_proxy`,
    `http_proxy` and `all_proxy`, with the exceptions of `no_proxy`."""

    ca_file: LocalPath | None = None
    """CA certificates that verify the server's certificate (PEM). Default: those of the system and of `certifi`."""

    client_certificate_file: LocalPath | None = None
    """Client certificate (PEM); it may include the key."""

    client_key_file: Annotated[LocalPath | None, SECRET_FILE] = None
    """Key of the client certificate (PEM)."""

    verify: bool = True
    """Verify the server's certificate. Without it, anyone on the network path can read and change the logs."""

    pipeline: Annotated[str, SHOWN] = ""
    """Ingest pipeline for the documents. `{event.dataset}` is the value of a field, and documents without the field
    use no pipeline. With `app-{event.dataset:other}`, they use the pipeline `app-other`. A document that names a
    missing pipeline becomes a dead letter."""

    routing: Annotated[str, SHOWN] = ""
    """Field whose value routes a document to its shard, such as `{tenant.id}`. Documents without the field are routed
    by their id. A data stream refuses routing, unless its index template allows it."""

    setup: ElasticsearchSetupSettings = ElasticsearchSetupSettings()
    """What `sidecar setup` creates on the server."""

    document_id: Literal["position", "none"] = "position"
    """`position`: the id of a document is its position in the file, so nothing is stored twice. `none`: the server
    generates ids, which is faster, but a retry may store a document twice."""

    timeout: Duration = 30.0
    """Maximum time for one request, from the connection to the end of the response. DNS lookups have the time limit
    of the system's resolver."""

    compress: bool | Literal["auto"] = "auto"
    """Compress requests with gzip. This needs about a tenth of the network traffic and of the memory for documents in
    flight, but more CPU. `auto`: only while even the fastest answer takes 0.1 s or more, and not if the server has
    refused gzip (415)."""

    schemes: ClassVar[tuple[str, ...]] = (
        "elasticsearch", "elasticsearch+https", "opensearch", "opensearch+https",
    )  # fmt: skip

    @classmethod
    def from_url(cls, url: str) -> Self:
        return settings_from(cls, {"url": url})

    @property
    def request_copies(self) -> int:
        return 0 if self.has_uniform_actions else 1

    @property
    def secure(self) -> bool:
        """Whether connections to the hosts use TLS."""
        return self.hosts[0].startswith("https:")

    @property
    def target(self) -> str:
        """The name of the index or data stream, with its dates and fields."""
        return self.index if self.data_stream is None else self.data_stream.pattern

    def target_template(self) -> TargetTemplate:
        """Return the template of the name of the index or data stream."""
        return TargetTemplate(self.index, lower=True) if self.data_stream is None else self.data_stream.template()

    @property
    def has_uniform_actions(self) -> bool:
        """Whether the action lines of all documents of a day differ only in the id."""
        return not (self.routing or "{" in self.target or self.pipeline_template().fixed is None)

    def pipeline_template(self) -> TargetTemplate:
        """Return the template of the name of the pipeline, `_none` for documents that use no pipeline."""
        pattern = f"{self.pipeline[:-1]}:_none}}" if _ONE_FIELD.fullmatch(self.pipeline) else self.pipeline
        return TargetTemplate(pattern, free=True)

    @property
    def looks_up_sent(self) -> bool:
        """Whether ids are looked up after a request with unknown outcome."""
        is_wanted = self.data_stream is not None if self.look_up_sent is None else self.look_up_sent
        return is_wanted and self.document_id == "position"

    def document_fields(self) -> Mapping[str, str]:
        return {} if self.data_stream is None else self.data_stream.document_fields()

    @property
    def has_many_streams(self) -> bool:
        """Whether the name of the data stream depends on the document."""
        return self.data_stream is not None and self.data_stream.template().fixed is None

    def complete_document(self, document: str, target: str) -> str:
        return add_stream_fields(document, target) if self.has_many_streams else document

    def warnings(self) -> list[str]:
        found = self._warnings_of_transport()
        is_stream_by_name = self.type == "elasticsearch" and self.data_stream is None
        if is_stream_by_name and (template := daily_stream_template(self.target_template())):
            found.append(
                f"each day of {self.index} becomes a separate data stream, because the name matches {template}, an "
                "index template of every Elasticsearch; set data_stream, or begin the name with another word"
            )
        return found

    def _warnings_of_transport(self) -> list[str]:
        if not self.secure:
            hosts = [urlsplit(host).netloc for host in self.hosts] if _list_credentials(self) or self.headers else []
            return warn_of_plain_credentials(hosts, f"write {self.type}+https:// or https://")
        if self.verify:
            return []
        return ["verify is false: another host can pose as the server and read everything; set ca_file instead"]

    def secrets(self) -> list[str]:
        return [*super().secrets(), *(value.get_secret_value() for value in self.headers.values())]

    def destination(self) -> str:
        scheme = f"{self.type}+https" if self.secure else self.type
        return f"{scheme}://{','.join(host.partition('://')[2] for host in self.hosts)}/{self.target}"

    def explain_destination(self) -> str:
        prefixes = sorted({path for host in self.hosts if (path := urlsplit(host).path)})
        target = "index" if self.data_stream is None else "data stream"
        return f"{target} {self.target}, path of the gateway {', '.join(prefixes)}" if prefixes else ""

    @model_validator(mode="before")
    @classmethod
    def _split_urls(cls, given: Any) -> Any:
        return split_addresses(given) if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _check(self) -> Self:
        transports = {host.partition(":")[0] for host in self.hosts}
        tls = self.ca_file or self.client_certificate_file or self.client_key_file
        credentials = _list_credentials(self)
        raise_problems([
            (not self.hosts, "hosts", "is missing", "write url: elasticsearch://host:9200/index"),
            *list_password_problems(self),
            (bool(self.api_key and self.api_key_file), "api_key_file", "contradicts api_key", "keep one of them"),
            (bool(self.bearer_token and self.bearer_token_file), "bearer_token_file", "contradicts bearer_token",
             "keep one of them"),
            (len(credentials) > 1, "".join(credentials[-1:]), f"contradicts {' and '.join(credentials[:-1])}",
             "keep one kind of credentials"),
            (len(transports) > 1, "hosts", "mix http and https", "use one of them for all hosts"),
            (bool(tls) and transports == {"http"}, "hosts", "do not use TLS, but certificates are given",
             "write elasticsearch+https:// or https://, or remove the certificates"),
            (bool(self.ca_file) and not self.verify, "verify", "is false, so ca_file has no effect",
             "keep one of them"),
            (bool(self.client_key_file) and not self.client_certificate_file, "client_key_file", "has no certificate",
             "add client_certificate_file"),
            (self.timeout <= 0, "timeout", "must be greater than 0", "write for example 30s"),
            (bool(self.aws_region) and find_spec("botocore") is None, "aws_region",
             "needs a package that is not installed", "run pip install 'log-sidecar[aws]'"),
            *list_header_problems(self.headers),
            *list_parameter_problems(self.parameters),
            (self.data_stream is not None and "index" in self.model_fields_set, "index", "contradicts data_stream",
             "keep one of them"),
            (self.require_alias and self.require_data_stream, "require_alias", "contradicts require_data_stream",
             "keep one of them"),
            (bool(self.look_up_sent) and self.document_id == "none", "look_up_sent", "contradicts document_id: none",
             "keep one of them"),
            *self._target_problems(),
            (self.setup.pipeline is not None and (not self.pipeline or "{" in self.pipeline), "setup.pipeline",
             "has no name", "set pipeline of the sink to the name of the ingest pipeline, without fields"),
            (not (self.data_stream or self.require_alias)
             and (self.setup.rollover_age or self.setup.rollover_size) is not None, "setup",
             "has a rollover, but the sink writes to plain indexes", "set data_stream or require_alias"),
            *self._pipeline_problems(),
            (bool(self.routing) and not _ONE_FIELD.fullmatch(self.routing), "routing", "is not a field in braces",
             "write for example {tenant.id}"),
        ])  # fmt: skip
        if self.proxy is not None and self.proxy.get_secret_value() != NO_PROXY:
            parse_proxy(self.proxy.get_secret_value(), "proxy")
        return self

    def _target_problems(self) -> list[Problem]:
        """Return the problems of the name of the index or data stream."""
        if self.data_stream is not None:
            return list_name_problems(
                self.target_template, _is_index_name, key="data_stream", kind="data stream",
                example="dataset: nginx.access", advice=rf"use lower case without - {_NOT_IN_INDEX}",
            )  # fmt: skip
        return list_name_problems(
            self.target_template, _is_index_name, key="index", kind="index", example="logs-%Y.%m.%d",
            advice=rf"use lower case without {_NOT_IN_INDEX}, not beginning with - _ or +",
        )  # fmt: skip

    def _pipeline_problems(self) -> list[Problem]:
        try:
            self.pipeline_template()
        except ValueError as error:
            advice = "write a name, {field}, or a name with {field:word}"
            return [(True, "pipeline", f"is not a valid name pattern ({error})", advice)]
        return []


def _is_index_name(name: str) -> bool:
    return _INDEX.fullmatch(name) is not None and len(name.encode()) <= _INDEX_BYTES


def _list_credentials(settings: ElasticsearchSettings) -> list[str]:
    """Return the settings that contain credentials, one for each kind of credentials."""
    kinds = {
        "username": settings.username or settings.password or settings.password_file,
        "api_key": settings.api_key or settings.api_key_file,
        "bearer_token": settings.bearer_token or settings.bearer_token_file,
        "aws_region": settings.aws_region,
        "headers": "authorization" in map(str.lower, settings.headers),
    }
    return [name for name, is_given in kinds.items() if is_given]
