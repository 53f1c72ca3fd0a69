"""A sink that makes one file of each document, named by its id: `folder:///var/documents`."""

from pathlib import Path
from typing import ClassVar, Literal, Self

from sidecar.sinks import Batch, Misconfigured, Retryable, SinkSettings, WriteResult


class FolderSettings(SinkSettings):
    type: Literal["folder"] = "folder"
    path: Path
    """The folder for the files."""
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
            raise Misconfigured("there is no such folder", location=str(self.path), hint="create it")

    def write(self, batch: Batch) -> WriteResult:
        duplicates = 0
        try:
            for name, document in zip(batch.ids, batch.documents, strict=True):
                file = self.path / f"{name}.json"
                duplicates += file.exists()
                file.write_text(document, encoding="utf-8")
        except OSError as error:  # nothing is settled: the same documents come again, under the same names
            raise Retryable(f"cannot be written ({error.strerror})", location=str(self.path)) from error
        return WriteResult(range(len(batch)), duplicates=duplicates)

    def close(self) -> None:
        pass

    def probe(self) -> None:
        self.open()
