"""What holds a file or an engine can be used in a ``with`` statement."""

from types import TracebackType
from typing import Self


class Closing:
    """Leaving the ``with`` block closes the object, after an error too."""

    def close(self) -> None:
        """Free the held resource, if there is one."""
        return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
