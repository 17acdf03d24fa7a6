"""What an answer of obstore says about a missing object: only S3's own NoSuchKey for this key means that it is gone."""

import pytest

from pomona.s3.object_store import says_no_such_key

# as obstore 0.12 words them; the bodies are those of S3's GetObject ("Error responses" in its API reference)
MISSING = (
    "Object at location {key} not found: Error performing GET http://s3/images/{quoted} in 1.49ms - "
    "Server returned non-2xx status code: 404 Not Found: {body}\n\nDebug source:\nNotFound {{ path: … }}"
)
NO_SUCH_KEY = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code>'
    "<Message>The specified key does not exist.</Message><Key>a.jpg</Key></Error>"
)


def missing(key: str, body: str, quoted: str = "a.jpg") -> FileNotFoundError:
    return FileNotFoundError(MISSING.format(key=key, quoted=quoted, body=body))


@pytest.mark.parametrize("key", ["a.jpg", "ü/ñ/雪.jpg", 'quote"\\.jpg', "a not found: b.jpg", "(a+b)*[c]$.jpg"])
@pytest.mark.parametrize(
    "body",
    [NO_SUCH_KEY, "<Error><Code>NoSuchKey</Code></Error>", "<?xml version='1.0'?>\n<Error>\n  <Code>NoSuchKey</Code>"],
)
def test_no_such_key_is_recognised_in_obstores_error(key: str, body: str):
    assert says_no_such_key(missing(key, body), key)


@pytest.mark.parametrize(
    "body",
    [
        NO_SUCH_KEY.replace("NoSuchKey", "NoSuchBucket"),
        NO_SUCH_KEY.replace("NoSuchKey", "NoSuchVersion"),
        NO_SUCH_KEY.replace("NoSuchKey", "NoSuchKeyPair"),
        "<Error><Code>NoSuchBucket</Code><Message><Code>NoSuchKey</Code></Message></Error>",
        "<html><body>404: NoSuchKey</body></html>",
        "",
    ],
)
def test_another_answer_with_the_status_404_is_not_taken_for_a_missing_object(body: str):
    assert not says_no_such_key(missing("a.jpg", body), "a.jpg")


@pytest.mark.parametrize(
    "key",
    [
        "<Error><Code>NoSuchKey</Code>",
        " - Server returned non-2xx status code: 404 Not Found: <Error><Code>NoSuchKey</Code>",
        "x not found: Error performing GET / in 1ms - Server returned non-2xx status code: 404 Not Found: "
        "<Error><Code>NoSuchKey</Code>",
    ],
)
def test_a_name_that_reads_like_an_answer_is_no_answer(key: str):
    # Given a key whose name has S3's code in it, in a bucket that is missing
    body = f"<Error><Code>NoSuchBucket</Code><Resource>{key}</Resource></Error>"
    # Then S3's answer counts, and not the name
    assert not says_no_such_key(missing(key, body), key)
    assert says_no_such_key(missing(key, NO_SUCH_KEY), key)


def test_the_answer_about_another_key_says_nothing():
    assert not says_no_such_key(missing("b.jpg", NO_SUCH_KEY), "a.jpg")


def test_words_that_are_not_obstores_say_nothing():
    assert not says_no_such_key(FileNotFoundError(2, "No such file or directory", "<Code>NoSuchKey</Code>"), "a.jpg")
