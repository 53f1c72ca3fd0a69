from sidecar.lib.native.fallback import counted as counted
from sidecar.lib.native.fallback import holds as holds
from sidecar.lib.native.fallback import is_unescaped as is_unescaped
from sidecar.lib.native.fallback import lines as lines
from sidecar.lib.native.fallback import rendered as rendered
from sidecar.lib.native.fallback import unwrapped as unwrapped
