"""The README is run."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"


@pytest.mark.slow
def test_the_example_of_the_readme_answers_from_a_hit(
    bundled_model: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "docs").mkdir()
    clauses = "".join(f"{n}. The tenant keeps room {n} clean and in repair.\n" for n in range(1, 30))
    (tmp_path / "docs" / "lease.txt").write_text(f"Lease of Mill House\n\n{clauses}\nThe yearly rent is GBP 9,600.\n")
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(example, str(README), "exec"), names)
    assert capsys.readouterr().out.strip(), "no answer"
    assert isinstance(names["found"], names["Hit"])  # type: ignore[arg-type]
    assert names["tokens"] == names["entry"].num_tokens  # type: ignore[attr-defined]
