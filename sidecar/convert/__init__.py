"""Converts the configuration of other log shippers: `sidecar convert`.

In: a file of Filebeat, Fluent Bit, Promtail or Vector. Out: a configuration of the sidecar as text, with a comment
for each option that is left out. `kinds` recognises the tool; each tool has a package that fills a `Conversion`.
`validation` removes what the sidecar would refuse, `writer` renders the text. No secret of the source is in it.
"""
