"""Where an incident's page and draft are, as paths from where the notebook server serves files."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from jupyter_core.paths import jupyter_runtime_dir

from incident_lib.files import safe_name
from incident_lib.records import Records

REPORTS = "reports"


@dataclass(frozen=True)
class Links:
    """Finds the files of incidents: ``root`` is what the server serves, None where there is no server.

    Without one, as in an editor, paths are from the current folder.
    """

    folder: Path
    pages: dict[str, str]
    root: Path | None = None

    def of(self, incident_id: str) -> dict[str, str]:
        """Return the paths of an incident's page and draft, of those that there are and that can be reached."""
        name = safe_name(incident_id)
        draft = self.folder.parent / REPORTS / "postmortem-draft" / name / f"postmortem-draft-{name}.html"
        page = self.folder / self.pages[incident_id] if incident_id in self.pages else None
        found = {kind: path for kind, path in (("page", page), ("draft", draft)) if path is not None and path.is_file()}
        reached = {kind: self._way(path) for kind, path in found.items()}
        return {kind: way for kind, way in reached.items() if way}

    def _way(self, path: Path) -> str:
        if self.root is None:
            return Path(os.path.relpath(path, Path.cwd())).as_posix()
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else ""


def links_of(records: Records) -> Links:
    """Return where the files of a workbook's incidents are."""
    pages = records.postmortems.dropna(subset=["incident_id", "path"]).drop_duplicates("incident_id")
    paths = dict(zip(pages["incident_id"], pages["path"], strict=True))
    return Links(Path(records.folder).resolve(), paths, server_root())


def server_root() -> Path | None:
    """Return the folder that the notebook server of this kernel serves; None if no server started it."""
    try:
        told = Path(jupyter_runtime_dir()) / f"jpserver-{int(os.environ['JPY_PARENT_PID'])}.json"
        return Path(json.loads(told.read_text(encoding="utf-8"))["root_dir"]).resolve()
    except (KeyError, ValueError, OSError, TypeError):
        return None
