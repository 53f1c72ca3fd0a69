"""Removes text of documents from the messages of servers, before the sidecar logs them.

A message may quote the document at any place and in any form: in brackets, in quotes, after a colon, or as the last
word. So only words that servers use, names that the sidecar has sent, and the numbers of limits are kept. The whole
message is kept in the dead letter, next to the document.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from sidecar.sinks.common.errors import shorten

MAX_MESSAGE_CHARACTERS = 4096
"""Maximum characters of a message that are processed; the logged text is shorter."""

_OMITTED = "…"
_MAX_DIGITS = 5
_BEFORE_LIMIT = re.compile(
    r"(?:(?:limit|fields|depth|dimensions)(?: of)? |would add |currently has (?:\[\d+\]/)?)\[$|[A-Z]/$"
)
"""What precedes a number that the server has counted: a limit, or the number of a block as in `FORBIDDEN/8/`."""

_MAX_BEFORE_LIMIT = 40
"""Number of characters in which `_BEFORE_LIMIT` is searched."""

# Adjacent numbers are one token, such as the parts of an address or of a card number. So are characters that servers
# do not use in sentences.
_TOKEN = re.compile(
    r"(?>\d(?:[\d.,:/\s+-]*\d)?)(?![^\W_])|[^\W_]+(?:[_'-][^\W_]+)*|_+|[^\w\s\[\]()'\":;.,/=-]+|[\[\]()'\":;.,/=-]{4,}"
)
_REPEATED = re.compile(rf"{_OMITTED}(?: {_OMITTED})+")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.$]{0,79}")

_WORD_LIST = """
2d 2dsphere a able about above accept accepted access access_level acquire action active add added adding after
against aggregate_metric_double alias alias_field aliases all allocated allow allowed already also an and any api
are array arraybuffer as assigned associated at authenticate authorized auto auto_configure auto_create_index
available backing be because been before being between binary block blocked blocks boolean both bounds bson bulk but
by byte bytes can't cannot capped changed check client closed cluster code collection command completion compressed
concern concrete condition configured conflict connection constant_keyword contain contained containing contains
content convert coordinating could couldn't count create create_doc created creation current currently data database
date date_range deadline decimal defined delete delimiter delimiters denied dense_vector depth digits dimension
dimensions dims disabled disallowed disk do document documents does doesn't double double_range duplicate dynamic
each effective either element elements empty encoding end ended error event exceed exceeded exceeds exception
excluded execute execution exist existing exists expected explicitly expression extra extract extracting failed
failure feature field field's fields file find finish fips first flattened float float_range flood for forbidden
forbids format formatted found from full geo geo_point geo_shape geometry geoshape global got granted grok grokked
grouping had half half_float has hash hashed have id ilm immense in includes incoming inconsistent index indexed
indexes indices inference insert inside instead integer integer_range interrupted into introducing invalid ip
ip_range is isn't it its json key keys keyword language larger latitude length less lifecycle limit limits literal
long long_range longer longitude longitudes lookup main malformed many map mapped mapper mapping mappings match
match_only_text matched matching max max_shards_per_node maximal maximum may memory merge merged met metadata
minimum missing mode more most multi multiple must name named names nested new no node non none normal not null
number numbers object object_array objectid objects of on one only op op_type open operate operation operations or
order other out outside over own parallel parse parsed parsing part path pattern patterns percolator permitted
pipeline pipelines point points position prefix present preview primary privilege privileges process processor
properties property provided query queue range ranges rank_feature rate reached read read-only read_only
read_only_allow_delete recognised recognized recovering refused regular reindexed reject rejected remove removed
replace replication request required requires reserved resource restrict resulting results role roles rolled
rollover root routing runtime same scaled_float schema script search_as_you_type secondary server set settings shard
shards short shorter should shut shutdown shutting sign signs since single size skip source space sparse_vector
split start started state step step-down stepdown stepped storage stored strategy stream streams strict string such
support supported tag template term's text than that the their then there these they this time time-series
time_series timed timed_out timeout timeouts timeseries timestamp to token token_count tokens too total tried trying
tsdb type types unable unauthorized unavailable undefined unexpected union unique unknown unmapped unrecognized
unresolved unsigned_long unsupported up update usage use used user using utf8 valid validation value values vector
version view wait waiting was watermark when whether which while whitelist wildcard will with within without would
writable write writes writing yet your zone
"""
_WORDS = frozenset(_WORD_LIST.split())
"""Words in the messages of Elasticsearch, OpenSearch and MongoDB, and the names of their field types."""


def describe_reason(message: str, names: Iterable[str] = ()) -> str:
    """Return the message with each word replaced by `…`, except known words and `names`.

    `names`: names that the sidecar has sent, such as that of the index.
    """
    message = message[:MAX_MESSAGE_CHARACTERS]
    known = [re.escape(name) for name in sorted(filter(None, names), key=len, reverse=True)]
    pieces = re.split(rf"(?<![\w.-])({'|'.join(known)})(?![\w-])", message) if known else [message]
    # The odd pieces are names.
    kept = [piece if n % 2 else _TOKEN.sub(_keep_known, piece) for n, piece in enumerate(pieces)]
    return shorten(_REPEATED.sub(_OMITTED, "".join(kept)))


def describe_kind(name: str) -> str:
    """Return the error name that a server sent, or "unknown" if it is not a plain name."""
    return name if _NAME.fullmatch(name) else "unknown"


def _keep_known(match: re.Match[str]) -> str:
    token = match[0]
    return token if token.lower() in _WORDS or _is_limit(match) else _OMITTED


def _is_limit(match: re.Match[str]) -> bool:
    """Return whether the token is a number that no document contains."""
    token, start = match[0], match.start()
    if not (token.isascii() and token.isdigit() and len(token) <= _MAX_DIGITS):
        return False
    return _BEFORE_LIMIT.search(match.string[max(0, start - _MAX_BEFORE_LIMIT) : start]) is not None
