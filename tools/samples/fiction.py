"""Names and numbers that look real and belong to nobody."""

from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")


def iban(country: str, rest: str) -> str:
    """Give a well-formed IBAN with right check digits, in groups of four; the bank code is up to the caller."""
    digits = "".join(str(int(char, 36)) for char in f"{rest}{country}00")
    whole = f"{country}{98 - int(digits) % 97:02d}{rest}"
    return " ".join(whole[start : start + 4] for start in range(0, len(whole), 4))


def money(amount: Decimal) -> str:
    """Print an amount with thousands and cents."""
    return f"{amount:,.2f}"


def share(amount: Decimal, percent: int) -> Decimal:
    """Take a percentage, rounded to cents."""
    return (amount * percent / 100).quantize(CENT, ROUND_HALF_UP)
