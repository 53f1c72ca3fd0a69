"""Properties that hold for whatever bytes an application writes: one module a target, each a function of bytes."""
