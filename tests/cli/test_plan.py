import shutil
import time
from pathlib import Path

import pytest
from model_fixtures import SMALL, save_tiny_model

from kvprep.economics.table import PACKAGED

SAMPLES = Path(__file__).resolve().parents[2] / "sample_docs"


@pytest.fixture
def roomy(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model with room for whole contracts, of which each character is a token."""
    (tmp_path / "roomy").mkdir()
    model = save_tiny_model(tmp_path / "roomy", "llama", **{**SMALL, "max_position_embeddings": 32_768})
    monkeypatch.setenv("KVPREP_MODEL", str(model))


def _files(folder: Path) -> dict[Path, bytes]:
    """Everything that a store holds for good."""
    kinds = ("segments", "entries", "documents", "namespaces")
    return {file: file.read_bytes() for kind in kinds for file in (folder / kind).rglob("*") if file.is_file()}


def test_a_plan_needs_no_store_and_makes_none(json_of, sources: Path, store: Path) -> None:
    facts = json_of("plan", sources)
    assert facts["documents"] | {"found": 2, "new": 2, "failed": 0} == facts["documents"]
    assert facts["tokens"]["to_compute"] > 0
    assert facts["seconds"]["prefill"] is None
    assert not store.exists()


def test_a_plan_tells_what_an_ingest_then_does(json_of, sources: Path) -> None:
    shutil.copy(sources / "lease.txt", sources / "copy.txt")
    (sources / "empty.txt").touch()
    planned = json_of("plan", sources, exit_code=3)
    done = json_of("ingest", sources, exit_code=3)
    assert planned["tokens"]["to_compute"] == done["tokens"]["computed"]
    assert planned["bytes"]["kv"] == done["bytes"]["kv"]
    assert planned["documents"].pop("new") == done["documents"].pop("ingested")
    assert planned["documents"] == done["documents"]
    assert [i["source"] for i in planned["items"]] == [i["source"] for i in done["items"]]


def test_a_plan_for_a_store_leaves_it_as_it_is_and_sees_what_is_new(json_of, stocked: Path, store: Path) -> None:
    (stocked / "lease.txt").write_text("The lease of Mill Court runs for six years, and nothing else is agreed.\n")
    before = _files(store)
    facts = json_of("plan", stocked)
    assert facts["documents"] | {"found": 2, "new": 1, "unchanged": 1, "superseded": 1} == facts["documents"]
    assert facts["seconds"]["prefill"] > 0
    assert _files(store) == before


def test_a_store_that_has_vanished_is_not_taken_for_none(run, stocked: Path, store: Path) -> None:
    shutil.rmtree(store)
    assert run("plan", stocked).exit_code == run("ingest", stocked).exit_code == 10


def test_near_duplicates_are_listed_with_the_words_that_differ_and_families_with_what_they_share(
    json_of, roomy: None
) -> None:
    facts = json_of("plan", SAMPLES / "contracts", SAMPLES / "invoices")
    near = {Path(group["source"]).name: group for group in facts["near_groups"]}
    (version,) = near["supply-agreement-v1.docx"]["members"]
    assert (Path(version["source"]).name, version["words"]) == ("supply-agreement-v2.docx", 8)
    assert near["supply-agreement-v1.docx"]["similarity"] == version["similarity"] < 1
    families = [{Path(d["source"]).name[:6] for d in group["documents"]} for group in facts["template_groups"]]
    assert {"bright"} in families
    assert {"nordli"} in families
    for group in facts["template_groups"]:
        assert group["tokens"]["natural"] <= group["tokens"]["template_first"] < group["tokens"]["total"]


def test_what_is_too_long_for_the_model_is_named(run, json_of, sources: Path) -> None:
    (sources / "long.txt").write_text("word " * 2000)
    facts = json_of("plan", sources, exit_code=3)
    assert [(Path(i["source"]).name, i["reason"]) for i in facts["items"] if i["reason"]] == [("long.txt", "too-long")]
    assert "too-long" in run("plan", sources).stdout


def test_what_is_too_long_is_still_told_from_what_it_resembles(json_of) -> None:
    facts = json_of("plan", SAMPLES / "contracts", exit_code=3)
    assert len(facts["near_groups"]) == 1
    assert facts["template_groups"] == []


def test_a_plan_over_the_budget_says_so(run, json_of, sources: Path) -> None:
    assert not json_of("plan", "--max-bytes", "1kB", sources)["fits"]
    assert "an ingest would be refused" in run("plan", "--max-bytes", "1kB", sources).stdout
    assert json_of("plan", sources)["fits"]


def test_a_person_sees_groups_tokens_and_bytes(run, roomy: None) -> None:
    printed = run("plan", SAMPLES / "contracts").stdout
    assert "supply-agreement-v2.docx" in printed
    assert "made from one template" in printed
    assert "unknown until something was computed" in printed


def test_once_answers_were_loaded_the_plan_knows_when_storing_pays(run, json_of, stocked: Path) -> None:
    assert run("ask", stocked / "lease.txt", "Which rent?").exit_code == 0
    (stocked / "new.txt").write_text("A third document, which nobody has asked about so far. " * 4)
    facts = json_of("plan", stocked)
    reuses = facts["break_even"]["reuses"]
    assert reuses is None or reuses > 0


def test_a_plan_speaks_of_money_and_of_the_read_after_which_each_document_pays(run, json_of, stocked: Path) -> None:
    (stocked / "new.txt").write_text("A third document, which nobody has asked about so far. " * 4)
    assert run("ask", stocked / "lease.txt", "Which rent?").exit_code == 0
    facts = json_of("plan", "--price", "device_hour=3600", "--price", "storage_gb_month=0", stocked)
    (money,) = [item["money"] for item in facts["items"] if item["outcome"] == "new"]
    assert facts["money"]["currency"] == "USD"
    assert facts["money"]["rent"] == money["rent"] == 0
    assert facts["money"]["prefill"] == money["prefill"] >= facts["seconds"]["prefill"] > 0
    assert money["expected_reads"] == pytest.approx(0.5), "one of the two in its folder was asked about, once"
    assert all(item["money"] is None for item in facts["items"] if item["outcome"] != "new")
    priced = json_of("plan", "--price", "tariff=claude-haiku", "--price", "storage_gb_month=0", stocked)
    (hosted,) = [item["money"] for item in priced["items"] if item["money"]]
    assert hosted["prefill"] == pytest.approx(facts["tokens"]["to_compute"] / 1e6 * 1.00)
    assert (hosted["pays_with_read"], hosted["break_even_reads"]) == (2, pytest.approx(10 / 9))
    assert "after its 2nd read" in run("plan", "--price", "tariff=claude-haiku", stocked).stdout


def test_without_a_measured_prefill_only_a_tariff_tells_what_computing_costs(json_of, sources: Path) -> None:
    facts = json_of("plan", sources)
    assert facts["money"]["prefill"] is None
    assert all(item["money"] is None for item in facts["items"])
    assert json_of("plan", "--price", "tariff=claude-haiku", sources)["money"]["prefill"] > 0


def test_stored_documents_that_nobody_read_are_named_with_what_they_cost(
    run, json_of, stocked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert json_of("plan", stocked)["money"]["never_read"]["documents"] == 0, "they are younger than a day"
    assert run("ask", stocked / "lease.txt", "Which rent?").exit_code == 0
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 2 * 86_400)
    unread = json_of("plan", stocked)["money"]["never_read"]
    assert [Path(source).name for source in unread["sources"]] == ["invoice.txt"]
    assert unread["documents"] == 1
    assert unread["bytes"] > 0
    assert unread["spent"] > 0
    assert "never read" in run("plan", stocked).stdout


@pytest.mark.parametrize(
    ("price", "named"),
    [
        ("device_hour=x", "device_hour: must be a number from 0"),
        ("device_hour=-1", "device_hour: must be a number from 0"),
        ("device_hour=nan", "device_hour: must be a number from 0"),
        ("rent=3", "'rent' is no price"),
        ("currency=", "currency: must not be empty"),
    ],
)
def test_a_price_that_makes_no_sense_is_named(run, sources: Path, price: str, named: str) -> None:
    result = run("plan", "--price", price, sources)
    assert result.exit_code == 2
    assert named in " ".join(result.stderr.replace("│", " ").split())


def test_prices_of_the_settings_go_before_the_table_and_flags_before_both(
    run, json_of, stocked: Path, store: Path
) -> None:
    (stocked / "new.txt").write_text("A third document, which nobody has asked about so far. " * 4)
    (store / "kvprep.toml").write_text('[prices]\ndevice_hour = 7200\ntable = "mine.toml"\n')
    (store / "mine.toml").write_text(PACKAGED.read_text().replace("gb_month = 0.0032", "gb_month = 1000"))
    facts = json_of("plan", stocked)
    assert facts["money"]["prefill"] >= 2 * facts["seconds"]["prefill"] * 0.99
    assert facts["money"]["rent"] > facts["bytes"]["kv"] / 1e9 * 999
    dearer = json_of("plan", "--price", "device_hour=36000", stocked)
    assert dearer["money"]["prefill"] > 3 * facts["money"]["prefill"]
    (store / "mine.toml").write_text("currency = 3\n")
    result = run("plan", stocked)
    assert result.exit_code == 1
    assert "mine.toml: defaults: is missing" in result.stderr.replace("\n", " ")
