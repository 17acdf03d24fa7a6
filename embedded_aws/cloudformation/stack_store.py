"""The deployed stacks, which a restarted server deploys again."""

import dataclasses
import json
from typing import Any

from embedded_aws.store import Store


class StackStore:
    """Saves the stacks of every region."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def save_stack(self, stack: Any) -> None:
        """Save a stack."""
        saved = {
            "name": stack.name,
            "stack_id": stack.stack_id,
            "template": stack.template,
            "parameters": stack.values,
            "tags": stack.tags,
            "status": stack.status,
            "resources": [dataclasses.asdict(resource) for resource in stack.target.resources.values()],
        }
        self._store.write(
            "INSERT INTO stacks VALUES (?, ?, ?) ON CONFLICT (stack_id) DO UPDATE SET saved = excluded.saved",
            stack.stack_id,
            stack.region_name,
            json.dumps(saved),
        )

    def delete_stack(self, stack_id: str) -> None:
        """Delete a stack."""
        self._store.write("DELETE FROM stacks WHERE stack_id = ?", stack_id)

    def stacks(self, region: str) -> list[dict[str, Any]]:
        """Return the region's stacks in the order of their creation, without those that have no template."""
        rows = self._store.read("SELECT saved FROM stacks WHERE region = ? ORDER BY rowid", region)
        return [saved for (text,) in rows if (saved := json.loads(text))["template"]]

    def regions(self) -> list[str]:
        """Return the regions that have stacks."""
        return [region for (region,) in self._store.read("SELECT DISTINCT region FROM stacks")]
