"""The page of the function's URL, and the policy that lets the browser run what is in it and nothing else."""

import base64
import hashlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FILE = Path(__file__).with_name("page.html")


@dataclass(frozen=True)
class Page:
    """The page, and its Content-Security-Policy."""

    html: str
    policy: str


@cache
def page() -> Page:
    """Return the page. Its script and style are allowed by their digests, so no other of either runs."""
    html = _FILE.read_text(encoding="utf-8")
    policy = (
        "default-src 'none'",
        f"script-src {_digest(html, 'script')}",
        f"style-src {_digest(html, 'style')}",
        "img-src blob: data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
    return Page(html, "; ".join(policy))


def _digest(html: str, tag: str) -> str:
    (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
