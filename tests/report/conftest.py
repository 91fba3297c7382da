from copy import deepcopy
from pathlib import Path

import pytest
import workload

from kvprep.report.facts import Facts

_BUILT: list[Facts] = []


@pytest.fixture
def facts(tmp_path: Path) -> Facts:
    """Facts of a month, built once: not in a wider scope, since a store may only be made in a test's own home."""
    if not _BUILT:
        with workload.build(tmp_path, documents=14) as made:
            _BUILT.append(workload.facts_of(made))
    return deepcopy(_BUILT[0])
