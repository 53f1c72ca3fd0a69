"""The named patterns of grok, one module for each family of programs.

Names and fields are those of Logstash's sets `ecs-v1` and `legacy`. The expressions are written independently for the
`regex` library.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from sidecar.parse.grok_patterns.basic import BASIC
from sidecar.parse.grok_patterns.databases import DATABASES
from sidecar.parse.grok_patterns.firewalls import FIREWALLS
from sidecar.parse.grok_patterns.languages import LANGUAGES
from sidecar.parse.grok_patterns.mail import MAIL
from sidecar.parse.grok_patterns.monitoring import MONITORING
from sidecar.parse.grok_patterns.syslog import SYSLOG
from sidecar.parse.grok_patterns.web import WEB
from sidecar.parse.grok_patterns.zeek import ZEEK

_FAMILIES = (*BASIC, *SYSLOG, *WEB, *LANGUAGES, *DATABASES, *FIREWALLS, *MONITORING, *MAIL, *ZEEK)


@cache
def named_patterns(*, legacy: bool = False) -> Mapping[str, str]:
    """Return all patterns by name.

    Their fields are those of the Elastic Common Schema, or with `legacy` those of Logstash's older patterns.
    """
    return {name: pattern for family in _FAMILIES for name, pattern in family.name_fields(legacy=legacy).items()}
