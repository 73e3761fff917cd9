"""A real web server on loopback that misbehaves on demand, and zips to serve; loaded with ``runpy.run_path``."""

import hashlib
import io
import random
import re
import threading
import zipfile
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from hearfelt.corpora.download import SONG, SPEECH, PublishedSource, get_ravdess
from hearfelt.corpora.transfer import Client

ETAG = '"version-1"'


class Loopback:
    """Serves ``files``; each request is answered by the next of ``tricks``, and honestly when there are none left.

    A trick is a dict:
        status, headers: an answer without a file.
        cut_after: bytes of the body after which the connection is closed, though more was promised.
        wrong: number of bytes at the start of the body that are flipped.
        no_ranges: True to send the whole file with 200.
        length: a Content-Length that lies.
        etag: another name for the version.
        shift: bytes by which the part sent is beside the part asked for.
        total: a size in Content-Range that lies.
        endless: True to go on sending zeros behind the file.
        slow_s: seconds to wait after every 16 KiB.
    """

    def __init__(self):
        self.files = {}
        self.tricks = []
        self.always = {}  # a trick for every request that finds no other one
        self.requests = []  # (path, Range, If-Range, user agent)
        self.bytes_served = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def base(self):
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def ranges(self):
        return [asked for _, asked, _, _ in self.requests]

    def forget(self):
        self.requests.clear()
        self.bytes_served = 0

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def loopback(monkeypatch):
    """A server of its own for one test; a proxy in the environment is passed by."""
    monkeypatch.setenv("NO_PROXY", "*")
    with Loopback() as running:
        yield running


def _handler(loopback):
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            path = self.path.partition("?")[0].lstrip("/")
            asked = self.headers.get("Range")
            loopback.requests.append((path, asked, self.headers.get("If-Range"), self.headers.get("User-Agent")))
            trick = loopback.tricks.pop(0) if loopback.tricks else loopback.always
            if "status" in trick or path not in loopback.files:
                self._refuse(trick)
            else:
                with suppress(ConnectionError):  # the client may hang up first
                    self._send(loopback.files[path], asked, trick)

        def do_HEAD(self):  # as the Hugging Face Hub asks for a file's version
            path = self.path.lstrip("/")
            file = loopback.files.get(path)
            self.send_response(404 if file is None else 200)
            self.send_header("X-Repo-Commit", "0" * 40)
            self.send_header("ETag", ETAG)
            self.send_header("Content-Length", "0" if file is None else str(file.stat().st_size))
            self.end_headers()

        def _refuse(self, trick):
            self.send_response(trick.get("status", 404))
            for name, value in trick.get("headers", {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _send(self, file, asked, trick):
            size = file.stat().st_size if isinstance(file, Path) else len(file)
            etag = trick.get("etag", ETAG)
            changed = self.headers.get("If-Range") not in (None, etag) and not trick.get("no_if_range")
            part = asked is not None and not trick.get("no_ranges") and not changed
            start, stop = 0, size
            if part:
                first, last = re.fullmatch(r"bytes=(\d+)-(\d*)", asked).groups()
                start, stop = int(first), min(size, int(last) + 1 if last else size)
                start += trick.get("shift", 0)
                if start >= size:
                    self._refuse({"status": 416, "headers": {"Content-Range": f"bytes */{size}"}})
                    return
            self.send_response(206 if part else 200)
            if part:
                self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{trick.get('total', size)}")
            if etag:
                self.send_header("ETag", etag)
            if not trick.get("endless"):
                self.send_header("Content-Length", str(trick.get("length", stop - start)))
            self.end_headers()
            self._body(file, start, min(stop, start + trick.get("cut_after", stop)), trick)

        def _body(self, file, start, stop, trick):
            with file.open("rb") if isinstance(file, Path) else io.BytesIO(file) as source:
                source.seek(start)
                wrong = trick.get("wrong", 0)
                while start < stop:
                    block = source.read(min(1 << 14, stop - start))
                    start += len(block)
                    if wrong:
                        block = bytes(byte ^ 0xFF for byte in block[:wrong]) + block[wrong:]
                        wrong = max(0, wrong - len(block))
                    self._write(block)
                    if trick.get("slow_s"):
                        threading.Event().wait(trick["slow_s"])
            while trick.get("endless"):
                self._write(bytes(1 << 14))

        def _write(self, block):
            loopback.bytes_served += len(block)  # before: the client may look as soon as it has the last byte
            self.wfile.write(block)

    return Handler


def ravdess_zip(path, *, channel="speech", actors=range(1, 25), clips_each=60, clip_bytes=2_000, seed=0):
    """Write a zip laid out like RAVDESS's, its clips full of noise; give back the clips by name."""
    chance = random.Random(f"{seed} {channel}")
    clips = {
        name: b"RIFF" + clip_bytes.to_bytes(4, "little") + chance.randbytes(clip_bytes)
        for actor in actors
        for name in (SPEECH if channel == "speech" else SONG).clips[actor][:clips_each]
    }
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for actor in actors:
            archive.mkdir(f"Actor_{actor:02d}")
        for name, content in clips.items():
            archive.writestr(name, content)
    return clips


class Zips:
    """Zips laid out like RAVDESS's in a folder, with their archives and every clip as it will lie on the disk."""

    def __init__(self, folder, archives=(SPEECH, SONG), *, clips_each=3, clip_bytes=2_000):
        self.folder, self.archives, self.clips = folder, [], {}
        for archive in archives:
            path = folder / archive.name
            sizes = {"clips_each": clips_each, "clip_bytes": clip_bytes}
            made = ravdess_zip(path, channel=archive.channel, actors=sorted(archive.clips), **sizes)
            self.clips |= {f"{path.stem}/{name}": content for name, content in made.items()}
            md5 = hashlib.md5(path.read_bytes()).hexdigest()
            size = path.stat().st_size
            names = {actor: clips[:clips_each] for actor, clips in archive.clips.items()}
            self.archives.append(replace(archive, size=size, md5=md5, clips=names, unpacked=100_000_000))


class Mirror:
    """A server with zips, and a source that knows it."""

    def __init__(self, loopback, zips):
        self.server, self.clips = loopback, zips.clips
        loopback.files |= {archive.name: zips.folder / archive.name for archive in zips.archives}
        self.speech, self.song = zips.archives[0], zips.archives[-1]
        self.waits = []
        self.source = PublishedSource(loopback.base, tuple(zips.archives), Client(sleep=self.waits.append, tries=4))

    def get(self, folder, **options):
        return get_ravdess(folder, source=self.source, **options)

    def of(self, *starts):
        return {name: content for name, content in self.clips.items() if name.startswith(starts)}


def files_below(folder):
    """Read every file below a folder, by its path; hidden ones, too."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()
    }
