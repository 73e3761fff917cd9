"""The proxies of docs/how-to/proxy.md, as they are printed there but for addresses, ports and certificate."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import soundfile
from tests.service.http_server import CLIP, serving
from tests.service.live_server import until
from websockets.sync.client import connect

from code_blocks import ROOT, blocks_of
from hearfelt.audio.reader import read_audio

BLOCKS = [block for block in blocks_of(ROOT / "docs" / "how-to" / "proxy.md") if block.kind == "run by another test"]
NGINX, CADDY, CHECK = (block.code for block in BLOCKS)
KEY = "a key that is long enough"
# What a user's nginx has around a server, and folders that anybody may write.
AROUND_NGINX = """
error_log stderr; pid {home}/nginx.pid; events {{}}
http {{
    access_log off;
    client_body_temp_path {home}/body; proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi; uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
    {server}
}}
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with a clip, a key and a certificate for this computer."""
    for program in ("openssl", "curl"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    audio = read_audio(CLIP)
    soundfile.write(tmp_path / "clip.wav", audio.samples, audio.rate_hz)
    (tmp_path / "keys.txt").write_text(KEY)
    certificate = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "1"]
    files = ["-keyout", str(tmp_path / "voice.key"), "-out", str(tmp_path / "voice.pem")]
    subprocess.run(["openssl", "req", "-x509", "-nodes", *certificate, *files], check=True, capture_output=True)
    return tmp_path


@contextmanager
def proxy(name: str, service: str, home: Path) -> Iterator[str]:
    """Run a proxy as the page has it, in front of a service; give its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [shutil.which(name) or pytest.skip(f"{name} is not installed")]
    if name == "nginx":
        server = NGINX.replace("443", f"127.0.0.1:{port}").replace("/etc/ssl", str(home))
        (home / "conf").write_text(AROUND_NGINX.format(home=home, server=server.replace("127.0.0.1:8000", service)))
        command += ["-p", str(home), "-c", "conf", "-e", "stderr", "-g", "daemon off; master_process off;"]
    else:
        site = CADDY.replace("127.0.0.1:8000", service).replace("voice.example.org {", f"https://127.0.0.1:{port} {{")
        certificate = f"    tls {home}/voice.pem {home}/voice.key\n"
        text = "{\n    admin off\n    auto_https off\n}\n" + site.replace(" {\n", " {\n" + certificate, 1)
        (home / "conf").write_text(text)
        command += ["run", "--config", "conf", "--adapter", "caddyfile"]

    def is_open() -> bool:
        with socket.socket() as door:
            return door.connect_ex(("127.0.0.1", port)) == 0

    with (home / "log").open("w") as log, subprocess.Popen(command, cwd=home, stdout=log, stderr=log) as running:
        try:
            until(lambda: running.poll() is not None or is_open())
            assert running.poll() is None, (home / "log").read_text()
            yield f"https://127.0.0.1:{port}"
        finally:
            running.terminate()


@pytest.mark.parametrize("name", ["nginx", "caddy"])
def test_a_service_behind_a_proxy_answers_and_keeps_its_keys(name: str, home: Path) -> None:
    trusted = ssl.create_default_context(cafile=home / "voice.pem")
    with ExitStack() as stack:
        service = stack.enter_context(serving(models=("tiny",), keys=(KEY,)))
        address = stack.enter_context(proxy(name, urlsplit(service.address).netloc, home))

        code = CHECK.replace("https://voice.example.org", address).replace("curl ", "curl -sS --cacert voice.pem ")
        done = subprocess.run(["sh", "-ec", code], cwd=home, capture_output=True, text=True)
        assert '"emotion"' in done.stdout, done.stderr
        assert '"ready"' in done.stdout

        client = stack.enter_context(httpx.Client(base_url=address, verify=trusted, trust_env=False))
        assert client.post("/v1/recognize", files={"file": CLIP.read_bytes()}).status_code == 401
        assert client.get("/metrics").status_code == 403
        if name == "nginx":  # Caddy ends such a connection in one of several ways
            assert client.post("/v1/recognize", content=bytes(53_000_000)).status_code == 413

        audio = read_audio(CLIP)
        headers = {"Authorization": f"Bearer {KEY}"}
        stream = address.replace("https", "wss") + "/v1/stream"
        live = stack.enter_context(connect(stream, ssl=trusted, proxy=None, additional_headers=headers))
        live.send(json.dumps({"rate_hz": audio.rate_hz, "encoding": "float32"}))
        live.send(audio.samples.astype("<f4").tobytes())
        live.send('{"type": "end"}')
        assert "segment" in [json.loads(message)["type"] for message in live]
