"""The network that ships, with random ears and heads: what it promises whatever it has learned."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import soundfile
import torch
from torch import Tensor

from hearfelt.audio.reader import audio_files, read_audio
from hearfelt.emotions import EMOTIONS
from hearfelt.evaluation.calibration import log_softmax
from hearfelt.inference.card import CARD_KEY, ModelCard
from hearfelt.inference.recognizer import Recognizer
from hearfelt.models.encoders.moonshine import MoonshineEncoder
from hearfelt.models.encoders.pitch_statistics import PITCH_DIMENSIONS
from hearfelt.models.encoders.whisper import WhisperEncoder
from hearfelt.models.hearfelt import LIMITS, WINDOW_S, HearfeltNetwork, Whitening
from hearfelt.models.pooling import AttentiveHead, Discriminant, Head, HeadSize, PlainHead, halved
from hearfelt.training.export import PARITY, export_sound

EXAMPLES = audio_files(Path(__file__).parents[2] / "src" / "hearfelt" / "examples")
KEPT = (24, 16)
LOUD = 7
LONGEST = round(16_000 * WINDOW_S)


def whisper() -> WhisperEncoder:
    made = WhisperEncoder()
    with torch.no_grad():
        made.embed_positions.weight *= 0.1  # or they drown the sound
        made.layers[3].fc2.bias[LOUD] = 60.0  # the real one has a few numbers that are much louder than all others
    return WhisperEncoder.of(dict(made.state_dict()), positions=700)


def whitenings() -> tuple[Whitening, Whitening]:
    made = Whitening(1536, KEPT[0]), Whitening(864, KEPT[1])
    for one in made:
        one.components.copy_(torch.randn_like(one.components) / 10)
        one.mean.copy_(torch.randn_like(one.mean) / 10)
    made[0].mean[1024 + LOUD] = 60.0
    return made


def heads() -> tuple[list[AttentiveHead], list[PlainHead]]:
    """One of the first kind, two of the second."""
    size = HeadSize(KEPT, (6, 5), attentions=2, hidden=9)
    attentive, plain = [AttentiveHead(size, 8)], [PlainHead(size, 8), PlainHead(size, 8)]
    for head in plain:
        head.scaler.fit(np.random.default_rng(0).normal(0, 0.5, (90, 2 * sum(KEPT))))
    for head in (*attentive, *plain):
        torch.nn.init.normal_(head.output.weight)  # so that clips get different answers
    return attentive, plain


def discriminant() -> Discriminant:
    """One that weighs quiet numbers as much as loud ones, as it does who divides by their deviation."""
    made = Discriminant(2 * (1536 + 864) + PITCH_DIMENSIONS, 8)
    torch.nn.init.normal_(made.slopes, std=0.05)
    with torch.no_grad():
        made.slopes[1024 + LOUD] /= 60.0
    return made


@pytest.fixture(scope="module")
def network() -> HearfeltNetwork:
    torch.manual_seed(0)
    return HearfeltNetwork(whisper(), MoonshineEncoder().eval(), whitenings(), heads(), discriminant()).eval()


def with_other(network: HearfeltNetwork, heads: Sequence[Sequence[Head]]) -> HearfeltNetwork:
    """The same ears and discriminant under other heads."""
    large, small = network.whitenings
    return HearfeltNetwork(network.whisper, network.moonshine, (large, small), heads, network.discriminant).eval()


@pytest.fixture(scope="module")
def files(network: HearfeltNetwork, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """The network, exported in 8 bits and in float32."""
    folder = tmp_path_factory.mktemp("exported")
    made = {"whole": folder / "model.onnx", "float": folder / "float.onnx"}
    card = ModelCard("mine", "1.0", EMOTIONS, "sound", temperature=1.5, window_s=WINDOW_S)
    audio = read_audio(EXAMPLES[1])
    soundfile.write(folder / "long.wav", np.tile(audio.samples, 14), audio.rate_hz)  # longer than it can hear at once
    export_sound(network, card, [EXAMPLES[0], folder / "long.wav"], made["whole"], made["float"])
    return made


def sound(n: int, seed: int = 0) -> Tensor:
    """Noise that is filtered and swells, which is enough of a voice here: ``(1, n)``."""
    noise = np.random.default_rng(seed).normal(0, 0.05, n + 20)
    swelling = 0.6 + 0.4 * np.sin(np.arange(n) / 700)
    return torch.from_numpy((noise[:n] + noise[20:]) * swelling).float()[None]


def all_masks(network: HearfeltNetwork, samples: Tensor) -> tuple[Tensor, Tensor]:
    with torch.inference_mode():
        return network(samples)


def session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


# The answer


def test_it_gives_logits_and_an_embedding(network: HearfeltNetwork) -> None:
    logits, embedding = all_masks(network, sound(8_000))
    assert logits.shape == (1, 8)
    assert embedding.shape == (1, sum(KEPT))


@pytest.mark.parametrize(
    "samples",
    [
        1e-4 * sound(8_000),
        sound(8_000).sign(),
        100 * sound(8_000).sign(),
        torch.zeros(1, 8_000),
        sound(1_600),
        torch.full((1, 1_600), 0.7),
    ],
    ids=["near silence", "full scale", "40 dB over full scale", "silence", "a tenth of a second", "offset"],
)
def test_answers_are_finite(network: HearfeltNetwork, samples: Tensor) -> None:
    for output in all_masks(network, samples):
        assert output.isfinite().all()


def test_level_and_offset_change_nothing(network: HearfeltNetwork) -> None:
    samples = sound(8_000)
    before = all_masks(network, samples)
    for changed in (samples * 10, samples / 10, samples + 0.2):
        for one, other in zip(all_masks(network, changed), before, strict=True):
            torch.testing.assert_close(one, other, atol=1e-3, rtol=0)


def test_other_clips_get_other_answers(network: HearfeltNetwork) -> None:
    tone = torch.sin(torch.arange(8_000) / 8)[None]
    log_probabilities = [
        all_masks(network, samples)[0].softmax(dim=1) for samples in (sound(8_000), tone, sound(8_000, seed=1))
    ]
    assert (log_probabilities[0] - log_probabilities[1]).abs().max() > 1e-2
    assert (log_probabilities[0] - log_probabilities[2]).abs().max() > 1e-4


def test_answers_are_averaged_within_a_kind_and_then_over_kinds(network: HearfeltNetwork) -> None:
    """The discriminant is a kind of its own; all as log-probabilities."""
    samples = sound(8_000)
    one, two, three = network.heads
    base = all_masks(with_other(network, []), samples)[0]
    torch.testing.assert_close(base.exp().sum(), torch.tensor(1.0))
    each = [2 * all_masks(with_other(network, [[head]]), samples)[0] - base for head in (one, two, three)]
    assert min((a - b).abs().max() for a, b in combinations([base, *each], 2)) > 1e-3
    expected = (base + each[0] + (each[1] + each[2]) / 2) / 3
    torch.testing.assert_close(all_masks(network, samples)[0], expected, atol=1e-4, rtol=0)


def test_the_embedding_is_the_mean_of_the_whitened_frames_of_both_ears(network: HearfeltNetwork) -> None:
    samples = sound(8_000)
    with torch.inference_mode():
        mel, wave = network.front(samples)
        states = network.whisper(mel), network.moonshine(wave)
        frames = [whiten(halved(some))[0] for whiten, some in zip(network.whitenings, states, strict=True)]
    torch.testing.assert_close(all_masks(network, samples)[1][0], torch.cat([some.mean(dim=0) for some in frames]))


# The file


@pytest.mark.parametrize("n", [1_600, 1_777, 5_000, 40_123, LONGEST])
def test_the_float_file_answers_as_the_network_does(
    network: HearfeltNetwork, files: Mapping[str, Path], n: int
) -> None:
    samples = sound(n)
    log_probabilities = session(files["float"]).run(["logits", "embedding"], {"samples": samples.numpy()})
    for mine, theirs in zip(all_masks(network, samples), log_probabilities, strict=True):
        np.testing.assert_allclose(theirs, mine.numpy(), atol=PARITY)


def test_the_float_file_trims_silence_as_the_network_does(network: HearfeltNetwork, files: Mapping[str, Path]) -> None:
    """The graph must find the ends anew: those of the example that it was made with are others."""
    samples = torch.cat([torch.zeros(1, 40_000), sound(9_000), torch.zeros(1, 5_000)], dim=1)
    (logits,) = session(files["float"]).run(["logits"], {"samples": samples.numpy()})
    np.testing.assert_allclose(logits, all_masks(network, samples)[0].numpy(), atol=PARITY)


@pytest.mark.parametrize("n", [1_600, 40_123])
def test_the_file_in_8_bits_is_near(network: HearfeltNetwork, files: Mapping[str, Path], n: int) -> None:
    samples = sound(n)
    logits, embedding = session(files["whole"]).run(["logits", "embedding"], {"samples": samples.numpy()})
    wanted, features = (output.numpy() for output in all_masks(network, samples))
    assert np.abs(np.exp(log_softmax(logits)) - np.exp(log_softmax(wanted))).max() < 0.02  # as doctor allows a copy
    assert np.abs(embedding - features).max() < 0.1 * features.std()
    assert files["whole"].stat().st_size < 0.3 * files["float"].stat().st_size


def test_both_files_know_what_they_answer_to_an_example(files: Mapping[str, Path]) -> None:
    for path in files.values():
        recognizer = Recognizer.load(path, threads=1)
        known = recognizer.card.known_answer
        output = recognizer.recognize(EXAMPLES[0].with_name(known["example"]))
        assert dict(output.probabilities) == pytest.approx(known["probabilities"], abs=1e-6)
        assert recognizer.embed(EXAMPLES[0]).shape == (sum(KEPT),)


def test_the_file_asks_for_standard_operators_alone_and_says_nothing_but_its_card(files: Mapping[str, Path]) -> None:
    model = onnx.load(files["whole"])
    assert {node.domain for node in model.graph.node} <= {"", "ai.onnx"}
    assert [(one.domain, one.version) for one in model.opset_import] == [("", 17)]
    (card,) = [entry.value for entry in model.metadata_props if entry.key == CARD_KEY]
    assert json.loads(card)["name"] == "mine"
    content = files["whole"].read_bytes()
    for index in (Path(__file__).parents[2], Path.home(), Path(torch.__file__).parent):
        assert str(index).encode() not in content


def test_what_is_longer_than_the_window_is_answered_in_blocks(files: Mapping[str, Path]) -> None:
    recognizer = Recognizer.load(files["whole"], threads=1)
    audio = read_audio(EXAMPLES[0])
    repeated = np.tile(audio.samples, int(13 * audio.rate_hz / len(audio.samples)) + 1)
    assert recognizer.recognize(repeated, audio.rate_hz).duration_s > WINDOW_S
    assert recognizer.card.window_s == WINDOW_S


# Whitening


def test_components_of_a_line_are_its_direction() -> None:
    """Points on a line have one component; in units of its deviation, evened out in part, as the docstring says."""
    whitening = Whitening(2, 1)
    steps = np.array([-3.0, -1.0, 1.0, 3.0])
    whitening.fit(np.stack([10 + steps, 20 - 2 * steps], axis=1))
    log_probabilities = whitening(torch.tensor([[10.0, 20.0], [13.0, 14.0]]))[:, 0]
    variance = 2.0  # two numbers, of variance 1 each, that say the same
    expected = 3 / np.sqrt(5) * np.sqrt(2) / (variance * 1.05) ** 0.375
    assert float(log_probabilities[0]) == pytest.approx(0.0, abs=1e-5)
    assert abs(float(log_probabilities[1])) == pytest.approx(expected, rel=2e-3)


def test_whitened_numbers_repeat_nothing_and_stand_in_order() -> None:
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(500, 4)) @ generator.normal(size=(4, 12)) + 0.1 * generator.normal(size=(500, 12))
    whitening = Whitening(12, 6)
    whitening.fit(rows * np.geomspace(0.1, 100, 12) + 7)
    log_probabilities = whitening(torch.from_numpy(rows * np.geomspace(0.1, 100, 12) + 7).float()).numpy()
    covariance = np.cov(log_probabilities.T, bias=True)
    deviations = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(covariance / np.outer(deviations, deviations), np.eye(6), atol=2e-3)
    np.testing.assert_allclose(log_probabilities.mean(axis=0), 0, atol=1e-3)
    assert (np.diff(deviations) < 0).all()
    scaled = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    plain = np.sqrt(np.linalg.eigvalsh(scaled.T @ scaled / len(rows))[::-1][:6])
    assert 1 < deviations[0] / deviations[3] < np.sqrt(plain[0] / plain[3])  # evened out in part


def test_a_number_that_never_changes_does_no_harm() -> None:
    rows = np.random.default_rng(0).normal(size=(50, 3))
    rows[:, 1] = 5.0
    whitening = Whitening(3, 2)
    whitening.fit(rows)
    assert whitening(torch.from_numpy(rows).float()).isfinite().all()


# The card


def test_its_limits_are_sentences() -> None:
    assert all(limit.endswith(".") and limit[0].isupper() for limit in LIMITS)
