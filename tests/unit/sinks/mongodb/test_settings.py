"""What the MongoDB sink understands of URLs and settings, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from sidecar.errors import ConfigurationError
from sidecar.lib.settings_model import field_descriptions
from sidecar.sinks.mongodb.sink import MongoDBSettings

HERE = "mongodb://localhost"


@pytest.mark.parametrize(
    ("given", "url", "database", "collection"),
    [
        ("mongodb://m", "mongodb://m:27017/", "logs", "logs"),
        ("mongodb://m/shop?collection=app", "mongodb://m:27017/shop", "shop", "app"),
        ("mongodb://a,b:27018/shop", "mongodb://a:27017,b:27018/shop", "shop", "logs"),
        ("mongodb://[::1]/shop", "mongodb://[::1]:27017/shop", "shop", "logs"),
        ("mongodb+srv://m.example/shop?collection=app", "mongodb+srv://m.example/shop", "shop", "app"),
        ("mongodb://%2Frun%2Fmongodb.sock/shop", "mongodb://%2Frun%2Fmongodb.sock/shop", "shop", "logs"),
        (
            "mongodb://m/shop?collection=c&replicaSet=rs0&authSource=admin",
            "mongodb://m:27017/shop?replicaSet=rs0&authSource=admin",
            "shop",
            "c",
        ),
    ],
)
def test_a_url_names_the_target_and_passes_other_options_to_the_driver(
    given: str, url: str, database: str, collection: str
) -> None:
    settings = MongoDBSettings.from_url(given)
    assert (settings.url, settings.database, settings.collection) == (url, database, collection)


def test_the_database_setting_wins_over_the_url() -> None:
    settings = MongoDBSettings(url="mongodb://u:p@m/admin", database="shop")
    assert (settings.database, settings.url) == ("shop", "mongodb://m:27017/admin")


def test_credentials_in_a_url_are_decoded_used_and_never_shown() -> None:
    settings = MongoDBSettings.from_url("mongodb://us%40er:p%2Fa%3Ass@m/shop")
    assert settings.username == "us@er"
    assert settings.password is not None
    assert settings.password.get_secret_value() == "p/a:ss"
    for shown in (repr(settings), settings.model_dump_json(), settings.destination(), settings.url):
        assert "a:ss" not in shown
        assert "p%2F" not in shown


def test_the_destination_tells_collections_apart_and_has_neither_secret_nor_query() -> None:
    settings = MongoDBSettings.from_url("mongodb://u:p@a,b/shop?collection=app&replicaSet=rs0")
    assert settings.destination() == "mongodb://a:27017,b:27017/shop.app"


def test_write_concern_and_journal_may_stand_in_the_url() -> None:
    settings = MongoDBSettings.from_url("mongodb://m/shop?w=2&journal=false")
    assert (settings.write_concern, settings.journal) == (2, False)
    assert MongoDBSettings(url=HERE).write_concern == "majority"
    assert MongoDBSettings(url=HERE).journal is True


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"url": HERE, "username": "u", "password": "p", "password_file": "/p"}, "password_file"),
        ({"url": HERE, "password": "p"}, "password"),
        ({"url": HERE, "database": "a/b"}, "database"),
        ({"url": HERE, "database": ""}, "database"),
        ({"url": HERE, "collection": "a$b"}, "collection"),
        ({"url": HERE, "collection": "system.x"}, "collection"),
        ({"url": HERE, "collection": "system{x:y}"}, "collection"),
        ({"url": HERE, "collection": "system{x:.y}"}, "collection"),
        ({"url": HERE, "collection": "%Q"}, "collection"),
        ({"url": HERE, "write_concern": 0}, "write_concern"),
        ({"url": HERE, "write_concern": "0"}, "write_concern"),
        ({"url": HERE, "expire_after": "0s"}, "expire_after"),
        ({"url": HERE, "timeout": "0s"}, "timeout"),
        ({"url": "mongodb://m?w=1", "write_concern": "majority"}, "write_concern"),
        ({"url": "mongodb://m?collection=a", "collection": "b"}, "collection"),
        ({"url": "mongodb://m:port"}, "url"),
        ({"url": "mongodb://m/?authSourse=admin"}, "url"),
        ({"url": "mongodb://m/?colection=app"}, "url"),
        ({"url": "mongodb://m/?maxPoolSize=many"}, "url"),
        ({"url": "mongodb://m/?tlsAllowInvalidCertificat=true"}, "url"),
        ({"url": "mongodb://m/?readPreference=nearest-ish"}, "url"),
        ({"url": "mongodb://u:s3?cr=x@m/app"}, "url"),
        ({"url": "http://m"}, "url"),
        ({"url": "m"}, "url"),
    ],
)
def test_a_contradiction_is_refused_by_the_name_of_its_key(fields: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        MongoDBSettings.model_validate(fields)
    assert refused.value.location == key
    assert refused.value.hint


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("authSourse=admin", r'unknown option "authSourse"; did you mean "authsource"'),
        ("maxPoolSize=many", "invalid value for maxPoolSize"),
        ("tlsAllowInvalidCertificat=true", "tlsallowinvalidcertificates"),
    ],
)
def test_an_option_that_the_driver_would_ignore_is_named(query: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as refused:
        MongoDBSettings.from_url(f"mongodb://u:s3cret@m/app?{query}")
    assert "s3cret" not in str(refused.value)


def test_the_files_of_the_options_belong_to_the_files_of_the_client() -> None:
    settings = MongoDBSettings(url="mongodb://m/?tls=true&tlsCAFile=/ca.pem&tlsCertificateKeyFile=/key.pem")
    assert [str(file) for file in settings.files() if file] == ["/ca.pem", "/key.pem"]


def test_a_password_that_was_not_encoded_is_not_shown_in_the_complaint() -> None:
    with pytest.raises(ConfigurationError) as refused:
        MongoDBSettings.from_url("mongodb://user:s3cr/et@m/app")
    assert "s3cr" not in str(refused.value)


def test_a_wrong_value_is_refused_without_being_shown() -> None:
    with pytest.raises(ValidationError) as invalid:
        MongoDBSettings.model_validate({"url": "mongodb://u:s3cret@m", "journal": "perhaps"})
    assert "s3cret" not in str(invalid.value)


def test_every_setting_is_explained() -> None:
    assert field_descriptions(MongoDBSettings).keys() == MongoDBSettings.model_fields.keys()
