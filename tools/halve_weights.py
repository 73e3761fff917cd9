"""Store the large weights of a model file in half as many bytes; the graph casts them back to what it computes in.

python tools/halve_weights.py classic.onnx svm.onnx --clips ~/ravdess     # refuses if a probability moves by 0.001

float32 becomes float16, and double becomes float32: the votes of an SVM would flip with less. A tensor that is the
square of another one, as in an SVM, is computed in the graph instead of stored.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from hearfelt.audio.reader import audio_files
from hearfelt.inference.recognizer import Recognizer
from hearfelt.runtime.files import atomic_write

EXAMPLES = Path(__file__).parents[1] / "src" / "hearfelt" / "examples"
LEAST_NUMBERS = 1_000  # smaller tensors stay as they are
TOLERANCE = 1e-3  # of a probability
MOST_CLIPS = 400
HALVES = {"float32": np.float16, "float64": np.float32}


def halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """Give a copy whose large tensors are half as large, each followed by a cast."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    graph = made.graph
    large = {
        one.name: numpy_helper.to_array(one)
        for one in graph.initializer
        if one.data_type in (TensorProto.FLOAT, TensorProto.DOUBLE) and np.prod(one.dims) >= LEAST_NUMBERS
    }
    squares = {
        name: base
        for name, values in large.items()
        for base, other in large.items()
        if base != name and other.T.shape == values.shape and np.allclose(other.T**2, values, rtol=1e-6)
    }
    kinds = {one.name: one.data_type for one in graph.initializer}
    kept = [one for one in graph.initializer if one.name not in large]
    nodes = []
    for name, values in large.items():
        if name in squares:
            continue
        half = values.astype(HALVES[values.dtype.name])
        if not np.isfinite(half).all():
            raise SystemExit(f"{name}: a value is too large for half precision")
        kept.append(numpy_helper.from_array(half, f"{name}.half"))
        nodes.append(helper.make_node("Cast", [f"{name}.half"], [name], to=kinds[name]))
    for name, base in squares.items():
        nodes.append(helper.make_node("Transpose", [base], [f"{name}.transposed"], perm=[1, 0]))
        nodes.append(helper.make_node("Mul", [f"{name}.transposed"] * 2, [name]))
    others = list(graph.node)
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend([*nodes, *others])
    onnx.checker.check_model(made)
    return made


def largest_difference(before: bytes, after: bytes, clips: list[Path]) -> float:
    """Give the largest difference of a probability between two model files."""
    one, other = (Recognizer(file, threads=1) for file in (before, after))
    differences = []
    for clip in clips:
        wanted, given = (recognizer.recognize(clip).probabilities for recognizer in (one, other))
        differences.append(max(abs(wanted[label] - given[label]) for label in wanted))
    return max(differences)


def main() -> None:
    """Halve the files that are given, if their probabilities stay."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--clips", type=Path, help="a folder of recordings, beside the bundled clips")
    options = parser.parse_args()
    clips = list(audio_files(EXAMPLES))
    if options.clips is not None:
        more = audio_files(options.clips.expanduser())
        clips += more[:: max(1, len(more) // MOST_CLIPS)]
    for path in options.models:
        before = path.read_bytes()
        after = halved(onnx.load_model_from_string(before)).SerializeToString()
        difference = largest_difference(before, after, clips)
        print(f"{path}: {len(before):,} to {len(after):,} bytes; over {len(clips)} clips {difference:.1e} apart")
        if difference > TOLERANCE:
            raise SystemExit(f"{path}: more than {TOLERANCE:g}; left as it was")
        with atomic_write(path, "wb") as file:
            file.write(after)


if __name__ == "__main__":
    main()
