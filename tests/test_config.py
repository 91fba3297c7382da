import os
from pathlib import Path

import pytest

from kvprep.config import TEMPLATE, Settings, override, parse_duration, parse_size, read_settings
from kvprep.errors import ConfigError

DAY = 86400.0


@pytest.fixture
def write(tmp_path: Path):
    def to_file(text: str) -> Path:
        file = tmp_path / "kvprep.toml"
        file.write_text(text)
        return file

    return to_file


def test_without_file_and_environment_there_are_defaults() -> None:
    settings = read_settings(None, {})
    assert settings == Settings()
    assert settings.ttl.default == 30 * DAY
    assert settings.namespace is None
    assert settings.one_namespace == "default"


def test_the_environment_goes_before_the_file_and_a_flag_before_both(write) -> None:
    file = write('namespace = "file"\n[model]\nname = "file-model"\ndtype = "float32"\n')
    assert read_settings(file, {}).namespace == "file"
    settings = read_settings(file, {"KVPREP_NAMESPACE": "environment", "KVPREP_MODEL": "environment-model"})
    assert settings.namespace == "environment"
    assert (settings.model.name, settings.model.dtype) == ("environment-model", "float32")
    assert override(settings, namespace="flag").namespace == "flag"
    assert override(settings, namespace=None).namespace == "environment"


def test_an_empty_variable_is_none(write) -> None:
    assert read_settings(write('namespace = "file"'), {"KVPREP_NAMESPACE": "", "KVPREP_STORE": ""}).namespace == "file"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("name_space = 'a'", "name_space: no such setting"),
        ("[ingest]\njob = 2", "ingest.job: no such setting"),
        ("[ingest]\njobs = '2'", "ingest.jobs: must be a whole number"),
        ("[ingest]\njobs = true", "ingest.jobs: must be a whole number"),
        ("[ingest]\nrefuse_hidden = 1", "ingest.refuse_hidden: must be true or false"),
        ('[ingest]\ncodec = "zip"', "ingest.codec: must be one of none, lossless, auto"),
        ("[ingest]\ninclude = '*.pdf'", "ingest.include: must be a list"),
        ("[ingest]\nmax_bytes = 'much'", "ingest.max_bytes: 'much' is no size"),
        ("[ttl]\n'*.pdf' = 'soon'", "ttl.*.pdf: 'soon' is no duration"),
        ("[ttl]\ndefault = 30", "ttl.default: must be a text"),
        ("[gc]\nidle = 'no'", "gc.idle: must be true or false"),
        ("[gc]\nmax_bytes = 'much'", "gc.max_bytes: 'much' is no size"),
        ("model = 'a-model'", "model: must be a table"),
        ("[model]\nname = 3", "model.name: must be a text"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(write, text: str, named: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_settings(write(text), {})
    assert named in str(caught.value)


def test_a_file_that_is_no_toml_or_not_there_is_named(write, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"kvprep\.toml"):
        read_settings(write("= ="), {})
    with pytest.raises(ConfigError, match="No such file"):
        read_settings(tmp_path / "nothing.toml", {})


def test_a_file_that_is_larger_than_any_settings_takes_no_memory(write, tmp_path: Path) -> None:
    file = write("")
    os.truncate(file, 1 << 40)
    with pytest.raises(ConfigError, match="larger"):
        read_settings(file, {})


def test_times_to_live_come_by_glob_in_the_order_of_the_file(write) -> None:
    settings = read_settings(write('[ttl]\n"a/*" = "none"\ndefault = "12h"\n"*" = "2w"\n'), {})
    assert settings.ttl.default == DAY / 2
    assert settings.ttl.globs == (("a/*", None), ("*", 14 * DAY))


def test_paths_are_meant_from_where_the_file_lies(write, tmp_path: Path) -> None:
    settings = read_settings(write('key_file = "my.key"\n[ingest]\npreamble = "../preamble.txt"\n'), {})
    assert settings.key_file == tmp_path / "my.key"
    assert settings.ingest.preamble == tmp_path / "../preamble.txt"


def test_the_commented_template_sets_nothing(write) -> None:
    assert read_settings(write(TEMPLATE), {}) == Settings()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("1.5h", 5400), ("30d", 30 * DAY), ("2 W", 14 * DAY), ("none", None)],
)
def test_durations(text: str, seconds: float | None) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "1y", "nan"])
def test_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "num_bytes"), [("1500", 1500), ("20GB", 20 * 10**9), ("512 MiB", 512 << 20), ("1.5k", 1500), ("7B", 7)]
)
def test_sizes(text: str, num_bytes: int) -> None:
    assert parse_size(text) == num_bytes


@pytest.mark.parametrize("text", ["", "GB", "-1", "1XB"])
def test_no_sizes(text: str) -> None:
    with pytest.raises(ValueError, match="no size"):
        parse_size(text)
