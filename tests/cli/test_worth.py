"""`ingest --worth`, and what the other commands say of what it defers."""

from pathlib import Path


def test_what_is_deferred_is_counted_listed_shown_and_stored_once_it_is_asked_for(
    run, json_of, sources: Path, store: Path
) -> None:
    facts = json_of("ingest", "--worth", 2, sources)
    assert facts["documents"] | {"found": 2, "ingested": 0, "deferred": 2} == facts["documents"]
    assert (facts["tokens"]["computed"], facts["bytes"]["stored"]) == (0, 0)
    assert {item["outcome"] for item in facts["items"]} == {"deferred"}
    assert {d["state"] for d in json_of("ls")["documents"]} == {"deferred"}
    assert "deferred" in run("ls").stdout

    lease = sources / "lease.txt"
    (deferral,) = json_of("show", lease)["deferred"]
    assert (deferral["by"], deferral["worth"]) == ("ingest", 2)
    assert "promise 2 reads" in " ".join(run("show", lease).stdout.split())

    first, second, third = (json_of("ask", "--max-new-tokens", 4, lease, "Which rent?")["cache"] for _ in range(3))
    assert [(c["result"], c["stored"]) for c in (first, second, third)] == [
        ("miss", False),
        ("miss", True),
        ("hit", False),
    ]
    assert first["detail"] == "deferred"
    assert json_of("show", lease)["deferred"] == []
    assert {Path(d["sources"][0]).name: d["state"] for d in json_of("ls")["documents"]} == {
        "lease.txt": "fresh",
        "invoice.txt": "deferred",
    }


def test_an_ingest_that_is_run_again_says_again_what_is_deferred(run, sources: Path) -> None:
    for _ in range(3):
        assert "2 deferred" in run("ingest", "--worth", 1, sources).stdout
    assert "2 ingested" in run("ingest", sources).stdout
    assert "2 unchanged" in run("ingest", "--worth", 1, sources).stdout


def test_the_settings_say_what_a_document_must_be_worth(run, json_of, stocked: Path, store: Path) -> None:
    (stocked / "new.txt").write_text("A third document, which nobody has asked about so far. " * 4)
    (store / "kvprep.toml").write_text("[ingest]\nworth = 1\n")
    assert json_of("plan", stocked)["documents"]["deferred"] == 1
    assert json_of("ingest", stocked)["documents"]["deferred"] == 1
    assert json_of("ingest", "--worth", 0, stocked)["documents"]["ingested"] == 1
    (store / "kvprep.toml").write_text("[ingest]\nworth = -1\n")
    result = run("ingest", stocked)
    assert result.exit_code == 1
    assert "ingest.worth: must be a whole number" in result.stderr


def test_a_question_that_must_hit_is_told_that_its_document_is_deferred(run, sources: Path) -> None:
    run("ingest", "--worth", 1, sources)
    result = run("ask", "--require-hit", sources / "lease.txt", "Which rent?")
    assert result.exit_code == 5
    assert "deferred" in result.stderr
