import pytest

from kvprep.economics.speed import PrefillSpeed, fit_prefill


def test_a_speed_that_made_the_measurements_is_found_again() -> None:
    made_by = PrefillSpeed(2e-3, 1e-7)
    fitted = fit_prefill([(tokens, made_by.seconds(0, tokens)) for tokens in (100, 900, 4000, 20_000)])
    assert fitted is not None
    assert fitted.seconds(0, 7000) == pytest.approx(made_by.seconds(0, 7000))


def test_one_length_alone_is_taken_as_linear() -> None:
    assert fit_prefill([(1000, 2.0), (1000, 2.0)]) == PrefillSpeed(pytest.approx(0.002), 0)


def test_noise_never_makes_a_part_negative() -> None:
    fitted = fit_prefill([(100, 1.0), (1000, 5.0)])  # the longer, the faster
    assert fitted is not None
    assert fitted.linear >= 0
    assert fitted.quadratic >= 0
    assert fitted.seconds(0, 500) > 0


def test_nothing_measured_says_nothing() -> None:
    assert fit_prefill([]) is None
    assert fit_prefill([(0, 1.0), (10, 0.0)]) is None


def test_stretches_add_up_to_the_whole() -> None:
    speed = PrefillSpeed(1e-3, 1e-6)
    assert speed.seconds(0, 300) + speed.seconds(300, 1000) == pytest.approx(speed.seconds(0, 1000))
