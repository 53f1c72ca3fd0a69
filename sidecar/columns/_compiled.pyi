from sidecar.columns.reference import counted as counted
from sidecar.columns.reference import holds as holds
from sidecar.columns.reference import is_unescaped as is_unescaped
from sidecar.columns.reference import lines as lines
from sidecar.columns.reference import rendered as rendered
from sidecar.columns.reference import unwrapped as unwrapped
