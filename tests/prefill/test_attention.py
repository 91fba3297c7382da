"""Reading a long cache in parts gives what reading it whole gives, and leaves no thread idle."""

from collections.abc import Iterator

import pytest
import torch

from kvprep.prefill import attention


@pytest.fixture
def threads() -> Iterator[None]:
    former = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(former)


def cached(heads: int, tokens: int, dtype: torch.dtype) -> torch.Tensor:
    """A view of a buffer that has room for more, as the engine's is."""
    return torch.randn(1, heads, tokens + 61, 16).to(dtype)[:, :, :tokens]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize("tokens", [1024, 1025, 1027, 1500])
@pytest.mark.parametrize("parts", [2, 4])
def test_parts_give_what_the_whole_gives_to_rounding(dtype: torch.dtype, tokens: int, parts: int) -> None:
    torch.manual_seed(tokens)
    query = torch.randn(1, 3, 3, 16).to(dtype)
    key, value = cached(3, tokens, dtype), cached(3, tokens, dtype)
    exact = torch.nn.functional.scaled_dot_product_attention(query.double(), key.double(), value.double(), scale=0.2)
    found = attention._attend_in_parts(query, key, value, 0.2, parts)
    assert found.dtype == dtype
    torch.testing.assert_close(
        found.double(), exact, rtol=0, atol=8 * torch.finfo(dtype).eps * float(exact.abs().max())
    )


def test_one_key_that_outweighs_all_others_counts_in_whatever_part_it_is() -> None:
    key, value = torch.zeros(1, 1, 2049, 16), torch.zeros(1, 1, 2049, 16)
    for at in (0, 1023, 1024, 2047, 2048):
        key[...], value[...] = 0, 0
        key[0, 0, at], value[0, 0, at] = 50, 7
        found = attention._attend_in_parts(torch.full((1, 1, 3, 16), 50.0), key, value, 1.0, 2)
        torch.testing.assert_close(found, torch.full((1, 1, 3, 16), 7.0))


@pytest.mark.parametrize(("heads", "parts"), [(1, 2), (2, 1), (3, 2), (4, 1), (5, 2)])
def test_heads_are_cut_only_where_they_do_not_come_out_even(threads: None, heads: int, parts: int) -> None:
    assert attention._parts(cached(heads, 2048, torch.float32)) == parts


def test_a_short_cache_or_several_sequences_are_not_cut(threads: None) -> None:
    assert attention._parts(cached(3, 1023, torch.float32)) == 1
    assert attention._parts(torch.zeros(2, 3, 2048, 16)) == 1


def test_a_torch_without_the_sums_reads_whole(threads: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "_WITH_SUMS", "_no_such_operation")
    assert attention._parts(cached(3, 2048, torch.float32)) == 1
