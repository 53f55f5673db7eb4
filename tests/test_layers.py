"""Who may know whom (docs/architecture.md), read from the imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "workbench"
MODULES = sorted(PACKAGE.rglob("*.py"))

# part of the package -> parts it may import; parts not named may import anything but cli
MAY_IMPORT = {
    "survey": {"errors"},
    "change": {"errors", "survey"},
    "scoring": {"errors", "survey"},
    "text": {"errors", "yamlfile", "survey", "scoring"},
    "protocol": {"errors", "yamlfile"},
    "report": {"errors", "bundle", "findings", "wording"},
    "evidence": {"errors"},
    "findings": {"errors", "charts"},
    "charts": {"errors", "wording"},
    "yamlfile": {"errors"},
    "calendars": {"errors", "bundle"},
    "wording": set(),
    "errors": set(),
}

# a churning library -> the one module that touches it
ADAPTERS = {
    "great_expectations": "checks/expectations.py",
    "typst": "report/typst_pdf.py",
    "pyhanko": "evidence/pdfsign.py",
    "papermill": "batch/execute.py",
}


def imports(path: Path) -> set[str]:
    """Absolute names imported anywhere in a module."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            names |= {f"{module}.{alias.name}" for alias in node.names} | {module}
    return names


def part(name: str) -> str:
    """Return the part of the package that an import of ``workbench.…`` names."""
    return name.split(".")[1] if name.count(".") else ""


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_imports_only_what_its_layer_may(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    used = {part(n) for n in imports(path) if n.split(".")[0] == "workbench"} - {own, ""}
    if own not in {"cli", "__main__"}:
        assert "cli" not in used
    if own in MAY_IMPORT:
        assert used <= MAY_IMPORT[own], f"{own} imports {used - MAY_IMPORT[own]}"


@pytest.mark.parametrize("library", sorted(ADAPTERS))
def test_one_module_touches_each_churning_library(library: str) -> None:
    users = {
        path.relative_to(PACKAGE).as_posix()
        for path in MODULES
        if any(name.split(".")[0] == library for name in imports(path))
    }
    assert users <= {ADAPTERS[library]}


@pytest.mark.parametrize(
    ("modules", "heavy"),
    [
        ("workbench, workbench.errors, workbench.cli", {"pydantic", "yaml", "cryptography"}),
        ("workbench.batch.run", set()),  # it runs all night and holds no table
    ],
)
def test_importing_a_light_module_loads_nothing_heavy(modules: str, heavy: set[str]) -> None:
    heavy = heavy | {"numpy", "pandas", "pyarrow", "matplotlib", "scipy", "great_expectations"}
    code = f"import sys, {modules}; print(sorted({heavy} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_a_batch_leaves_out_grammars_that_nobody_asks_for_and_a_notebook_can_have_them() -> None:
    code = (
        "import sys; from workbench.batch.imports import jsonschema_first; jsonschema_first();"
        "import papermill, nbformat; early = 'rfc3987_syntax' in sys.modules;"
        "from rfc3987_syntax import is_valid_syntax; print(early, is_valid_syntax('iri', 'a:b'))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["False", "True"]
