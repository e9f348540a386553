"""What can go wrong in a way that the user can mend: one root, and a child for each kind that callers tell apart."""


class WorkbookError(Exception):
    """Something the user can mend; its text is one sentence that says what, where, and what was expected."""

    exit_code = 1

    def _render_traceback_(self) -> list[str]:
        """Return what a notebook shows of it: the sentence alone, since the way through our code mends nothing."""
        return [f"{type(self).__name__}: {self}"]


class SourceError(WorkbookError):
    """A source as a whole can't be read: missing, of the wrong kind, damaged, or larger than the limits allow."""


class FieldError(WorkbookError):
    """One value can't be read; costs that value or its row, never the file."""


class SettingsError(WorkbookError):
    """``workbook.toml``, or a command's argument, makes no sense."""

    exit_code = 2


class ReportError(WorkbookError):
    """A report could not be made; the last good one stays where it is."""


class RunningError(ReportError):
    """Another run is at work on the same workbook, or into the same folder."""

    exit_code = 75  # EX_TEMPFAIL of sysexits.h: try again later
