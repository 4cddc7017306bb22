"""Deploying to LM Studio's folder: only what is proven, a safe place, nothing lost, read back, tried where it runs."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from medeval.errors import EngineError, UsageError
from medeval.fusion import deploy as deploying
from medeval.fusion.deploy import deploy, lmstudio_home, models_folder, smoke_test


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "demo-v3"
    folder.mkdir()
    for name in ("model.safetensors", "config.json"):
        (folder / name).write_bytes(name.encode() * 100)
    (folder / "fuse_report.json").write_text(json.dumps({"ok": True}))
    return folder


def test_the_home_is_found_as_lm_studio_finds_it(tmp_path: Path) -> None:
    assert lmstudio_home(tmp_path) == tmp_path / ".lmstudio"
    (tmp_path / ".cache" / "lm-studio").mkdir(parents=True)
    assert lmstudio_home(tmp_path) == tmp_path / ".cache" / "lm-studio"
    (tmp_path / ".lmstudio-home-pointer").write_text(f"{tmp_path / 'elsewhere'}\n")
    assert lmstudio_home(tmp_path) == tmp_path / "elsewhere"
    assert models_folder(tmp_path / "elsewhere") == tmp_path / "elsewhere" / "models"


@pytest.mark.parametrize(
    ("settings", "folder"),
    [("{}", "models"), ("[]", "models"), ("{", "models"), ('{"downloadsFolder": "relative"}', "models"),
     ('{"downloadsFolder": "ABSOLUTE"}', "disk")],
)  # fmt: skip
def test_a_chosen_models_folder_is_used(tmp_path: Path, settings: str, folder: str) -> None:
    (tmp_path / "settings.json").write_text(settings.replace("ABSOLUTE", str(tmp_path / "disk")))
    assert models_folder(tmp_path) == tmp_path / folder


def test_two_levels_safe_names_read_back(model: Path, tmp_path: Path) -> None:
    done = deploy(model, tmp_path / "lm", "../my org", "V3: warm/precise")
    assert done.path == tmp_path / "lm" / "models" / "my-org" / "V3-warm-precise" and done.files == 3
    assert (done.path / "config.json").read_bytes() == (model / "config.json").read_bytes()
    assert [p.name for p in done.path.parent.iterdir()] == ["V3-warm-precise"]


def test_nothing_is_overwritten_unless_asked_and_then_kept_elsewhere(model: Path, tmp_path: Path) -> None:
    first = deploy(model, tmp_path / "lm")
    with pytest.raises(UsageError, match="exists already"):
        deploy(model, tmp_path / "lm")
    (model / "config.json").write_text("new")
    second = deploy(model, tmp_path / "lm", replace=True)
    assert second.path == first.path and (second.path / "config.json").read_text() == "new"
    assert second.backup is not None and (second.backup / "config.json").read_text() != "new"
    assert tmp_path / "lm" / "models" not in second.backup.parents, "LM Studio would list it as a model"
    assert [p.name for p in first.path.parent.iterdir()] == ["demo-v3"]


@pytest.mark.parametrize("report", [None, "{", '{"ok": false}', "[]", '{"ok": "yes"}'])
def test_only_what_is_proven_is_deployed(model: Path, tmp_path: Path, report: str | None) -> None:
    (model / "fuse_report.json").unlink()
    if report is not None:
        (model / "fuse_report.json").write_text(report)
    with pytest.raises(EngineError, match="not deployed"):
        deploy(model, tmp_path / "lm")
    assert not (tmp_path / "lm").exists()


def test_a_byte_that_differs_is_found(model: Path, tmp_path: Path, monkeypatch) -> None:
    def broken(source: Path, target: Path) -> None:
        target.mkdir()
        for file in source.iterdir():
            (target / file.name).write_bytes(file.read_bytes()[:-1] + b"!")

    monkeypatch.setattr(deploying.shutil, "copytree", broken)
    with pytest.raises(EngineError, match="differs when read back"):
        deploy(model, tmp_path / "lm")
    assert list((tmp_path / "lm" / "models" / "medeval").iterdir()) == []


def test_no_lm_studio_here(model: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(deploying, "lmstudio_home", lambda: tmp_path / "none")
    with pytest.raises(UsageError, match="--lmstudio-home"):
        deploy(model)


@pytest.fixture
def server() -> Iterator[tuple[str, dict]]:
    said = {"/v1/models": {"data": [{"id": "medeval/demo-v3"}]},
            "/v1/chat/completions": {"choices": [{"message": {"content": "血压偏高"}}]}}  # fmt: skip

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(said.get(self.path, {})).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *args: object) -> None:
            pass

    made = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}", said
    made.shutdown()
    made.server_close()
    thread.join()


def test_smoke(server) -> None:
    address, said = server
    assert smoke_test("Demo-V3", address).text == "血压偏高"
    assert smoke_test("other", address).state == "not listed"
    said["/v1/chat/completions"] = {"choices": []}
    assert smoke_test("demo-v3", address).state == "failed"
    assert smoke_test("demo-v3", "http://127.0.0.1:9").state == "not running"
