"""The network that ships, with random weights: what it promises whatever it was trained on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import soundfile
import torch
from torch import Tensor, nn

from hearfelt.audio.reader import audio_files, read_audio
from hearfelt.emotions import EMOTIONS
from hearfelt.evaluation.calibration import log_softmax
from hearfelt.inference.card import CARD_KEY, ModelCard
from hearfelt.inference.model import REFERENCE_INPUTS
from hearfelt.inference.recognizer import Recognizer
from hearfelt.models.encoders.pitch_statistics import PITCH_DIMENSIONS, pitch_statistics
from hearfelt.models.encoders.whisper import WIDTH, WhisperEncoder
from hearfelt.models.layers import Scaler, relative_to_reference, statistics
from hearfelt.models.sound_network import (
    LARGEST,
    LIMITS,
    WINDOW_S,
    Head,
    Projection,
    SoundNetwork,
    TargetDiscriminant,
    clip_statistics,
)
from hearfelt.training.export import SOUND_OUTPUTS, SOUND_PARITY, export_sound

EXAMPLES = audio_files(Path(__file__).parents[2] / "src" / "hearfelt" / "examples")
KEPT = 24
LOUD = 7
LONGEST = round(16_000 * WINDOW_S)


@pytest.fixture(scope="module")
def encoder() -> WhisperEncoder:
    torch.manual_seed(0)
    made = WhisperEncoder()
    with torch.no_grad():
        made.embed_positions.weight *= 0.1  # or they drown the sound
        made.layers[3].fc2.bias[LOUD] = 60.0  # the real one has a few dimensions that are much larger than all others
    return WhisperEncoder.of(dict(made.state_dict()), positions=700)


def statistics_of(encoder: nn.Module, samples: Tensor) -> Tensor:
    network = SoundNetwork(encoder, Projection(1, 1), Scaler(1), [], None, nn.Identity())
    with torch.inference_mode():
        mel, wave = network.front(samples)
        return clip_statistics(encoder(mel), network.pitch(wave))


@pytest.fixture(scope="module")
def network(encoder: WhisperEncoder) -> SoundNetwork:
    """Two heads on statistics that are scaled so that all components of a few sounds are about as large."""
    rows = torch.cat([statistics_of(encoder, sound(6_000, seed)) for seed in range(KEPT + 8)]).numpy()
    torch.manual_seed(1)
    projection, scaler = Projection(rows.shape[1], KEPT), Scaler(KEPT)
    gains = projection.fit(rows)
    scaler.fit(projection(torch.from_numpy(rows)).numpy())
    heads = [Head(KEPT, 9, 8), Head(KEPT, 9, 8)]
    for head in heads:
        head.gains.copy_(torch.from_numpy(gains))
    discriminant = TargetDiscriminant(rows.shape[1], KEPT, 8)
    discriminant.gains.copy_(torch.from_numpy(gains))
    return SoundNetwork(encoder, projection, scaler, heads, discriminant, nn.Linear(KEPT, 1)).eval()


@pytest.fixture(scope="module")
def files(network: SoundNetwork, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """The network, exported in 8 bits and in float32."""
    folder = tmp_path_factory.mktemp("exported")
    made = {"whole": folder / "model.onnx", "float": folder / "float.onnx"}
    card = ModelCard("mine", "1.0", EMOTIONS, "sound", temperature=1.5, window_s=WINDOW_S)
    audio = read_audio(EXAMPLES[1])
    soundfile.write(folder / "long.wav", np.tile(audio.samples, 14), audio.rate_hz)  # longer than the window
    export_sound(network, card, [EXAMPLES[0], folder / "long.wav"], made["whole"], made["float"])
    return made


def sound(n: int, seed: int = 0) -> Tensor:
    """Filtered noise that swells: ``(1, n)``."""
    generator = np.random.default_rng(seed)
    noise = generator.normal(0, 0.05, n + 20)
    swelling = 0.6 + 0.4 * np.sin(np.arange(n) / generator.integers(300, 900))
    return torch.from_numpy((noise[:n] + generator.uniform(-1, 1) * noise[20:]) * swelling).float()[None]


def outputs_of(network: SoundNetwork, samples: Tensor, *reference: Tensor) -> tuple[Tensor, ...]:
    with torch.inference_mode():
        return network(samples, *reference)


def reference() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(2)
    mean, deviation = torch.randn(KEPT + 8, generator=generator), 0.5 + torch.rand(KEPT + 8, generator=generator)
    return mean, deviation, torch.tensor([0.7])


def session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


# Outputs


def test_it_has_as_many_outputs_as_a_file_has_names_for(network: SoundNetwork) -> None:
    shapes = [tuple(output.shape) for output in outputs_of(network, sound(8_000))]
    assert dict(zip(SOUND_OUTPUTS, shapes, strict=True)) == {
        "logits": (1, 8),
        "embedding": (1, KEPT),
        "statistics": (1, KEPT + 8),
        "speech": (1, 1),
        "distance": (1, 1),
    }


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
def test_outputs_are_finite(network: SoundNetwork, samples: Tensor) -> None:
    for given in ((), reference()):
        for output in outputs_of(network, samples, *given):
            assert output.isfinite().all()


def test_level_and_offset_change_nothing(network: SoundNetwork) -> None:
    samples = sound(8_000)
    before = outputs_of(network, samples)
    for changed in (samples * 10, samples / 10, samples + 0.2):
        for one, other in zip(outputs_of(network, changed), before, strict=True):
            torch.testing.assert_close(one, other, atol=5e-3, rtol=0)


def test_other_clips_have_other_logits(network: SoundNetwork) -> None:
    tone = torch.sin(torch.arange(8_000) / 8)[None]
    logits = [outputs_of(network, samples)[0] for samples in (sound(8_000), tone, sound(8_000, seed=1))]
    assert (logits[0] - logits[1]).abs().max() > 1e-2
    assert (logits[0] - logits[2]).abs().max() > 1e-3


def test_statistics_are_projected_scaled_and_normalized_by_the_reference(network: SoundNetwork) -> None:
    samples = sound(8_000)
    values = statistics_of(network.encoder, samples)
    _, embedding, described, speech, distance = outputs_of(network, samples)
    scaled = described[:, :KEPT]
    torch.testing.assert_close(scaled, network.scaler(network.projection(values)))
    with torch.inference_mode():
        scores = network.discriminant.scores(network.projection.standardized(values))
    torch.testing.assert_close(described[:, KEPT:], scores, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(embedding, scaled)  # without a reference they are the same
    torch.testing.assert_close(distance[0, 0], scaled.square().mean().sqrt())
    torch.testing.assert_close(speech, network.speech(scaled.clamp(-LARGEST, LARGEST)))
    relative = outputs_of(network, samples, *reference())
    torch.testing.assert_close(relative[1], relative_to_reference(described, *reference())[:, :KEPT])
    assert (relative[1] - scaled).abs().max() > 0.1
    for one, other in zip(
        relative[2:], (described, speech, distance), strict=True
    ):  # a reference does not change these
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("given", [(), reference()], ids=["alone", "with a reference"])
def test_logits_are_the_mean_log_probabilities_of_the_heads_and_what_the_discriminant_adds(
    network: SoundNetwork, given: tuple[Tensor, ...]
) -> None:
    logits, embedding, described, *_ = outputs_of(network, sound(8_000), *given)
    with torch.inference_mode():
        each = [head(embedding).log_softmax(dim=1) for head in network.heads]
        scores = relative_to_reference(described, *given)[:, KEPT:]
        expected = network.discriminant((each[0] + each[1]) / 2, scores, described[:, :KEPT])
    assert (each[0] - each[1]).abs().max() > 1e-2
    torch.testing.assert_close(logits, expected)


def test_a_clip_is_described_by_the_statistics_of_all_states_and_of_pitch() -> None:
    states = [torch.randn(1, 9, 4), torch.randn(1, 5, 3)]
    pitch = torch.randn(1, 7, PITCH_DIMENSIONS // 3)
    found = clip_statistics(states, pitch)
    assert found.shape == (1, 2 * 4 + 2 * 3 + PITCH_DIMENSIONS)
    expected = torch.cat([statistics(states[0]), statistics(states[1]), pitch_statistics(pitch)], dim=1)
    torch.testing.assert_close(found, expected)


def test_whispers_four_layers_are_described(network: SoundNetwork) -> None:
    assert statistics_of(network.encoder, sound(8_000)).shape == (1, 4 * 2 * WIDTH + PITCH_DIMENSIONS)


# Projection


def test_the_component_of_a_line_is_its_direction() -> None:
    projection = Projection(2, 1)
    steps = np.array([-3.0, -1.0, 1.0, 3.0])
    gains = projection.fit(np.stack([10 + steps, 20 - 2 * steps], axis=1))
    found = projection(torch.tensor([[10.0, 20.0], [13.0, 14.0]]))[:, 0]
    assert float(found[0]) == pytest.approx(0.0, abs=1e-4)
    assert abs(float(found[1])) == pytest.approx(3 / np.sqrt(5) * np.sqrt(2), rel=2e-3)  # in deviations, of two alike
    assert gains.tolist() == pytest.approx([1.0])


def test_components_are_uncorrelated_in_order_and_gains_are_their_deviations() -> None:
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(500, 4)) @ generator.normal(size=(4, 12)) + 0.1 * generator.normal(size=(500, 12))
    rows = rows * np.geomspace(0.1, 100, 12) + 7
    projection = Projection(12, 6)
    gains = projection.fit(rows)
    found = projection(torch.from_numpy(rows).float()).double().numpy()
    covariance = np.cov(found.T, bias=True)
    deviations = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(covariance / np.outer(deviations, deviations), np.eye(6), atol=0.02)
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-3)
    assert (np.diff(deviations) < 0).all()
    assert np.square(gains).mean() == pytest.approx(1.0, rel=1e-5)
    np.testing.assert_allclose(gains / gains[0], deviations / deviations[0], rtol=1e-2)


def test_fitting_leaves_the_random_numbers_of_others_alone_and_is_reproducible() -> None:
    rows = np.random.default_rng(0).normal(size=(90, 20))
    torch.manual_seed(1)
    expected, found = torch.rand(3), []
    for seed in (1, 7):
        torch.manual_seed(seed)
        projection = Projection(20, 5)
        projection.fit(rows)
        found.append(projection.components.clone())
    torch.manual_seed(1)
    Projection(20, 5).fit(rows)
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(*found)


def test_a_number_that_never_changes_does_no_harm() -> None:
    rows = np.random.default_rng(0).normal(size=(50, 3))
    rows[:, 1] = 5.0
    projection = Projection(3, 2)
    projection.fit(rows)
    assert projection(torch.from_numpy(rows).float()).isfinite().all()


# Heads


def test_a_head_clips_what_no_speech_has_and_weighs_components_by_their_gains() -> None:
    head = Head(3, 5, 2).eval()
    head.gains.copy_(torch.tensor([2.0, 1.0, 0.0]))
    with torch.inference_mode():
        edge = head(torch.tensor([[LARGEST, -LARGEST, 0.0]]))
        torch.testing.assert_close(head(torch.tensor([[1e6, -1e6, 0.0]])), edge)
        torch.testing.assert_close(head(torch.tensor([[LARGEST, -LARGEST, 3.0]])), edge)  # of no gain
        plain = Head(3, 5, 2).eval()
        plain.load_state_dict({**head.state_dict(), "gains": torch.ones(3)})
        torch.testing.assert_close(head(torch.tensor([[1.0, 2.0, 3.0]])), plain(torch.tensor([[2.0, 2.0, 0.0]])))


def test_the_discriminant_has_a_say_where_the_gate_is_open() -> None:
    """The gate listens to the sound as it is, the discriminant to the sound against its reference."""
    made = TargetDiscriminant(4, 2, 3)
    with torch.no_grad():
        made.gate.weight.copy_(torch.tensor([[10.0, 0.0]]))
        made.gate.bias.zero_()
        made.scale.copy_(torch.tensor([1.0, 2.0, 0.5]))
        made.offset.copy_(torch.tensor([0.0, 0.0, -3.0]))
    heads, scores = torch.tensor([[0.0, 1.0, 2.0]]), torch.tensor([[3.0, 1.0, 2.0]])
    own = torch.tensor([[3.0, 2.0, -2.0]]).log_softmax(dim=1)
    for where, share in ((5.0, 1.0), (0.0, 0.5), (-5.0, 0.0)):
        torch.testing.assert_close(made(heads, scores, torch.tensor([[where, 9.0]])), heads + share * own)
        torch.testing.assert_close(made.share(torch.tensor([[where, 9.0]])), torch.tensor([[share]]))
    made.gains.copy_(torch.tensor([0.0, 1.0]))
    torch.testing.assert_close(made(heads, scores, torch.tensor([[-5.0, 9.0]])), heads + 0.5 * own)


def test_sound_like_the_targets_has_a_temperature_of_its_own() -> None:
    made = TargetDiscriminant(4, 1, 3)
    with torch.no_grad():
        made.gate.weight.fill_(10.0)
        made.gate.bias.zero_()
        heads, scores = torch.tensor([[0.0, 1.0, 2.0]]), torch.zeros(1, 3)
        before = [made(heads, scores, torch.tensor([[where]])) for where in (5.0, -5.0)]
        made.temperature.fill_(2.0)
        after = [made(heads, scores, torch.tensor([[where]])) for where in (5.0, -5.0)]
    torch.testing.assert_close(after[0], before[0] / 2.0)
    torch.testing.assert_close(after[1], before[1])


def test_the_discriminants_scores_are_linear_and_clipped() -> None:
    made = TargetDiscriminant(2, 2, 3)
    with torch.no_grad():
        made.discriminant.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 2.0], [-1.0, 1.0]]))
        made.discriminant.bias.copy_(torch.tensor([0.0, 0.0, 5.0]))
    torch.testing.assert_close(made.scores(torch.tensor([[3.0, 1.0]])), torch.tensor([[3.0, 2.0, 3.0]]))
    torch.testing.assert_close(made.scores(torch.full((1, 2), 1e6)), made.scores(torch.full((1, 2), LARGEST)))


def test_dropout_is_for_training_alone() -> None:
    torch.manual_seed(0)
    head, row = Head(40, 30, 3, dropout=0.5), torch.ones(1, 40)
    assert not torch.equal(head(row), head(row))
    head.eval()
    assert torch.equal(head(row), head(row))


# The file


@pytest.mark.parametrize("n", [1_600, 1_777, 40_123, LONGEST])
@pytest.mark.parametrize("given", [(), reference()], ids=["alone", "with a reference"])
def test_the_float_file_gives_what_the_network_gives(
    network: SoundNetwork, files: Mapping[str, Path], n: int, given: tuple[Tensor, ...]
) -> None:
    samples = sound(n)
    inputs = {name: one.numpy() for name, one in zip(REFERENCE_INPUTS, given, strict=False)}
    theirs = session(files["float"]).run(list(SOUND_OUTPUTS), {"samples": samples.numpy(), **inputs})
    for mine, other in zip(outputs_of(network, samples, *given), theirs, strict=True):
        assert (np.abs(mine.numpy() - other) / np.maximum(1.0, np.abs(other))).max() < SOUND_PARITY


def test_the_float_file_trims_silence_as_the_network_does(network: SoundNetwork, files: Mapping[str, Path]) -> None:
    """The graph must find the ends anew: those of the example that it was made with are others."""
    samples = torch.cat([torch.zeros(1, 40_000), sound(9_000), torch.zeros(1, 5_000)], dim=1)
    (logits,) = session(files["float"]).run(["logits"], {"samples": samples.numpy()})
    np.testing.assert_allclose(logits, outputs_of(network, samples)[0].numpy(), atol=SOUND_PARITY)


@pytest.mark.parametrize("n", [1_600, 40_123])
def test_the_file_in_8_bits_is_near(network: SoundNetwork, files: Mapping[str, Path], n: int) -> None:
    samples = sound(n)
    (logits,) = session(files["whole"]).run(["logits"], {"samples": samples.numpy()})
    wanted = outputs_of(network, samples)[0].numpy()
    assert np.abs(np.exp(log_softmax(logits)) - np.exp(log_softmax(wanted))).max() < 0.02  # as doctor allows a copy
    assert files["whole"].stat().st_size < 0.3 * files["float"].stat().st_size


def test_both_files_contain_their_answer_to_an_example(files: Mapping[str, Path]) -> None:
    for path in files.values():
        recognizer = Recognizer.load(path, threads=1)
        known = recognizer.card.known_answer
        found = recognizer.recognize(EXAMPLES[0].with_name(known["example"]))
        assert dict(found.probabilities) == pytest.approx(known["probabilities"], abs=1e-6)
        assert recognizer.embed(EXAMPLES[0]).shape == (KEPT,)


def test_a_reference_of_recordings_changes_the_answer(files: Mapping[str, Path]) -> None:
    recognizer = Recognizer.load(files["float"], threads=1)
    given = recognizer.reference(EXAMPLES[:5])
    assert (given.count, len(given.mean)) == (5, KEPT + 8)
    one, other = recognizer.logits(EXAMPLES[5]), recognizer.logits(EXAMPLES[5], reference=given)
    assert np.abs(one - other).max() > 1e-3


def test_the_file_asks_for_standard_operators_alone_and_contains_nothing_but_its_card(
    files: Mapping[str, Path],
) -> None:
    model = onnx.load(files["whole"])
    assert {node.domain for node in model.graph.node} <= {"", "ai.onnx"}
    assert [(one.domain, one.version) for one in model.opset_import] == [("", 17)]
    (card,) = [entry.value for entry in model.metadata_props if entry.key == CARD_KEY]
    assert json.loads(card)["name"] == "mine"
    content = files["whole"].read_bytes()
    for path in (Path(__file__).parents[2], Path.home(), Path(torch.__file__).parent):
        assert str(path).encode() not in content


def test_what_is_longer_than_the_window_is_answered_in_blocks(files: Mapping[str, Path]) -> None:
    recognizer = Recognizer.load(files["whole"], threads=1)
    audio = read_audio(EXAMPLES[0])
    repeated = np.tile(audio.samples, int(13 * audio.rate_hz / len(audio.samples)) + 1)
    assert recognizer.recognize(repeated, audio.rate_hz).duration_s > WINDOW_S
    assert recognizer.card.window_s == WINDOW_S


# The card


def test_its_limits_are_sentences() -> None:
    assert all(limit.endswith(".") and limit[0].isupper() for limit in LIMITS)
