"""The workflow of docs/recipes: it is one by GitHub's schema, and what its steps run passes and fails as it should."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from recipe_places import PROGRAM, RECIPES, Place
from ruamel.yaml import YAML

WORKFLOW = RECIPES / "github-workflow.yml"


def conforms(kind: str, file: Path) -> "subprocess.CompletedProcess[str]":
    """Hold a file against a schema that the checker brings along."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{kind}", str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def jobs() -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe").load(WORKFLOW.read_text())["jobs"]
    return loaded


@pytest.fixture
def checkout(filled: Place) -> Place:
    """A repository's work tree with the store in the folder `store`."""
    (filled.root / "store").symlink_to(filled.store)
    return filled


def values_of(place: Place) -> dict[str, str]:
    """What GitHub puts in place of its expressions."""
    listed = json.loads(place.kvprep("namespace", "list", "--json"))
    (namespace,) = listed["namespaces"]
    return {
        "${{ vars.KVPREP_WRITER }}": namespace["writers"][0]["key"],
        "${{ vars.KVPREP_ADMIN }}": listed["admin"],
        "${{ secrets.KVPREP_KEY }}": place.key.read_text().rstrip("\n"),
        "${{ runner.temp }}": str(place.root),
    }


def run_job(place: Place, name: str, values: dict[str, str]) -> list["subprocess.CompletedProcess[str]"]:
    """Run the steps of a job that have a command line, as the runner does, but for the one that installs kvprep."""
    done = []
    for step in jobs()[name]["steps"]:
        if "run" not in step or step["name"] == "Install":
            continue
        environment = {key: str(value) for key, value in step.get("env", {}).items()}
        for expression, value in values.items():
            environment = {key: text.replace(expression, value) for key, text in environment.items()}
        assert not any("${{" in text for text in environment.values())
        environment |= {"PATH": f"{PROGRAM.parent}:/usr/bin:/bin", "RUNNER_TEMP": str(place.root), "CI": "true"}
        done.append(place.run(["bash", "-e", "-c", step["run"]], **environment))
    return done


def test_the_workflow_is_one_by_githubs_schema(tmp_path: Path) -> None:
    checked = conforms("github-workflows", WORKFLOW)
    assert checked.returncode == 0, checked.stdout
    broken = tmp_path / "broken.yml"
    broken.write_text(WORKFLOW.read_text().replace("runs-on:", "runs-upon:"))
    assert conforms("github-workflows", broken).returncode == 1


@pytest.mark.parametrize("name", ["signatures", "contents"])
def test_a_job_passes_on_a_sound_store_and_leaves_its_report(checkout: Place, name: str) -> None:
    values = values_of(checkout)
    checkout.key.rename(checkout.root / "kept elsewhere")
    steps = run_job(checkout, name, values)
    assert [step.returncode for step in steps] == [0] * len(steps), steps[-1].stderr
    report = ElementTree.parse(checkout.root / "verify.xml").getroot()
    assert int(report.get("tests") or report[0].get("tests") or 0) > 0


@pytest.mark.parametrize("name", ["signatures", "contents"])
def test_a_job_fails_on_a_damaged_store(checkout: Place, name: str, damage) -> None:
    values = values_of(checkout)
    damage(checkout.store)
    assert run_job(checkout, name, values)[-1].returncode == 4


def test_the_key_is_readable_by_nobody_else(checkout: Place) -> None:
    run_job(checkout, "contents", values_of(checkout))
    assert (checkout.root / "key").stat().st_mode & 0o077 == 0
    assert (checkout.root / "key").read_bytes() == checkout.key.read_bytes()


def test_another_writer_is_not_believed(checkout: Place) -> None:
    values = values_of(checkout) | {"${{ vars.KVPREP_WRITER }}": "0" * 63 + "1"}
    assert run_job(checkout, "signatures", values)[-1].returncode != 0
