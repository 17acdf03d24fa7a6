"""Files of keys: plain lines, JSON lines, and what is refused."""

import pytest

from pomona_cli.erasures.keys_file import read_keys
from pomona_cli.errors import CliError


def written(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    return str(path)


def test_plain_lines_are_keys_as_they_are_each_once(tmp_path):
    content = "a/1.jpg\n  spaces \r\n\n# no comment\na/1.jpg\n\u2028é\n".encode()
    assert read_keys(written(tmp_path, "keys.txt", content)) == ["a/1.jpg", "  spaces ", "# no comment", "\u2028é"]


def test_json_lines_hold_keys_with_line_ends(tmp_path):
    content = b'"a\\nb.jpg"\n{"key": "c\\r.jpg", "error": "x"}\n'
    assert read_keys(written(tmp_path, "keys.jsonl", content)) == ["a\nb.jpg", "c\r.jpg"]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("k.jsonl", b'"a"\nnot json\n', "line 2 is not JSON"),
        ("k.jsonl", b"[1]\n", "line 1 holds no key"),
        ("k.jsonl", b'{"name": "a"}\n', "line 1 holds no key"),
        ("k.jsonl", b'""\n', "line 1 has 0 bytes"),
        ("k.txt", b"a" * 1025, "line 1 has 1025 bytes"),
        ("k.txt", b"a\n\xff\n", "is not UTF-8 at byte 2"),
    ],
)
def test_a_line_that_is_no_key_is_named(tmp_path, name, content, sentence):
    with pytest.raises(CliError, match=sentence):
        read_keys(written(tmp_path, name, content))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CliError, match="No such file"):
        read_keys(str(tmp_path / "none"))


@pytest.mark.parametrize("content", [b'"a/1.jpg"\n\n"a/2.jpg"\r\n', b'{"key": "a"}\n{"key": "b"}\n'])
def test_json_lines_under_another_name_are_refused(tmp_path, content):
    with pytest.raises(CliError, match=r"looks like JSON: give the file a name that ends in \.jsonl"):
        read_keys(written(tmp_path, "keys.txt", content))


def test_some_keys_that_begin_with_a_quote_are_keys(tmp_path):
    content = b'"a".jpg\n"b"\n{c}.jpg\n"\nd.jpg\n'
    assert read_keys(written(tmp_path, "keys.txt", content)) == ['"a".jpg', '"b"', "{c}.jpg", '"', "d.jpg"]
