"""Keys seen, as digests."""

from hypothesis import given
from hypothesis import strategies as st

from pomona_cli.seen import SeenKeys


@given(st.lists(st.lists(st.text())), st.lists(st.text()))
def test_new_are_those_that_were_never_added(added, asked):
    seen = SeenKeys()
    for keys in added:
        seen.add(keys)
    known = {key for keys in added for key in keys}
    assert seen.new(asked) == [key for key in asked if key not in known]


def test_keys_added_after_a_question_are_known_as_well():
    seen = SeenKeys()
    seen.add(["a"])
    assert seen.new(["a", "b"]) == ["b"]
    seen.add(["b"])
    assert seen.new(["a", "b", "c"]) == ["c"]
