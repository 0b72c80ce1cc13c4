"""Lets these tests use the scripted host of the directory above, also when they are run alone."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
