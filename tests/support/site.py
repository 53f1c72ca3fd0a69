"""`make site`: hooks of MkDocs. The site has the files of docs/ and each file that a page links to.

Files keep their paths in the repository, so links work here as they do there. Only the addresses leave out `docs/`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
_INDEX = "docs/index.md"
_SECTION = re.compile(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[([^\]]+)\]\((?!\w+:)([^)#\s]+)")
_BOOSTS = {
    "docs/reference/configuration.md": 8, "docs/reference/": 4, "docs/design/decisions/": 0.001, "docs/design/": 0.5,
    "docs/": 2, "CHANGELOG.md": 0.001, "tests/": 0.001,
}  # fmt: skip
"""Beginning of the path of a page → how much its words count in a search; those of its title count 1,000 times."""

_CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.DOTALL | re.MULTILINE)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Make the navigation from the sections of the index."""
    sections = _SECTION.findall(_read(_INDEX))
    config.nav = [{"Home": _INDEX}, *({title: _list_pages(text)} for title, text in sections)]
    return config


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Return the files of the theme and those of the site."""
    of_theme = [each for each in files if each.src_dir != config.docs_dir]
    return Files([*of_theme, *(_add(path, config) for path in _list_files())])


def on_page_markdown(markdown: str, *, page: Page, **_: Any) -> str:
    """Let searches find the reference before the guides, and decision records last."""
    path = page.file.src_uri
    boost = next((boost for folder, boost in _BOOSTS.items() if path.startswith(folder)), 1)
    page.meta["search"] = {"boost": boost}
    return markdown


def _add(path: str, config: MkDocsConfig) -> File:
    file = File.generated(config, path, abs_src_path=str(ROOT / path))
    file.dest_uri = file.dest_uri.removeprefix("docs/")
    return file


def _list_files() -> list[str]:
    """Return the files of docs/, and those that can be reached from them by links."""
    waiting = [_relative(path) for path in sorted(ROOT.glob("docs/**/*")) if path.is_file()]
    files = dict.fromkeys(waiting)
    while waiting:
        page = waiting.pop()
        if page.endswith(".md"):
            targets = (_resolve(page, target) for _, target in _LINK.findall(_CODE.sub("", _read(page))))
            new = dict.fromkeys(each for each in targets if each not in files and (ROOT / each).is_file())
            files.update(new)
            waiting.extend(new)
    return list(files)


def _list_pages(section: str) -> list[Any]:
    """Return the pages of a section of the index. Numbered pages belong to the README in their folder."""
    pages: list[Any] = []
    for title, target in _LINK.findall(section):
        page = _resolve(_INDEX, target)
        numbered = sorted((ROOT / page).parent.glob("[0-9]*.md")) if page.endswith("README.md") else []
        pages.append({title: [{"Overview": page}, *map(_relative, numbered)] if numbered else page})
    return pages


def _resolve(page: str, target: str) -> str:
    """Return the path in the repository to which a link of a page leads."""
    return _relative((ROOT / page).parent.joinpath(target).resolve())


def _relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")
