"""What belongs to the metrics in other programs: files for Prometheus and Grafana, as data beside this
module, so that every way of installing brings them and ``export --print`` needs no path.
"""

from pathlib import Path
from typing import Final

_FILES: Final = {
    "rules": "rules.yml",
    "dashboard": "dashboard.json",
    "prometheus": "prometheus.yml",
    "federation": "federation.yml",
}


def shipped(what: str) -> str:
    """One of the files, by the word that the command takes for it."""
    return Path(__file__).with_name(_FILES[what]).read_text(encoding="utf-8")
