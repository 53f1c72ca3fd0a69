"""What a namespace and an annotation may change of the administrator's settings, and what never."""

from __future__ import annotations

import time
from typing import Any

import pytest

from sidecar.errors import ConfigurationError
from sidecar.inject.annotations import resolve
from sidecar.inject.plan import plan
from sidecar.inject.reasons import RefusalReason, Refused
from sidecar.inject.settings import (
    MAY_BE_ALLOWED,
    PROFILES,
    InjectionSettings,
    Resources,
    build_settings,
    extend_settings,
    sink_with_suffix,
)

SINK = "elasticsearch://elasticsearch.logging:9200/logs"
SETTINGS = InjectionSettings(sink=SINK, allow=MAY_BE_ALLOWED)


def pod(**annotations: str) -> dict[str, Any]:
    named = {f"log-sidecar/{name.replace('_', '-')}": value for name, value in annotations.items()}
    return {"metadata": {"annotations": named}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}


def environment(item: dict[str, Any], settings: InjectionSettings) -> dict[str, str]:
    addition = plan(item, settings)
    assert addition.refusal is None, addition.refusal
    (inits,) = [each.value for each in addition.insertions if each.key == "initContainers"]
    return {entry["name"]: entry.get("value", "") for entry in inits[0]["env"]}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("elasticsearch://es:9200/logs", "elasticsearch://es:9200/logs-web"),
        ("elasticsearch+https://a:9200,b:9200/logs-%25Y.%25m/?pipeline=x", None),
        ("opensearch://es:9200/logs", "opensearch://es:9200/logs-web"),
        ("kafka+ssl://broker:9092/logs?compression=zstd", "kafka+ssl://broker:9092/logs-web?compression=zstd"),
        ("mongodb://db/app?collection=logs", "mongodb://db/app?collection=logs-web"),
        ("mongodb+srv://db/app?w=1&collection=logs&a=b", "mongodb+srv://db/app?w=1&collection=logs-web&a=b"),
        ("mongodb://db/app?recollection=logs", None),
        ("mongodb://db/app", None),
        ("elasticsearch://es:9200", None),
        ("elasticsearch://es:9200/", None),
    ],
)
def test_a_suffix_ends_the_name_of_the_index_collection_or_topic(url: str, expected: str | None) -> None:
    if "pipeline=" in url:
        expected = "elasticsearch+https://a:9200,b:9200/logs-%25Y.%25m-web?pipeline=x"
    assert sink_with_suffix(url, "web") == expected


def test_the_sidecar_writes_to_the_index_with_the_suffix() -> None:
    assert environment(pod(suffix="web"), SETTINGS)["SIDECAR_SINKS__LOGS__URL"] == f"{SINK}-web"
    assert plan(pod(suffix="web"), InjectionSettings(config_map="shop")).refusal is not None
    assert plan(pod(suffix="web"), InjectionSettings(sink="stdout:")).refusal is not None


@pytest.mark.parametrize("suffix", ["", "../other", "a/b", "A", "a,b", "-", "a" * 64, "%2F", "*", "a.b", "a\n"])
def test_a_suffix_is_one_word(suffix: str) -> None:
    addition = plan(pod(suffix=suffix), SETTINGS)
    assert addition.refusal is not None
    assert addition.refusal.code is RefusalReason.E_ANNOTATION


USUAL = PROFILES["usual"].requests
AMOUNTS = [
    ({"requests_cpu": "600m"}, {"cpu": "600m", "memory": USUAL["memory"]}, "192Mi"),
    ({"requests_memory": "256Mi"}, {"cpu": USUAL["cpu"], "memory": "256Mi"}, "256Mi"),
    ({"limits_memory": "32Mi"}, {"cpu": USUAL["cpu"], "memory": "32Mi"}, "32Mi"),
    ({"requests_memory": "128Mi", "limits_memory": "100Mi"}, {"cpu": USUAL["cpu"], "memory": "128Mi"}, "128Mi"),
    ({"requests_cpu": "0.25"}, {"cpu": "0.25", "memory": USUAL["memory"]}, "192Mi"),
]


@pytest.mark.parametrize(("annotations", "requests", "limit"), AMOUNTS)
def test_amounts_up_to_the_ceiling_never_request_more_than_the_limit(
    annotations: dict[str, str], requests: dict[str, str], limit: str
) -> None:
    options, _ = resolve(pod(**annotations), SETTINGS)
    found = options.resources()
    assert {name: found.requests[name] for name in requests} == requests
    assert found.limits == {"memory": limit}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("requests_cpu", "601m"), ("requests_cpu", "1"), ("requests_memory", "257Mi"), ("limits_memory", "1Gi"),
        ("limits_memory", "268435457"), ("limits_memory", "0"), ("limits_memory", "-1Mi"), ("limits_memory", "1e3"),
        ("limits_memory", "9" * 4000), ("requests_cpu", "NaN"),
    ],
)  # fmt: skip
def test_amounts_above_the_ceiling_are_refused(name: str, value: str) -> None:
    with pytest.raises(Refused) as refused:
        resolve(pod(**{name: value}), SETTINGS)
    assert refused.value.note.code is RefusalReason.E_ANNOTATION
    with pytest.raises(ConfigurationError, match=name):
        extend_settings(SETTINGS, {name: value}, "shop.yaml")


def test_a_profile_of_the_administrator_has_no_ceiling() -> None:
    large = build_settings(
        {"sink": SINK, "profiles": {"huge": {"requests": {"cpu": "2", "memory": "1Gi"}}}, "profile": "huge"}
    )
    assert resolve(pod(), large)[0].resources() == Resources({"cpu": "2", "memory": "1Gi"})


ALLOWED = ("elasticsearch://es:9200/shop-", "mongodb://db/shop?collection=logs", "kafka://broker:9092")


@pytest.mark.parametrize(
    ("url", "is_allowed"),
    [
        ("elasticsearch://es:9200/shop-web", True),
        ("elasticsearch://es:9200/shop-", True),
        ("elasticsearch://es:9200/other", False),
        ("elasticsearch://es:9200/shop-/../other", False),
        ("elasticsearch://es:9200/shop-%2F..%2Fother", False),
        ("elasticsearch://es:9200/shop-web,other", False),
        ("elasticsearch://es:9200/shop-web?pipeline=x", False),
        ("elasticsearch://es:9200/shop-web#x", False),
        ("elasticsearch://es:92000/shop-web", False),
        ("elasticsearch://es:9200.evil.example/shop-web", False),
        ("elasticsearch+https://es:9200/shop-web", False),
        ("mongodb://db/shop?collection=logs", True),
        ("mongodb://db/shop?collection=other", False),
        ("kafka://broker:9092/any", True),
        ("kafka://broker:9092/any/other", False),
        (SINK, True),  # that of the administrator
    ],
)
def test_namespaces_and_annotations_use_only_allowed_sinks(url: str, is_allowed: bool) -> None:
    settings = InjectionSettings(sink=SINK, allow=MAY_BE_ALLOWED, allow_sinks=ALLOWED, config_map="shop")
    if is_allowed:
        assert extend_settings(settings, {"sink": url}, "shop.yaml").sink == url
        assert extend_settings(settings, {"sink": url}, "shop.yaml").config_map == ""
        assert resolve(pod(sink=url), settings)[0].sink == url
        return
    with pytest.raises(ConfigurationError, match="allow_sinks"):
        extend_settings(settings, {"sink": url}, "shop.yaml")
    with pytest.raises(Refused):
        resolve(pod(sink=url), settings)


ONLY_THE_ADMINISTRATOR = {
    "image": "evil.example/image", "image_pull_policy": "Never", "profiles": {}, "ceilings": {},
    "platform": "openshift", "run_as": 0, "allow_host_path": True, "volume_size": "1Ti", "state_size": "1Ti",
    "allow": ["secret"], "allow_sinks": [], "strict": True, "listen": "0.0.0.0:9600",
}  # fmt: skip


@pytest.mark.parametrize("name", ONLY_THE_ADMINISTRATOR)
def test_a_namespace_cannot_change_what_is_the_administrators(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"shop.yaml: {name}: may not be set for a namespace"):
        extend_settings(SETTINGS, {name: ONLY_THE_ADMINISTRATOR[name]}, "shop.yaml")


def test_every_setting_is_either_of_a_namespace_or_of_the_administrator() -> None:
    of_namespace = {name.replace("-", "_") for name in MAY_BE_ALLOWED}
    assert of_namespace | ONLY_THE_ADMINISTRATOR.keys() == set(InjectionSettings.__struct_fields__)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("secret", "other/credentials"), ("secret", "../x"), ("config_map", "other/settings"), ("config_map", "A B"),
        ("sink", "elasticsearch://user:password@es/logs"), ("profile", "missing"), ("mode", "daemon"),
        ("logs", "text"), ("image_pull", ""),
    ],
)  # fmt: skip
def test_no_value_of_a_namespace_reaches_another_one(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        extend_settings(SETTINGS, {name: value}, "shop.yaml")
    assert "password" not in str(error.value)


def test_an_annotation_wins_over_the_namespace_and_that_over_the_administrator() -> None:
    shop = extend_settings(SETTINGS, {"profile": "quiet", "logs": ["/srv/logs/*.log"], "secret": "keys"}, "shop.yaml")
    assert (shop.profile, shop.logs, shop.secret, shop.sink) == ("quiet", ("/srv/logs/*.log",), "keys", SINK)
    options, _ = resolve(pod(profile="busy"), shop)
    assert (options.profile, options.logs) == ("busy", ("/srv/logs/*.log",))


def test_pods_that_are_made_to_take_long_do_not() -> None:
    """A caller may send anything: the work must not grow with the square of the size."""
    many = {f"log-sidecar/x{index}": "x" for index in range(40_000)} | {"log-sidecar/" + "y" * 1_000_000: "x"}
    mounts = [{"name": "v", "mountPath": f"/var/log/app/{index}"} for index in range(40_000)]
    bodies: list[dict[str, Any]] = [
        {"metadata": {"annotations": many}, "spec": {"containers": [{"name": "web"}]}},
        {"spec": {"containers": [{"name": "web", "volumeMounts": mounts}]}},
        {"spec": {"containers": [{"name": "web", "volumeMounts": mounts[:1000]}]}},
        {"spec": {"containers": [{"name": f"c{index}"} for index in range(100_000)]}},
    ]
    started_at = time.process_time()
    outcomes = [plan(body, SETTINGS) for body in bodies]
    assert time.process_time() - started_at < 2
    assert [each.outcome for each in outcomes] == ["injected", "refused", "refused", "refused"]
    assert len(outcomes[0].cautions) < 12
