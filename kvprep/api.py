"""The Python API: what is exported here is documented and stays.

```python
with Cage(jobs=2) as cage:  # readers start before any key is read
    store = Store.create(Path("store"))  # or Store.open(Path("store"))
    namespace = store.namespace("default")
    with namespace.lease():
        report = ingest(namespace, cage, [Path("docs")])
    assistant = Assistant(namespace, cage)
    for text in assistant.answer("docs/lease.txt", "What is the yearly rent?"):
        print(text, end="")
```

`look_up` gives a `Hit` or a `Miss` with its reason; `load` makes of a `Hit` a buffer that the engine of `load_engine`
continues. README.md shows it. `ShadowChecks` computes a share of the answers again, once they are given, and counts
what comes of it: of an `Assistant` by the report's `served`, of a server's own by a `Served` that it fills. An
`Assistant` counts its look-ups for `kvprep stats`; whoever looks up alone tells of it by `count_look_up`. Nothing here
imports torch before a model is loaded.
"""

from kvprep.answers import Assistant
from kvprep.checks.shadow import ShadowChecks, ShadowReport
from kvprep.documents.cage import Cage
from kvprep.pipeline import IngestSettings, ingest, load_engine
from kvprep.prefill.models import BLOCK_SIZE, ModelSpec, resolve
from kvprep.prompt import PromptTemplate
from kvprep.reuse import Hit, Miss, find_document, load, look_up, look_up_tokens, replay
from kvprep.reuse.counting import count_look_up
from kvprep.reuse.served import Served
from kvprep.store.store import Store

__all__ = [
    "BLOCK_SIZE",
    "Assistant",
    "Cage",
    "Hit",
    "IngestSettings",
    "Miss",
    "ModelSpec",
    "PromptTemplate",
    "Served",
    "ShadowChecks",
    "ShadowReport",
    "Store",
    "count_look_up",
    "find_document",
    "ingest",
    "load",
    "load_engine",
    "look_up",
    "look_up_tokens",
    "replay",
    "resolve",
]
