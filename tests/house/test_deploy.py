"""Images and manifests: what can be said of them without building them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
IMAGES = ("Containerfile", "Dockerfile.batch")


def steps_of(image: str) -> list[list[str]]:
    lines = (DEPLOY / image).read_text(encoding="utf-8").replace("\\\n", "").splitlines()
    return [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]


def versions() -> dict[str, str]:
    lines = (DEPLOY / "batch-constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_has_no_root_and_every_file_it_copies(image: str) -> None:
    steps = steps_of(image)
    assert steps[0][0] == "FROM"
    users = [step[1] for step in steps if step[0] == "USER"]
    assert users
    assert users[-1] not in ("root", "0")
    assert all("latest" not in step[1] and step[0] != "ADD" for step in steps)
    copied = [source for step in steps if step[0] == "COPY" for source in step[1].split()[:-1]]
    assert set(copied) >= {"src", "pyproject.toml", "hatch_build.py", "README.md", "LICENSE", "LICENSES"}  # to build
    assert "." not in copied  # that would bring along whatever lies about
    assert all((ROOT / source).exists() for source in copied)
    # What .dockerignore leaves out would be missing when the image is built.
    left_in = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert set(copied) <= set(left_in)


def test_the_image_of_the_service_checks_its_health() -> None:
    words = [step[0] for step in steps_of("Containerfile")]
    assert words[-1] == "CMD"
    assert "HEALTHCHECK" in words


@pytest.mark.parametrize("image", IMAGES)
def test_a_linter_of_images_finds_nothing(image: str) -> None:
    linter = shutil.which("hadolint", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if linter is None:
        pytest.skip("hadolint is not installed")
    done = subprocess.run([linter, f"deploy/{image}"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_of_the_cluster_has_exact_versions_and_the_server_that_jobs_are_submitted_to() -> None:
    (install,) = [step[1] for step in steps_of("Dockerfile.batch") if "pip install" in step[1]]
    assert "-c /src/batch-constraints.txt" in install
    assert "ray[default]" in install
    assert re.fullmatch(r"python:\d+\.\d+\.\d+-\S+", steps_of("Dockerfile.batch")[0][1])
    pinned = versions()
    # colorful and aiohttp-cors come with ray[default] alone; the others stand for the extras of hearfelt.
    assert {"ray", "colorful", "aiohttp-cors", "onnxruntime", "av", "pyarrow", "s3fs", "gcsfs"} <= set(pinned)


def test_the_manifest_runs_a_command_that_there_is_on_the_ray_of_its_image() -> None:
    yaml = pytest.importorskip("yaml")
    job = yaml.safe_load((DEPLOY / "kuberay.yaml").read_text(encoding="utf-8"))
    program, command, source, *options = job["spec"]["entrypoint"].split()
    assert (program, command) == ("hearfelt", "batch")
    assert source.startswith("s3://")
    assert options[::2] == ["--out", "--ray"]
    cluster = job["spec"]["rayClusterSpec"]
    assert cluster["rayVersion"] == versions()["ray"]
    specs = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    containers = [one["template"]["spec"]["containers"][0] for one in specs]
    assert len({container["image"] for container in containers}) == 1
    assert all(container["envFrom"] for container in containers)
