"""The commands of `sidecar check --connect`: product, version, and the kind of the collection."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import pymongo.errors
from pymongo import MongoClient
from pymongo.database import Database

from sidecar.sinks.common.foreign_server import identify_server
from sidecar.sinks.common.url import parse_url
from sidecar.sinks.mongodb.settings import MongoDBSettings


def name_server(client: MongoClient[dict[str, Any]]) -> str:
    """Return product and version of the server; "" if this user may not read them."""
    with suppress(pymongo.errors.OperationFailure):
        info = client.admin.command("buildInfo")
        if version := info.get("ferretdbVersion") or (info.get("ferretdb") or {}).get("version"):
            return _name("FerretDB", version)
        return _name("MongoDB", info.get("version"))
    return ""


def _name(product: str, version: Any) -> str:
    number = str(version).removeprefix("v")
    return f"{product} {number}" if number[:1].isdigit() else product


def find_warnings(database: Database[dict[str, Any]], name: str) -> list[str]:
    """Return a warning if the collection may store documents twice (time series) or delete documents (capped)."""
    with suppress(pymongo.errors.OperationFailure):  # a user who may write need not be allowed to list collections
        for found in database.list_collections(filter={"name": name}):
            options = found.get("options", {})
            if "timeseries" in options:
                return [
                    f"the time-series collection {name} has no unique _id, so a document that is sent again is "
                    "stored twice; write to another collection"
                ]
            if options.get("capped"):
                return [f"the collection {name} is capped: the server deletes the oldest documents when it is full"]
    return []


def name_foreign_server(settings: MongoDBSettings) -> str:
    """Return the kind of server at the first address; "" if it is MongoDB or unknown."""
    host = urlsplit(f"//{parse_url(settings.url).hosts[0]}")
    name = identify_server(host.hostname, host.port) if host.hostname and host.port else ""
    return "" if name.startswith("MongoDB") else name
