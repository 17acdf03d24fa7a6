"""The lake bucket: whole small objects, written and deleted under conditions."""
