"""What a run costs."""

import pytest

from pomona_contract.prices import BilledHours, Prices, amount_text, prices_of


def test_a_cost_is_the_billed_hours_at_their_prices():
    hourly = {"vcpu_hour": 0.05, "gb_hour": 0.005, "storage_gb_hour": 0.0001, "function_gb_hour": 0.06}
    prices = Prices("USD", "2026-11-01", hourly)
    assert prices.cost(BilledHours(2.0, 10.0, 100.0)) == pytest.approx(0.1 + 0.05 + 0.01)
    assert prices.cost(BilledHours(0.0, 0.0, 0.0, function_gb_hours=0.5)) == pytest.approx(0.03)


def test_a_region_without_prices_has_no_guessed_ones():
    assert prices_of("mars-north-1") is None


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0.0, "0.0000"), (0.00577, "0.0058"), (1234.5678, "1234.5678"), (0.0000091, "0.0000091"), (0.00042, "0.00042")],
)
def test_an_amount_is_never_shown_as_nothing_if_it_is_something(amount: float, text: str) -> None:
    assert amount_text(amount) == text
