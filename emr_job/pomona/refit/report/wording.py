"""Numbers and names as the report writes them."""

from pomona_contract.prices import amount_text

UNKNOWN = "-"
LONGEST_NAME = 60


def percent(share: float | None, digits: int = 1) -> str:
    """Return a share in per cent; UNKNOWN for None."""
    return UNKNOWN if share is None else f"{100 * share:.{digits}f} %"


def count(number: object) -> str:
    """Return a whole number with separators; UNKNOWN for anything else."""
    return f"{number:,}" if isinstance(number, int) else UNKNOWN


def compact(number: int) -> str:
    """Return a whole number in four characters or so: 999, 1.2k, 12k, 1.2M."""
    for size, letter in ((1_000_000, "M"), (1000, "k")):
        if number >= size:
            return f"{number / size:.1f}{letter}" if number < 10 * size else f"{number // size}{letter}"
    return str(number)


def sentence(text: str) -> str:
    """Return a clause as a sentence."""
    return f"{text[:1].upper()}{text[1:]}."


def money(amount: float, currency: object) -> str:
    """Return an amount with its currency: a run of the cluster costs cents, one of the express lane far less."""
    return f"{amount_text(amount)} {currency}"


def short(name: str, longest: int = LONGEST_NAME) -> str:
    """Return a name of bounded length: hundreds of them must not fill the page."""
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def images(number: int) -> str:
    """Return `1 image`, `2,000 images`."""
    return f"{number:,} image{'' if number == 1 else 's'}"


def readable(timestamp: str) -> str:
    """Return an ISO 8601 time in UTC to the minute."""
    return timestamp[:16].replace("T", " ") + " UTC"
