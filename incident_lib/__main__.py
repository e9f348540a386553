"""``python -m incident_lib`` is the same as ``incidents``."""

from incident_lib.cli import main

main()
