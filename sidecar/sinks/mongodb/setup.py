"""Creates the collection and the indexes that a sink needs in MongoDB, for `sidecar setup`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from pymongo import MongoClient
from pymongo.collection import Collection

from sidecar.errors import Misconfigured
from sidecar.sinks.mongodb.control_plane import name_server
from sidecar.sinks.mongodb.settings import MongoDBSettings
from sidecar.sinks.setup_contract import ServerObject, contains

_TIME = "@timestamp"

Borrow = Callable[[], AbstractContextManager[MongoClient[dict[str, Any]]]]


def plan_objects(settings: MongoDBSettings) -> list[ServerObject]:
    """Return the collection and its indexes, as the commands that create them.

    Raise `Misconfigured` if the name of the collection has a date or a field.
    """
    name = settings.collection
    if settings.template().fixed is None:
        raise Misconfigured(
            "the name of the collection has a date or a field, so it is not known before the first document",
            location=settings.destination(), hint="the sidecar creates it, with the index for expire_after",
        )  # fmt: skip
    commands = [{"create": name, **_options(settings)}]
    commands += [{"createIndexes": name, "indexes": [index]} for index in _indexes(settings)]
    return [ServerObject(_name_of(command), "db.runCommand", command) for command in commands]


def _name_of(command: Mapping[str, Any]) -> str:
    return f"index {command['indexes'][0]['name']}" if "indexes" in command else f"collection {command['create']}"


def _options(settings: MongoDBSettings) -> dict[str, Any]:
    series, capped = settings.setup.time_series, settings.setup.capped
    if series is not None:
        meta = {"metaField": series.meta_field} if series.meta_field else {}
        expiry = {} if settings.expire_after is None else {"expireAfterSeconds": int(settings.expire_after)}
        return {"timeseries": {"timeField": _TIME, **meta, "granularity": series.granularity}, **expiry}
    if capped is not None:
        limit = {} if capped.documents is None else {"max": capped.documents}
        return {"capped": True, "size": capped.size, **limit}
    return {}


def _indexes(settings: MongoDBSettings) -> list[dict[str, Any]]:
    keys_of_indexes = settings.setup.indexes
    found: list[dict[str, Any]] = [{"key": dict(keys), "name": _index_name(keys)} for keys in keys_of_indexes]
    if settings.has_expiry_index:
        expiry = int(settings.expire_after or 0)
        found.append({"key": {_TIME: 1}, "name": _index_name({_TIME: 1}), "expireAfterSeconds": expiry})
    return found


def _index_name(keys: Mapping[str, int]) -> str:
    return "_".join(f"{field}_{direction}" for field, direction in keys.items())


class MongoDBSetup:
    """Implements `SetupConnection`. `borrow` lends the client, with a time limit, and translates its errors."""

    def __init__(self, settings: MongoDBSettings, borrow: Borrow) -> None:
        self._settings, self._borrow = settings, borrow
        with borrow() as client:
            self.server = name_server(client)

    def plan(self) -> Sequence[ServerObject]:
        return plan_objects(self._settings)

    def read(self, wanted: ServerObject) -> Mapping[str, Any] | None:
        command = wanted.body
        with self._borrow() as client:
            database = client[self._settings.database]
            if "create" in command:
                found = next(database.list_collections(filter={"name": command["create"]}), None)
                return None if found is None else {"create": command["create"], **found.get("options", {})}
            return _read_index(database[command["createIndexes"]], command)

    def write(self, wanted: ServerObject) -> None:
        command, current = wanted.body, self.read(wanted)
        change = dict(command) if current is None else self._change(command, current)
        with self._borrow() as client:
            client[self._settings.database].command(change)

    def _change(self, command: Mapping[str, Any], current: Mapping[str, Any]) -> dict[str, Any]:
        """Return the command that changes when documents expire. MongoDB can change no other option."""
        options = command["indexes"][0] if "indexes" in command else command
        known = current["indexes"][0] if "indexes" in current else current
        expiry = options.get("expireAfterSeconds")
        others = {name: value for name, value in options.items() if name != "expireAfterSeconds"}
        if expiry is None or not contains(known, others):
            raise Misconfigured(
                "the kind of an existing collection cannot be changed", location=self._settings.destination(),
                hint="write to another collection, or drop this one after you have copied its documents",
            )  # fmt: skip
        if "indexes" in command:
            index = {"keyPattern": options["key"], "expireAfterSeconds": expiry}
            return {"collMod": command["createIndexes"], "index": index}
        return {"collMod": command["create"], "expireAfterSeconds": expiry}


def _read_index(collection: Collection[dict[str, Any]], command: Mapping[str, Any]) -> Mapping[str, Any] | None:
    (index,) = command["indexes"]
    same = next((dict(found) for found in collection.list_indexes() if dict(found["key"]) == index["key"]), None)
    if same is None:
        return None
    options = {name: value for name, value in same.items() if name not in ("v", "ns", "key")}
    return {**command, "indexes": [{**options, "key": dict(same["key"]), "name": index["name"]}]}
