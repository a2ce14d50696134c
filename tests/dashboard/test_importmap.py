"""The import map: every module of the console is found under its hashed name, and every import leads to one."""

from __future__ import annotations

import json
import posixpath
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.template import Context, Template
from django.test import RequestFactory, override_settings

from dashboard.templatetags import importmap

MODULES = sorted(Path(settings.BASE_DIR, "static/js").rglob("*.js"))
IMPORT = re.compile(r'^(?:import|export)\b[^"\';]*?from\s+"([^"]+)"|^import\s+"([^"]+)"', re.MULTILINE)


class _Hashed:
    """A storage that has collected every module."""

    hashed_files = {f"js/{m.relative_to(Path(settings.BASE_DIR, 'static/js'))}": "x" for m in MODULES} | {
        "css/a.css": "x"
    }

    def url(self, name: str) -> str:
        return f"/static/{name.replace('.js', '.0123456789ab.js')}"


def rendered() -> str:
    request = RequestFactory().get("/")
    request.csp_nonce = 'n"once'  # type: ignore[attr-defined]
    return Template("{% load importmap %}{% importmap %}").render(Context({"request": request}))


def test_without_hashed_files_only_the_entry_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importmap, "staticfiles_storage", object())
    monkeypatch.setattr(importmap, "_LIBRARIES", {"none": "none/none.js"})
    with override_settings(
        STORAGES={"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
    ):
        html = rendered()
    assert "importmap" not in html
    assert '<script type="module" src="/static/js/main.js"' in html


def test_every_module_is_mapped_and_preloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importmap, "staticfiles_storage", _Hashed())
    monkeypatch.setattr(importmap, "static", _Hashed().url)
    html = rendered()
    found = re.search(r'<script type="importmap" nonce="n&quot;once">(.*?)</script>', html, re.DOTALL)
    assert found
    imports = json.loads(found[1])["imports"]
    assert imports["/static/js/live/live.js"] == "/static/js/live/live.0123456789ab.js"
    assert len(imports) == len(MODULES)
    preloaded = re.findall(r'<link rel="modulepreload" href="([^"]+)">', html)
    assert "/static/js/elements/time_ago.0123456789ab.js" in preloaded
    assert html.index("importmap") < html.index("modulepreload") < html.index('type="module"')


def test_a_library_is_named_where_it_is_and_only_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """`make run` needs no npm: without it the map has no such name, and importing it asks nobody."""

    class Fetched(_Hashed):
        hashed_files = {**_Hashed.hashed_files, "uplot/uPlot.esm.js": "x"}

    monkeypatch.setattr(importmap, "static", _Hashed().url)
    monkeypatch.setattr(importmap, "staticfiles_storage", _Hashed())
    assert importmap.libraries() == {}
    monkeypatch.setattr(importmap, "staticfiles_storage", Fetched())
    assert importmap.libraries() == {"uplot": "/static/uplot/uPlot.esm.0123456789ab.js"}
    html = rendered()
    assert '"uplot": "/static/uplot/uPlot.esm.0123456789ab.js"' in html
    assert 'href="/static/uplot' not in html  # only who draws a chart loads it


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_every_import_names_a_module_that_exists_and_the_map_can_reach(module: Path) -> None:
    name = f"js/{module.relative_to(Path(settings.BASE_DIR, 'static/js'))}"
    for groups in IMPORT.findall(module.read_text(encoding="utf-8")):
        target = groups[0] or groups[1]
        assert target.startswith("."), f"{name} imports {target!r}; only relative imports work without a build"
        assert finders.find(posixpath.normpath(posixpath.join(posixpath.dirname(name), target))), f"{name}: {target}"
