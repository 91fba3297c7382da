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
continues. README.md shows it. Nothing here imports torch before a model is loaded.
"""

from kvprep.answers import Assistant
from kvprep.documents.cage import Cage
from kvprep.pipeline import IngestSettings, ingest, load_engine
from kvprep.prefill.models import BLOCK_SIZE, ModelSpec, resolve
from kvprep.prompt import PromptTemplate
from kvprep.reuse import Hit, Miss, find_document, load, look_up, look_up_tokens, replay
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
    "Store",
    "find_document",
    "ingest",
    "load",
    "load_engine",
    "look_up",
    "look_up_tokens",
    "replay",
    "resolve",
]
