"""The words by which kinds of contributing factors are known, and the shares that others have published."""

from __future__ import annotations

# What a page's text has to say for a factor to count as of this kind; the settings can replace any of it.
FACTORS: dict[str, tuple[str, ...]] = {
    "binary push": (
        "release", "released", "upgrade", "upgraded", "update", "new version", "versions", "deploy",
        "deployed", "deployment", "package", "rollout", "rolled out", "firmware", "kernel", "library",
        "migration",
    ),
    "configuration push": (
        "config", "configuration", "setting", "settings", "rule", "pattern", "template", "pushed", "push",
        "parameter", "switched on", "default",
    ),
    "user behaviour change": (
        "traffic", "load", "clicked", "campaign", "attack", "customers change", "peak", "bulk", "crawler",
    ),
    "processing pipeline": (
        "queue", "job", "jobs", "batch", "worker", "workers", "replication", "nightly", "backup", "backups",
    ),
    "service provider": (
        "provider", "supplier", "upstream", "carrier", "vendor", "data centre", "registrar",
    ),
    "performance decay": (
        "slow", "slower", "leak", "grew", "growing", "creeping", "bloat", "fragmentation",
    ),
    "capacity": (
        "disk", "full", "memory", "connections", "limit", "pool", "capacity", "quota",
    ),
    "hardware": (
        "hardware", "controller", "power", "cable", "fan", "switch", "array", "battery", "optic",
    ),
    "certificate or key": (
        "certificate", "expired", "expiry", "expires", "key", "token", "password",
    ),
    "watching and alerting": (
        "alert", "alerts", "monitoring", "probe", "probes", "watch", "watched", "watches", "threshold",
        "health check", "dashboard",
    ),
    "test unlike production": (
        "test", "tests", "tested", "staging", "test machine",
    ),
    "knowledge and hand-over": (
        "runbook", "document", "documented", "note", "notes", "knew", "nobody", "left", "by hand", "checklist",
        "list", "laptop", "hand-over", "handover", "reminder",
    ),
}  # fmt: skip
SURPRISE_WORDS = (
    "surprised", "surprise", "surprising", "unexpected", "unexpectedly", "did not expect", "didn't expect",
    "nobody knew", "nobody thought", "no one knew", "we thought", "we believed", "turned out", "strange",
    "odd", "weird", "wait, what", "didn't know", "did not know", "hid the", "looked like",
)  # fmt: skip

# Triggers of post-mortems at Google, by share: The Site Reliability Workbook, appendix C
# (sre.google/workbook/postmortem-analysis).
REFERENCE = {
    "binary push": 0.37, "configuration push": 0.31, "user behaviour change": 0.09, "processing pipeline": 0.06,
    "service provider": 0.05, "performance decay": 0.05, "capacity": 0.05, "hardware": 0.02,
}  # fmt: skip
REFERENCE_SOURCE = "Google's triggers, The Site Reliability Workbook, appendix C"
