"""The demo: deploys the template into the embedded AWS and works with it as a user does."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "contract"))  # a checkout has nothing installed
