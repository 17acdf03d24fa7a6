"""A set of keys as digests."""

from hypothesis import given
from hypothesis import strategies as st

from pomona_cli.queue.key_digests import KeyDigests


@given(st.lists(st.lists(st.text())), st.lists(st.text()))
def test_new_are_those_that_were_never_added(added, asked):
    digests = KeyDigests()
    for keys in added:
        digests.add(keys)
    known = {key for keys in added for key in keys}
    assert digests.missing(asked) == [key for key in asked if key not in known]


def test_keys_added_after_a_question_are_known_as_well():
    digests = KeyDigests()
    digests.add(["a"])
    assert digests.missing(["a", "b"]) == ["b"]
    digests.add(["b"])
    assert digests.missing(["a", "b", "c"]) == ["c"]
