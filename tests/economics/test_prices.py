import os
import re
from datetime import date
from pathlib import Path

import pytest

from kvprep.config import TEMPLATE
from kvprep.economics import prices as module
from kvprep.economics.prices import load_prices, machine_kind
from kvprep.economics.table import PACKAGED, read_table
from kvprep.errors import ConfigError

TABLE = PACKAGED.read_text()


def _edited(folder: Path, old: str, new: str) -> Path:
    assert TABLE.count(old) >= 1
    file = folder / "mine.toml"
    file.write_text(TABLE.replace(old, new, 1))
    return file


def test_every_packaged_price_has_a_source_a_date_and_a_name_that_loads() -> None:
    table = read_table()
    for kind, field in (("devices", "device"), ("storage", "storage"), ("tariffs", "tariff")):
        for name, offer in table.offers[kind].items():
            assert re.match(r"https://[a-z0-9.-]+/", offer.source), name
            assert date(2024, 1, 1) < offer.dated < date(2027, 1, 1), name
            assert load_prices({field: name}).currency == "USD"


def test_the_documentation_and_the_sample_of_settings_name_every_offer() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "economics.md").read_text("utf-8")
    table = read_table()
    for kind in ("devices", "storage", "tariffs"):
        assert ", ".join(table.offers[kind]) in page
    for kind in ("devices", "storage"):
        assert ", ".join(table.offers[kind]) in TEMPLATE


def test_prices_say_where_they_are_from_and_how_old_the_oldest_is() -> None:
    prices = load_prices({"device": "h100", "storage": "object", "device_hour": 3})
    sources = dict(prices.sources)
    assert prices.device_hour == 3
    assert sources["device_hour"] == "set here"
    assert sources["storage_gb_month"].startswith("https://aws.amazon.com/")
    assert prices.dated == str(read_table().offers["storage"]["object"].dated)
    assert prices.input_mtok is prices.cached_input_mtok is None


def test_a_processor_costs_in_proportion_to_the_cores_that_the_process_may_use(monkeypatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    assert load_prices({"device": "cpu"}).device_hour == pytest.approx(4 * 0.0816)


def test_the_device_is_the_one_that_this_machine_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = tmp_path / "nvidiactl"
    monkeypatch.setattr(module, "_DEVICE_FILES", (str(driver),))
    assert machine_kind() == "cpu"
    driver.touch()
    assert machine_kind() == "cuda"
    assert load_prices() == load_prices({"device": "l4"})


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("hour = 0.78", "hour = -1", "devices.l4.hour: must be a number"),
        ("hour = 0.78", "hour = nan", "devices.l4.hour: must be a number"),
        ("hour = 0.78", "hour = inf", "devices.l4.hour: must be a number"),
        ("hour = 0.78", "hour = 1e300", "devices.l4.hour: must be a number"),
        ("hour = 0.78", "hour = true", "devices.l4.hour: must be a number"),
        ("hour = 0.78", 'hour = "0.78"', "devices.l4.hour: must be a number"),
        ("hour = 0.78", "", "devices.l4.hour: is missing"),
        ("hour = 0.78", "hour = 0.78\nhours = 2", "devices.l4.hours: no such name"),
        ("cores = 2", "cores = 0", "devices.cpu.cores: must be at least 1"),
        ("gb_month = 0.023", "gb_month = -0.1", "storage.object.gb_month: must be a number"),
        ("input_mtok = 3.00", "input_mtok = []", "tariffs.claude-sonnet.input_mtok: must be a number"),
        ("dated = 2026-06-17", 'dated = "2026-06-17"', "devices.cpu.dated: must be a date"),
        ("dated = 2026-06-17", "dated = 2026-06-17T10:00:00", "devices.cpu.dated: must be a date"),
        ("source = ", "sauce = ", "devices.cpu.sauce: no such name"),
        ('cpu = "cpu"', 'cpu = "abacus"', "defaults.cpu: names no offer"),
        ('currency = "USD"', "currency = 7", "currency: must be a short text"),
        ('currency = "USD"', 'currency = "USD"\nowner = "me"', "owner: no such name"),
        ("[devices.l4]", "[devices]\nl4 = 3\n[devices.l5]", "mine.toml: "),
    ],
)
def test_what_is_wrong_in_a_table_is_named_by_its_key(tmp_path: Path, old: str, new: str, named: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(named)):
        read_table(_edited(tmp_path, old, new))


def test_a_table_that_is_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "prices.toml"
    with pytest.raises(ConfigError, match="No such file"):
        read_table(file)
    for data in (b"\xff\xfe", b"a = [" * 5000, b"#" * (1 << 21), b"devices = 3", b"devices.l4 = 3"):
        file.write_bytes(data)
        with pytest.raises(ConfigError, match="prices.toml: "):
            read_table(file)


def test_a_name_that_the_table_has_not_is_refused_with_those_it_has() -> None:
    with pytest.raises(ConfigError, match="devices.abacus: no such price") as raised:
        load_prices({"device": "abacus"})
    assert "h100" in raised.value.hint


def test_two_currencies_are_never_added_up() -> None:
    with pytest.raises(ConfigError, match="storage_gb_month would be the table's, in USD"):
        load_prices({"currency": "EUR", "device_hour": 0.1})
    prices = load_prices({"currency": "EUR", "device_hour": 0.1, "storage_gb_month": 0.01})
    assert (prices.currency, prices.transfer_gb, prices.dated != "") == ("EUR", 0, True)


def test_a_price_for_cached_input_alone_is_refused() -> None:
    with pytest.raises(ConfigError, match="cached_input_mtok: set without input_mtok"):
        load_prices({"cached_input_mtok": 0.1})
