"""The store of the embedded AWS: a state folder of an earlier version keeps its objects."""

import sqlite3
from pathlib import Path

from embedded_aws.store import Store


def test_the_bodies_of_an_earlier_state_folder_are_kept(tmp_path: Path):
    # Given a store that holds an object with its body in one row
    file = tmp_path / "state.sqlite"
    earlier = sqlite3.connect(file, isolation_level=None)
    earlier.execute(
        "CREATE TABLE objects (bucket TEXT, key TEXT, described TEXT, body BLOB, PRIMARY KEY (bucket, key))"
    )
    earlier.execute("INSERT INTO objects VALUES ('b', 'k', '{}', x'00ff')")
    earlier.close()
    # When it is opened, twice
    for _ in range(2):
        store = Store(file)
        # Then the object has its body, and a further object fits
        assert store.read("SELECT body FROM bodies WHERE bucket = 'b' AND key = 'k'") == [(b"\x00\xff",)]
        assert store.read("SELECT described FROM objects WHERE bucket = 'b'") == [("{}",)]
        store.write("INSERT OR REPLACE INTO objects VALUES (?, ?, ?)", "c", "k", "{}")
