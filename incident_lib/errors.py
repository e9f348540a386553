"""What can go wrong in a way that the user can mend: one root, and a child for each kind that callers tell apart."""


class WorkbookError(Exception):
    """Something the user can mend; its text is one sentence that says what, where, and what was expected."""

    exit_code = 1


class SourceError(WorkbookError):
    """A source as a whole can't be read: missing, of the wrong kind, damaged, or larger than the limits allow."""


class FieldError(WorkbookError):
    """One value can't be read; costs that value or its row, never the file."""


class SettingsError(WorkbookError):
    """``workbook.toml``, or a command's argument, makes no sense."""

    exit_code = 2


class ReportError(WorkbookError):
    """A report could not be made; the last good one stays where it is."""
