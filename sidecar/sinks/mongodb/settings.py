"""Settings of the MongoDB sink, by URL or by YAML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import quote, urlencode

from pymongo.common import URI_OPTIONS_VALIDATOR_MAP
from pymongo.errors import PyMongoError

from sidecar.errors import ConfigurationError
from sidecar.lib.declarations import ConfigDict, PositiveInt, SecretStr, field_validator, model_validator
from sidecar.lib.settings_model import SECRET_FILE, SHOWN, LocalPath, ShownInPart
from sidecar.lib.suggestions import suggestion_for
from sidecar.lib.units import Duration, Size
from sidecar.sinks.common.checks import list_name_problems, list_password_problems, raise_problems, settings_from
from sidecar.sinks.common.database_settings import DatabaseSettings
from sidecar.sinks.common.exposure import warn_of_plain_credentials
from sidecar.sinks.common.target_name import TargetTemplate
from sidecar.sinks.common.url import host_and_port, parse_url, replace_url, show_url
from sidecar.sinks.mongodb.setup_settings import MongoDBSetupSettings

_PORT = 27017
_SRV = "mongodb+srv"
# https://www.mongodb.com/docs/manual/reference/limits/ (naming restrictions)
_DATABASE = re.compile(r'[^/\\. "$*<>:|?\0]{1,63}')
_COLLECTION = re.compile(r"(?!system\.)[^$\0]{1,200}")
_NAME_ADVICE = "use up to 200 characters without $, not beginning with system."
_MAX_EXPIRY_S = 2**31 - 1
# Options of a connection string that set settings of the sink.
_SINK_OPTIONS = {"collection": "collection", "w": "write_concern", "journal": "journal"}
# Options of a connection string that disable a part of the certificate verification.
_UNCHECKED = (
    "tlsInsecure", "tlsAllowInvalidCertificates", "tlsAllowInvalidHostnames", "tlsDisableOCSPEndpointCheck",
    "tlsDisableCertificateRevocationCheck",
)  # fmt: skip
# Options of a connection string that name a file.
_FILE_OPTIONS = ("tlscafile", "tlscertificatekeyfile", "tlscrlfile")
# Options of a connection string that contain a secret.
_SECRET_OPTIONS = frozenset({"authmechanismproperties", "tlscertificatekeyfilepassword"})

# Options of a connection string that cannot contain a secret, besides numbers and flags.
_SHOWN_OPTIONS = frozenset({
    *_FILE_OPTIONS, "authmechanism", "authsource", "compressors", "readconcernlevel", "readpreference", "replicaset",
})  # fmt: skip


def _show_url(url: str) -> str:
    return show_url(url, _SHOWN_OPTIONS)


class MongoDBSettings(DatabaseSettings):
    """Address, credentials and collection of MongoDB."""

    model_config = ConfigDict(hide_input_in_errors=True)

    type: Literal["mongodb"] = "mongodb"
    """MongoDB 5 or newer, through the official driver."""

    batch_bytes: Size = 384 << 10
    """Send a batch when this many bytes wait, counted as for other sinks. Lower than for other sinks, because the
    driver keeps three copies of a request in memory while building it."""

    url: Annotated[str, ShownInPart(_show_url)]
    """Connection string: `mongodb://user:password@host:27017,host2/database?collection=c`, or `mongodb+srv://…`.
    Options of the driver may follow. The password is never shown."""

    database: Annotated[str, SHOWN] = "logs"
    """Database of the documents. If the sink is written as one URL, it is the database in the URL. In a mapping, the
    database in `url` is only the one in which the user is defined."""

    collection: Annotated[str, SHOWN] = "logs"
    """Collection. `%Y.%m.%d` is the time of the event in UTC, `{service.name:other}` the value of a field, or the
    word after the colon if the field is missing."""

    max_targets: PositiveInt = 1000
    """Maximum number of new collections per day (UTC), if the name has dates or fields. Documents for further
    collections go to a fallback: the name with the defaults of its fields and the day on which the sidecar first saw
    the file."""

    username: Annotated[str, SHOWN] = ""
    """User. The authentication method is negotiated, or set as `authMechanism` in the URL."""

    password: SecretStr | None = None
    """Password of that user. Prefer `password_file`."""

    password_file: Annotated[LocalPath | None, SECRET_FILE] = None
    """File with the password; read again when it changes."""

    ca_file: LocalPath | None = None
    """CA certificates that verify the server's certificate (PEM); enables TLS."""

    write_concern: Annotated[str | int, SHOWN] = "majority"
    """Members of the replica set that must have a document before it counts as stored: a number, `majority`, or the
    name of a custom write concern. With less than `majority`, a change of the primary can lose documents."""

    journal: bool = True
    """Require a document to be in the journal on disk before it counts as stored."""

    expire_after: Duration | None = None
    """Delete documents this long after the time of their event, by a TTL index on `@timestamp`. The sidecar creates
    the index if it is missing."""

    setup: MongoDBSetupSettings = MongoDBSetupSettings()
    """What `sidecar setup` creates on the server. `sidecar run` only creates the index for `expire_after`."""

    timeout: Duration = 30.0
    """Maximum time for writing one batch, from the connection to the last response."""

    schemes: ClassVar[tuple[str, ...]] = ("mongodb", _SRV)

    @property
    def request_copies(self) -> int:
        return 2  # the documents as BSON, and the message of the driver

    @classmethod
    def from_url(cls, url: str) -> Self:
        database = parse_url(url).path
        return settings_from(cls, {"url": url, **({"database": database} if database else {})})

    def warnings(self) -> list[str]:
        found = self._warnings_of_transport()
        if self.write_concern != "majority" or not self.journal:
            advice = "set write_concern: majority and journal: true"
            found.append(f"documents may be lost when the primary changes or crashes; {advice}")
        return found

    def _warnings_of_transport(self) -> list[str]:
        address = parse_url(self.url)
        options = {name.lower(): value for name, value in address.options.items()}
        unchecked = [name for name in _UNCHECKED if options.get(name.lower()) == "true"]
        if unchecked:
            what = f"{' and '.join(unchecked)} disables a part of the certificate verification"
            return [f"{what}: another host could pose as the server; set ca_file instead"]
        switch = options.get("tls", options.get("ssl", ""))
        is_secure = bool(self.ca_file) or address.scheme == _SRV or any(name.startswith("tls") for name in options)
        if switch == "true" or (switch != "false" and is_secure):
            return []
        if not (self.username or "authmechanism" in options):
            return []
        return warn_of_plain_credentials(address.hosts, "add tls=true to the URL, or set ca_file")

    def template(self) -> TargetTemplate:
        """Return the template of the name of the collection."""
        return TargetTemplate(self.collection)

    @property
    def has_expiry_index(self) -> bool:
        """Whether an index deletes old documents. A time-series collection deletes them without an index."""
        return self.expire_after is not None and self.setup.time_series is None

    def files(self) -> list[Path]:
        options = {name.lower(): value for name, value in parse_url(self.url).options.items()}
        return [*super().files(), *(Path(options[name]) for name in _FILE_OPTIONS if name in options)]

    def secrets(self) -> list[str]:
        options = parse_url(self.url).options
        return [*super().secrets(), *(value for name, value in options.items() if name.lower() in _SECRET_OPTIONS)]

    def destination(self) -> str:
        address = parse_url(self.url)
        return f"{address.scheme}://{','.join(address.hosts)}/{self.database}.{self.collection}"

    @field_validator("write_concern", mode="before")
    @classmethod
    def _number(cls, given: Any) -> Any:
        return int(given) if isinstance(given, str) and given.isdigit() else given

    @model_validator(mode="before")
    @classmethod
    def _split_url(cls, given: Any) -> Any:
        if not isinstance(given, dict) or not isinstance(given.get("url"), str):
            return given
        return _from_url(given)

    @model_validator(mode="after")
    def _check(self) -> Self:
        expiry = self.expire_after
        number = self.write_concern if isinstance(self.write_concern, int) else 1
        raise_problems([
            *list_password_problems(self, may_lack=True),
            (not _DATABASE.fullmatch(self.database), "database", "is not a valid database name",
             'use up to 63 characters without / \\ . " $ * < > : | ? or spaces'),
            (number < 1, "write_concern", "must be at least 1, because the server must confirm each document",
             "use majority"),
            (expiry is not None and not 1 <= expiry <= _MAX_EXPIRY_S, "expire_after",
             "must be between 1 second and 68 years", "write for example 14d"),
            (bool(self.setup.capped) and bool(self.setup.time_series), "setup.capped", "contradicts time_series",
             "keep one of them"),
            (bool(self.setup.capped) and expiry is not None, "setup.capped", "contradicts expire_after",
             "keep one of them"),
            (self.timeout <= 0, "timeout", "must be greater than 0", "write for example 30s"),
            *list_name_problems(self.template, _COLLECTION.fullmatch, key="collection", kind="collection",
                                example="logs-%Y.%m.%d", advice=_NAME_ADVICE),
        ])  # fmt: skip
        return self


def _from_url(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields with the settings that the URL contains. The URL itself is returned without them."""
    address = parse_url(given["url"])
    if address.scheme not in MongoDBSettings.schemes:
        raise ConfigurationError("has an unknown scheme", location="url", hint="write mongodb:// or mongodb+srv://")
    _check_options(address.options)
    if address.scheme == _SRV and (len(address.hosts) > 1 or ":" in address.hosts[0]):
        raise ConfigurationError(
            "has a port or several hosts, although DNS names them for mongodb+srv", location="url",
            hint="write one host without a port, or mongodb:// instead",
        )  # fmt: skip
    options = {field: address.options[option] for option, field in _SINK_OPTIONS.items() if option in address.options}
    left = urlencode({key: value for key, value in address.options.items() if key not in _SINK_OPTIONS})
    hosts = ",".join(_host(host, address.scheme) for host in address.hosts)
    plain = f"{address.scheme}://{hosts}/{quote(address.path, safe='')}{'?' if left else ''}{left}"
    return replace_url(given, plain, options, {"username": address.username, "password": address.password})


def _check_options(options: Mapping[str, str]) -> None:
    """Raise `ConfigurationError` for options that the driver would ignore: unknown names, and invalid values."""
    for name, value in options.items():
        if name in _SINK_OPTIONS:
            continue
        accept = URI_OPTIONS_VALIDATOR_MAP.get(name.lower())
        if accept is None:
            known = suggestion_for(name.lower(), [*_SINK_OPTIONS, *URI_OPTIONS_VALIDATOR_MAP])
            advice = known.removeprefix("; ") or "see the options of a MongoDB connection string"
            raise ConfigurationError(f'has the unknown option "{name}"', location="url", hint=advice)
        try:
            accept(name, value)
        except OSError:
            pass  # the option names a file, which must exist only when the client connects
        except (ValueError, TypeError, PyMongoError) as error:
            advice = "see the options of a MongoDB connection string"
            raise ConfigurationError(f"has an invalid value for {name}", location="url", hint=advice) from error


def _host(host: str, scheme: str) -> str:
    if scheme == _SRV:
        return host
    # A Unix socket is written as a percent-encoded path.
    return host if host.lower().startswith("%2f") else host_and_port(host, _PORT, key="url")
