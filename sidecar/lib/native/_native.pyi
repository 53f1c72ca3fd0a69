from sidecar.lib.native.fallback import are_ipv4 as are_ipv4
from sidecar.lib.native.fallback import contains as contains
from sidecar.lib.native.fallback import count_byte as count_byte
from sidecar.lib.native.fallback import join_columns as join_columns
from sidecar.lib.native.fallback import locate_members as locate_members
from sidecar.lib.native.fallback import needs_no_escaping as needs_no_escaping
from sidecar.lib.native.fallback import split_lines as split_lines
from sidecar.lib.native.fallback import strip_braces as strip_braces
