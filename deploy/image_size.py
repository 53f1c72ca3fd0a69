"""Says what takes the space in the image, in MB: in the sidecar's own layer by package, and in its base.

docker run --rm -i --entrypoint python3 log-sidecar - < deploy/image_size.py
"""

import sys
from importlib.metadata import Distribution, distributions
from importlib.util import cache_from_source
from pathlib import Path

OURS = Path(sys.prefix)
KINDS = ("binary", "source", "byte code", "other")
Sizes = dict[str, int]


def kind_of(path: Path) -> str:
    """What a file is, of KINDS."""
    if ".so" in path.suffixes:
        return "binary"
    return {".py": "source", ".pyc": "byte code"}.get(path.suffix, "other")


def sizes_of(paths: set[Path]) -> Sizes:
    """Bytes by kind."""
    sizes = dict.fromkeys(KINDS, 0)
    for path in paths:
        sizes[kind_of(path)] += path.stat().st_size
    return sizes


def files_of(package: Distribution) -> set[Path]:
    """What an installed package brought, with the byte code that was made of it later."""
    brought = {Path(str(package.locate_file(file))) for file in package.files or []}
    made = {Path(cache_from_source(str(path))) for path in brought if path.suffix == ".py"}
    return {path.resolve() for path in brought | made if path.is_file()}


def base_packages() -> dict[str, float]:
    """The Debian packages of the base and their sizes in MB."""
    sizes: dict[str, float] = {}
    for paragraph in Path("/var/lib/dpkg/status").read_text(encoding="utf-8").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in paragraph.splitlines() if ": " in line and line[0] != " ")
        if "Installed-Size" in fields:
            sizes[fields["Package"]] = int(fields["Installed-Size"]) * 1024 / 1e6
    return sizes


def main() -> None:
    """Print both tables, the largest first."""
    packages = {package.name: files_of(package) for package in distributions(path=sys.path)}
    told = set().union(*packages.values())
    packages["(nobody's)"] = {path for path in OURS.rglob("*") if path.is_file() and not path.is_symlink()} - told
    tables = {name: sizes_of(files) for name, files in packages.items()}
    tables["all"] = {kind: sum(sizes[kind] for sizes in tables.values()) for kind in KINDS}
    print(f"{f'MB in {OURS}':24}" + "".join(f"{kind:>11}" for kind in (*KINDS, "all")))
    for name, sizes in sorted(tables.items(), key=lambda item: -sum(item[1].values())):
        print(f"{name:24}" + "".join(f"{size / 1e6:11.2f}" for size in (*sizes.values(), sum(sizes.values()))))
    base = base_packages()
    print(f"\n{f'MB in the base: {sum(base.values()):.0f}':24}" + f"{len(base):>8} Debian packages, the largest:")
    for name, size in sorted(base.items(), key=lambda item: -item[1])[:12]:
        print(f"{name:24}{size:11.2f}")


main()
