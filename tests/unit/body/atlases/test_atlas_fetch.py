"""Downloads are whole and unchanged, or one line tells why not and what to do."""

import hashlib
import threading
import zipfile
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import helpers.atlas as stand_in
import pytest

from einthoven.app.cli import main
from einthoven.base.core.errors import BadInput
from einthoven.body.atlases import fetch
from einthoven.body.atlases.fetch import CATALOGUE, Remote

CONTENT = b"a published file" * 5000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Internet(BaseHTTPRequestHandler):
    """Serves /whole, cuts /cut off half-way, knows nothing else; /file/NAME are `files`."""

    files: dict[str, bytes] = {}

    def do_GET(self):
        content = {"/whole": CONTENT, "/cut": CONTENT}.get(self.path)
        content = content or self.files.get(self.path.rpartition("/")[2])
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if self.path == "/cut" else content)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def address():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Internet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def nobody_listens():
    """An address at which nothing answers: the port was free a moment ago."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Internet)
    port = server.server_port
    server.server_close()
    return f"http://127.0.0.1:{port}/whole"


def test_the_first_address_that_delivers_is_taken(address, tmp_path):
    urls = (nobody_listens(), f"{address}/none", f"{address}/cut", f"{address}/whole")
    fetch.fetch_file(Remote("file", urls, SHA256), tmp_path)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("path", "sha256", "reason"),
    [
        ("/none", "", "404"),
        ("/cut", "", f"IncompleteRead.{len(CONTENT) // 2} bytes read"),
        ("/whole", "0" * 64, f"expected 0000.* but got {SHA256}"),
        (None, "", "Connection refused"),
    ],
)
def test_what_fails_leaves_nothing_and_says_where_to_get_it(
    address, tmp_path, path, sha256, reason
):
    url = nobody_listens() if path is None else address + path
    with pytest.raises(BadInput, match=reason) as caught:
        fetch.fetch_file(Remote("file", (url,), sha256), tmp_path / "atlases")
    assert f"get {url}" in str(caught.value) and "\n" not in str(caught.value)
    assert not list(tmp_path.rglob("*file*"))


def test_a_file_that_is_there_is_not_fetched_again_unless_changed(address, tmp_path, caplog):
    remote = Remote("file", (f"{address}/whole",), SHA256)
    (tmp_path / "file").write_bytes(b"damaged")
    fetch.fetch_file(remote, tmp_path)
    assert (tmp_path / "file").read_bytes() == CONTENT
    fetch.fetch_file(replace(remote, urls=(nobody_listens(),)), tmp_path)


def test_an_unknown_checksum_is_said_to_be_unknown(address, tmp_path, caplog):
    with caplog.at_level("WARNING", logger="einthoven"):
        fetch.fetch_file(Remote("file", (f"{address}/whole",)), tmp_path)
    assert "no checksum is published" in caplog.text and SHA256 in caplog.text


def test_members_of_a_zip_are_found_in_any_folder(tmp_path):
    archive = tmp_path / "model.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("deep/down/wanted.mat", b"1")
    fetch.unpack(archive, tmp_path, ["wanted.mat"])
    assert (tmp_path / "wanted.mat").read_bytes() == b"1"
    with pytest.raises(BadInput, match="holds no other.mat"):
        fetch.unpack(archive, tmp_path, ["other.mat"])
    archive.write_bytes(archive.read_bytes()[:40])
    with pytest.raises(BadInput, match="truncated"):
        fetch.unpack(archive, tmp_path, ["wanted.mat"])


def test_the_command_downloads_and_converts(address, tmp_path, monkeypatch, capsys):
    stand_in.write_ukb(tmp_path / "published")
    remotes = []
    for path in sorted((tmp_path / "published").iterdir()):
        Internet.files[path.name] = path.read_bytes()
        remotes.append(Remote(path.name, (f"{address}/file/{path.name}",), fetch.sha256_of(path)))
    local = replace(CATALOGUE["uk-biobank"], files=tuple(remotes))
    monkeypatch.setitem(fetch.CATALOGUE, "uk-biobank", local)
    monkeypatch.setattr(fetch, "SHIPPED_EDGES_MM", ())
    assert main(["fetch", "uk-biobank", "--to", str(tmp_path / "a"), "--modes", "3"]) == 0
    assert "uk-biobank.npz: written" in capsys.readouterr().out
    taken = ["fetch", "uk-biobank", "--to", str(tmp_path / "b"), "--modes", "3"]
    assert main([*taken, "--from", str(tmp_path / "published")]) == 0
    first, second = ((tmp_path / k / "uk-biobank.npz").read_bytes() for k in "ab")
    assert first == second


def test_the_command_lists_atlases_and_refuses_nonsense(capsys, tmp_path):
    assert main(["fetch"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in CATALOGUE) and "non-commercial" in text
    for words, reason in (
        (["nobody-1999"], "not a known atlas"),
        (["bai-2015", "--from", str(tmp_path / "none")], "no such file or folder"),
        (["bai-2015", "--from", str(tmp_path / "none.zip")], "no such file or folder"),
        (["bai-2015", "--from", str(tmp_path)], "no Both_ED_mean.vtk"),
        (["mpii-human-shape", "--phase", "ES", "--from", str(tmp_path)], "has ED"),
    ):
        assert main(["fetch", *words, "--to", str(tmp_path)]) == 2
        error = capsys.readouterr().err.strip().splitlines()[-1]
        assert reason in error and error.startswith("einthoven: ")
    with pytest.raises(SystemExit, match="2"):
        main(["fetch", "uk-biobank", "--modes", "0"])
    assert "--modes: expected a whole number above zero" in capsys.readouterr().err


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_atlas_has_two_addresses_a_page_and_a_reader(name):
    from importlib import import_module

    atlas = CATALOGUE[name]
    assert atlas.licence and atlas.source and atlas.page.startswith("https://")
    assert callable(import_module(f"einthoven.body.atlases.{atlas.reader}").read)
    for remote in atlas.files:
        assert len(remote.urls) >= 2 and remote.sha256 in ("", remote.sha256.lower())
        assert len(remote.sha256) in (0, 64)
