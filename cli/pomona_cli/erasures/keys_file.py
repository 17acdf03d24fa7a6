"""A file of keys: plain lines, or JSON lines for keys that have a line end in them."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from pomona_cli.errors import CliError

MAX_KEY_BYTES = 1024  # S3's


def read_keys(source: str) -> list[str]:
    """Return the keys of a file (`-` is stdin), each once, in the order of the file.

    A file whose name ends in .jsonl, or stdin that begins with a quote or a brace, holds a JSON string or an object
    with a `key` in each line. Any other file holds a key in each line, up to the line end (LF or CRLF). Empty lines are
    skipped.

    Raises:
        CliError: the file cannot be read; a line is no key; or every line of a text file looks like JSON, so that its
            keys would not be found.
    """
    text = _read(source)
    is_json = source.endswith(".jsonl") or (source == "-" and text.lstrip()[:1] in ('"', "{"))
    lines = list(_lines(source, text))
    if not is_json and lines and all(_looks_like_json(line) for _, line in lines):
        raise CliError(
            f"Every line of {source} looks like JSON: give the file a name that ends in .jsonl. "
            "Write a key that begins with a quote or a brace as JSON in that file too."
        )
    parse = _json_key if is_json else _plain_key
    found = [_checked(parse(line, where), where) for where, line in lines]
    return list(dict.fromkeys(found))


def _read(source: str) -> str:
    try:
        content = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
        return content.decode("utf-8-sig")
    except OSError as error:
        raise CliError(f"{source} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CliError(f"{source} is not UTF-8 at byte {error.start}; keys on S3 are UTF-8.") from error


def _lines(source: str, text: str) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if stripped := line.removesuffix("\r"):
            yield f"{source} line {number}", stripped


def _looks_like_json(line: str) -> bool:
    text = line.strip()
    return text.startswith("{") or (len(text) > 1 and text[0] == text[-1] == '"')


def _plain_key(line: str, _: str) -> str:
    return line


def _json_key(line: str, where: str) -> str:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise CliError(f'{where} is not JSON ({error}): write "a/key.jpg" or {{"key": "a/key.jpg"}}.') from error
    key = value.get("key") if isinstance(value, dict) else value
    if not isinstance(key, str):
        raise CliError(f'{where} holds no key: write "a/key.jpg" or {{"key": "a/key.jpg"}}.')
    return key


def _checked(key: str, where: str) -> str:
    length = len(key.encode("utf-8", "surrogatepass"))
    if not 0 < length <= MAX_KEY_BYTES:
        raise CliError(f"{where} has {length} bytes; a key on S3 has 1 to {MAX_KEY_BYTES}.")
    return key
