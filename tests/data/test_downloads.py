from __future__ import annotations

import gc
import gzip
import hashlib
import io
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from cascade.data import downloads
from cascade.data.downloads import DataFile, datasets, fetch, fetch_file, find, resolve
from cascade.errors import ConfigError, DataError

CONTENT = b"1\tmade\n2\tup\n" * 5000


def archive(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in members.items():
            opened.writestr(f"set/{name}.txt", content)
    return stream.getvalue()


SERVED = {
    "/plain": CONTENT,
    "/other": CONTENT + b"3\tmore\n",
    "/zip": archive(train=CONTENT, test=b"test"),
    "/damaged.zip": archive(train=CONTENT)[:-40],
    "/cut": CONTENT,
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        content = SERVED.get(self.path)
        self.send_response(200 if content else 404)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        if content:
            self.wfile.write(content[: len(content) // 2] if self.path == "/cut" else content)

    def log_message(self, *_: object) -> None:
        pass


# pooch leaves the connection of a download that breaks off to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    yield
    gc.collect()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = Thread(target=partial(running.serve_forever, poll_interval=0.01))
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("CASCADE_DATA", raising=False)
    monkeypatch.setattr(downloads, "cache_folder", lambda: tmp_path / "cache")
    return tmp_path / "cache"


def made_up(url: str, member: str | None = None) -> DataFile:
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    return DataFile(name="set/train", path="set/train.txt", url=url, sha256=sha256, member=member)


def leftovers(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir() or path.name[0] == "."]


@pytest.mark.parametrize(("path", "member"), [("/plain", None), ("/zip", "set/train.txt")])
def test_file_arrives_whole(
    server: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], path: str, member: str | None
) -> None:
    target = fetch_file(made_up(server + path, member), tmp_path)
    assert target == tmp_path / "set" / "train.txt"
    assert target.read_bytes() == CONTENT
    assert leftovers(tmp_path) == ["set/train.txt"]
    assert capfd.readouterr().out == "", "progress is no result"


@pytest.mark.parametrize(
    ("path", "member", "message"),
    [
        ("/other", None, "came damaged or changed .*expected SHA-256"),
        ("/cut", None, "cannot be fetched"),
        ("/absent", None, "cannot be fetched .*404"),
        ("/zip", "set/dev.txt", "is not in the archive .*set/dev.txt"),
        ("/zip", "set/test.txt", "came damaged or changed"),
        ("/damaged.zip", "set/train.txt", "is not in the archive"),
    ],
)
def test_failed_download_leaves_nothing(
    server: str, tmp_path: Path, path: str, member: str | None, message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        fetch_file(made_up(server + path, member), tmp_path)
    assert leftovers(tmp_path) == []
    assert server + path in str(caught.value)
    assert "CASCADE_DATA" in str(caught.value) and "set/train.txt" in str(caught.value)


def test_failed_download_keeps_what_lay_there(server: str, tmp_path: Path) -> None:
    target = fetch_file(made_up(f"{server}/plain"), tmp_path)
    with pytest.raises(DataError):
        fetch_file(made_up(f"{server}/cut"), tmp_path)
    assert target.read_bytes() == CONTENT
    assert leftovers(tmp_path) == ["set/train.txt"]


def test_aborted_download_leaves_nothing(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(bar: object, amount: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(downloads._Bar, "update", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fetch_file(made_up(f"{server}/plain"), tmp_path)
    assert leftovers(tmp_path) == []


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "set").write_text("a file in its place")
    with pytest.raises(DataError, match=r"set/train cannot be written to .*set/train\.txt .*by hand"):
        fetch_file(made_up("http://127.0.0.1:9/x"), tmp_path)


def test_no_network(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be fetched from http://127.0.0.1:9/x .*by hand and put it at"):
        fetch_file(made_up("http://127.0.0.1:9/x"), tmp_path)


def test_fetch_gets_what_is_not_there(server: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train = made_up(f"{server}/plain")
    other = replace(made_up(f"{server}/zip", "set/train.txt"), name="set/dev", path="set/dev.txt")
    monkeypatch.setattr(downloads, "DATASETS", (replace(datasets()[0], name="set", files=(train, other)),))
    assert fetch("set/train") == [cache / "set" / "train.txt"]
    (cache / "set" / "train.txt").write_text("not fetched again")
    assert fetch("set") == [cache / "set" / "train.txt", cache / "set" / "dev.txt"]
    assert (cache / "set" / "train.txt").read_text() == "not fetched again"
    assert (cache / "set" / "dev.txt").read_bytes() == CONTENT


def test_named_folder_comes_before_the_cache(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="ewt/dev is not on this machine.*en_ewt-ud-dev.conllu.*CASCADE_DATA"):
        find("ewt/dev")
    cached = cache / "ud_english_ewt" / "en_ewt-ud-dev.conllu"
    cached.parent.mkdir(parents=True)
    cached.touch()
    assert find("ewt/dev") == cached
    monkeypatch.setenv("CASCADE_DATA", str(tmp_path / "own"))
    assert find("ewt/dev") == cached
    own = tmp_path / "own" / "ud_english_ewt" / "en_ewt-ud-dev.conllu.gz"
    own.parent.mkdir(parents=True)
    own.touch()
    assert resolve("ewt/dev") == find("ewt/dev") == own
    assert fetch("ewt/dev") == [own]


def test_resolve_leaves_paths_alone(tmp_path: Path) -> None:
    assert resolve(tmp_path / "x.conllu") == tmp_path / "x.conllu"
    assert resolve("folder/x.conllu") == Path("folder/x.conllu")


def test_a_path_from_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, here = tmp_path / "data", tmp_path / "here"
    for file in (data / "set" / "a.json", data / "set" / "b.json.gz", here / "set" / "a.json"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    monkeypatch.setenv("CASCADE_DATA", str(data))
    monkeypatch.chdir(tmp_path)
    assert resolve("set/a.json") == data / "set" / "a.json"
    assert resolve("set/b.json") == data / "set" / "b.json.gz"
    assert resolve("set/c.json") == Path("set/c.json")
    assert resolve("set") == Path("set"), "a folder is nothing that can be read"
    monkeypatch.chdir(here)
    assert resolve("set/a.json") == Path("set/a.json"), "what is here comes first"
    assert resolve(here / "nowhere.json") == here / "nowhere.json"


def test_unknown_names() -> None:
    for name in ("ewt/all", "glue"):
        with pytest.raises(ConfigError, match=f"no data '{name}'; expected one of btc/a, .*sick/trial"):
            fetch(name)


@pytest.mark.bench
@pytest.mark.parametrize("file", [file for dataset in datasets() for file in dataset.files], ids=lambda file: file.name)
def test_checksums_of_the_real_files(data_folder: Path, tmp_path: Path, file: DataFile) -> None:
    path = find(file.name)
    assert path.is_relative_to(data_folder)
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    assert hashlib.sha256(content).hexdigest() == file.sha256
