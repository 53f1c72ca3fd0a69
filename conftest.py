"""Properties are about truth, not about how fast this machine draws examples."""

from hypothesis import HealthCheck, settings

settings.register_profile("sidecar", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("sidecar")
