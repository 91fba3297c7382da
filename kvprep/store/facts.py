"""Parts of what is sealed, as JSON facts: shapes of caches, and sources.

Source: docs/format.md, "Sealed file".
"""

from dataclasses import asdict
from typing import Any

from kvprep.types import CacheShape, LayerShape, Member, SourceRecord, SourceState, TextFinding


def shape_to_facts(shape: CacheShape) -> dict[str, Any]:
    """Write a cache shape as JSON facts."""
    return {"dtype": shape.dtype, "layers": [[s.num_kv_heads, s.key_dim, s.value_dim] for s in shape.layers]}


def shape_from_facts(facts: dict[str, Any]) -> CacheShape:
    """Read a cache shape; ValueError, TypeError or KeyError if it is none."""
    if facts["dtype"] not in ("bfloat16", "float16", "float32"):
        raise ValueError("unknown dtype")
    layers = tuple(LayerShape(int(h), int(k), int(v)) for h, k, v in facts["layers"])
    if any(min(s.num_kv_heads, s.key_dim, s.value_dim) < 1 for s in layers):
        raise ValueError("empty layer")
    return CacheShape(layers, facts["dtype"])


def source_to_facts(source: SourceRecord) -> dict[str, Any]:
    """Write what is known of a source as JSON facts."""
    return {
        "path": source.path,
        "member": source.member,
        **asdict(source.state),
        "digest": source.state.digest.hex(),
        "canonicaliser": source.canonicaliser,
        "findings": [[f.kind, f.count, f.where] for f in source.findings],
        "hides_text": source.hides_text,
        "members": [[m.name, m.num_bytes] for m in source.members],
        "documents_inside": source.documents_inside,
    }


def source_from_facts(facts: dict[str, Any]) -> SourceRecord:
    """Read a source; KeyError, TypeError or ValueError if it is none."""
    state = {k: int(facts[k]) for k in ("size_bytes", "mtime_ns", "ctime_ns", "inode", "read_at_ns")}
    return SourceRecord(
        path=str(facts["path"]),
        state=SourceState(**state, digest=bytes.fromhex(facts["digest"])),
        canonicaliser=str(facts["canonicaliser"]),
        member=str(facts["member"]),
        findings=tuple(TextFinding(str(kind), int(count), str(where)) for kind, count, where in facts["findings"]),
        hides_text=bool(facts["hides_text"]),
        members=tuple(Member(str(name), int(num_bytes)) for name, num_bytes in facts["members"]),
        documents_inside=tuple(str(path) for path in facts["documents_inside"]),
    )
