"""A sink that makes one file of each document, named by its id: `folder:///var/documents`."""

from pathlib import Path
from typing import ClassVar, Literal, Self

from sidecar.errors import Misconfigured, Retryable
from sidecar.model.batch import Batch, WriteResult
from sidecar.sinks.contract import SinkSettings


class FolderSettings(SinkSettings):
    type: Literal["folder"] = "folder"
    path: Path
    """The folder that takes the files."""
    schemes: ClassVar[tuple[str, ...]] = ("folder",)

    @classmethod
    def from_url(cls, url: str) -> Self:
        return cls(path=Path(url.removeprefix("folder://")))

    def destination(self) -> str:
        return f"folder://{self.path}"


class FolderSink:
    """One file for each document."""

    settings: ClassVar[type[FolderSettings]] = FolderSettings
    concurrency: ClassVar[int] = 1

    def __init__(self, settings: FolderSettings) -> None:
        self.path = settings.path

    def open(self) -> None:
        if not self.path.is_dir():
            raise Misconfigured("there is no such folder", location=str(self.path), hint="make it")

    def write(self, batch: Batch) -> WriteResult:
        already = 0
        try:
            for name, document in zip(batch.ids, batch.documents, strict=True):
                file = self.path / f"{name}.json"
                already += file.exists()
                file.write_text(document, encoding="utf-8")
        except OSError as error:  # nothing is settled: the same documents come again, under the same names
            raise Retryable(f"cannot be written ({error.strerror})", location=str(self.path)) from error
        return WriteResult(range(len(batch)), already=already)

    def close(self) -> None:
        pass

    def probe(self) -> None:
        self.open()
