"""Pooling: segments that a pencil can check, and padding that nobody hears."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hearfelt.models.pooling import (
    AttentiveHead,
    AttentiveStatistics,
    Discriminant,
    FrameDropout,
    Head,
    HeadSize,
    PlainHead,
    halved,
    statistics,
)

SIZE = HeadSize((6, 4), (5, 3), attentions=2, hidden=7)
LEAST = 1e-5  # what a deviation of 0 becomes is its root


def head_of(kind: type[Head]) -> Head:
    torch.manual_seed(1)
    head = kind(SIZE, 3)
    if isinstance(head, PlainHead):
        head.scaler.fit(np.random.default_rng(0).normal(1, 2, (50, 20)))
    return head.eval()


@pytest.fixture(params=[AttentiveHead, PlainHead])
def head(request: pytest.FixtureRequest) -> Head:
    return head_of(request.param)


def encoder(frames: int, dimensions: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(100 * seed + frames)
    return torch.randn(1, frames, dimensions, generator=generator)


def padded(clips: list[Tensor], filling: float) -> tuple[Tensor, Tensor]:
    """Put clips of different lengths side by side, and tell where they are."""
    longest = max(clip.shape[1] for clip in clips) + 1
    frames, mask = torch.full((len(clips), longest, clips[0].shape[2]), filling), torch.zeros(len(clips), longest)
    for row, clip in enumerate(clips):
        frames[row, : clip.shape[1]] = clip
        mask[row, : clip.shape[1]] = 1.0
    return frames, mask


# Dropout


def test_the_share_of_numbers_is_dropped_and_the_others_make_up_for_it() -> None:
    torch.manual_seed(3)
    frames = torch.full((7, 101, 333), 2.0, requires_grad=True)
    result = FrameDropout(0.2)(frames)
    dropped = result.detach()
    assert set(dropped.unique().tolist()) == {0.0, 2.5}
    assert float((dropped == 0).float().mean()) == pytest.approx(0.2, abs=0.004)
    assert float(dropped.mean()) == pytest.approx(2.0, abs=0.01)
    result.sum().backward()  # type: ignore[no-untyped-call]
    assert frames.grad is not None
    torch.testing.assert_close(frames.grad, dropped / 2)  # what was dropped teaches nothing


def test_numbers_are_dropped_alike_from_the_same_seed_and_never_twice_in_a_row() -> None:
    frames, dropout = torch.ones(2, 50, 40), FrameDropout(0.5)
    runs = []
    for _ in range(2):
        torch.manual_seed(4)
        runs.append((dropout(frames), dropout(frames)))
    torch.testing.assert_close(runs[0], runs[1])
    assert not torch.equal(*runs[0])


@pytest.mark.parametrize(("share", "left"), [(0.0, 1.0), (1.0, 0.0)])
def test_none_or_all_may_be_dropped(share: float, left: float) -> None:
    assert FrameDropout(share)(torch.ones(1, 2, 3)).unique().tolist() == [left]


def test_who_answers_drops_nothing() -> None:
    frames = encoder(9, 4)
    assert FrameDropout(0.5).eval()(frames) is frames


# Segments


def test_a_plain_head_describes_by_mean_and_deviation_of_each_ear() -> None:
    head = PlainHead(HeadSize((2, 1), (1, 1)), 2)
    large = torch.tensor([[[1.0, 5.0], [3.0, 5.0]]])
    small = torch.tensor([[[0.0], [0.0], [0.0], [8.0]]])
    features = head.frame_statistics([large, small])
    expected = [2, 5, math.sqrt(1 + LEAST), math.sqrt(LEAST), 2, math.sqrt(12 + LEAST)]
    torch.testing.assert_close(features, torch.tensor([expected]))


def test_a_mask_leaves_frames_out_of_the_segments() -> None:
    head = PlainHead(HeadSize((1,), (1,)), 2)
    features = head.frame_statistics([torch.tensor([[[1.0], [3.0], [99.0]]])], [torch.tensor([[1.0, 1.0, 0.0]])])
    torch.testing.assert_close(features, torch.tensor([[2.0, math.sqrt(1 + LEAST)]]))


def as_it_comes(dimensions: int, attentions: int) -> AttentiveStatistics:
    """Statistics of the frames themselves: what is learned before the pooling passes them on, but for the norm."""
    pool = AttentiveStatistics(dimensions, dimensions, attentions=attentions)
    pool.project, pool.norm = nn.Identity(), nn.Identity()
    return pool.eval()


def test_where_all_frames_count_alike_every_mean_is_the_plain_one() -> None:
    pool = as_it_comes(1, 2)
    nn.init.zeros_(pool.attention.weight)
    frames = torch.tensor([[[10.0], [14.0]]])  # so large that the activation leaves them as they are
    deviation = math.sqrt(4 + LEAST)
    torch.testing.assert_close(pool(frames), torch.tensor([[12.0, 12.0, 12.0, deviation, deviation]]))


def test_attention_is_a_weighted_mean_with_the_weights_of_a_softmax() -> None:
    pool = as_it_comes(1, 1)
    nn.init.constant_(pool.attention.weight, math.log(3.0) / 4)  # a frame that is 4 larger weighs 3 times as much
    frames = torch.tensor([[[10.0], [14.0]]])
    attended = (10 + 3 * 14) / 4
    deviation = math.sqrt((1 * 3**2 + 3 * 1**2) / 4 + LEAST)
    torch.testing.assert_close(pool(frames), torch.tensor([[attended, 12.0, math.sqrt(4 + LEAST), deviation]]))


def test_every_two_frames_become_one() -> None:
    frames = torch.tensor([[[1.0, 0.0], [3.0, 2.0], [5.0, 5.0], [5.0, 7.0], [100.0, 100.0]]])
    assert halved(frames).tolist() == [[[2.0, 1.0], [5.0, 6.0]]]


def test_statistics_are_all_means_and_then_all_deviations() -> None:
    frames = torch.tensor([[[0.0, 7.0], [0.0, 7.0], [0.0, 7.0], [8.0, 7.0]], [[1.0, 2.0]] * 4])
    expected = [[2, 7, math.sqrt(12 + LEAST), math.sqrt(LEAST)], [1, 2, math.sqrt(LEAST), math.sqrt(LEAST)]]
    torch.testing.assert_close(statistics(frames), torch.tensor(expected))


def test_a_discriminant_is_linear() -> None:
    made = Discriminant(2, 3)
    with torch.no_grad():
        made.slopes.copy_(torch.tensor([[1.0, 0.0, -1.0], [0.0, 2.0, 1.0]]))
        made.offsets.copy_(torch.tensor([0.0, 10.0, 0.5]))
    assert made(torch.tensor([[3.0, 4.0], [0.0, 0.0]])).tolist() == [[3.0, 18.0, 1.5], [0.0, 10.0, 0.5]]


# Padding


@pytest.mark.parametrize("filling", [0.0, 1_000.0])
def test_a_clip_is_answered_the_same_alone_and_padded_beside_others(head: Head, filling: float) -> None:
    large, small = [encoder(length, 6) for length in (1, 2, 9, 4)], [encoder(length, 4, 1) for length in (3, 1, 6, 8)]
    alone = torch.cat([head([one, other]) for one, other in zip(large, small, strict=True)])
    (frames, mask), (further, further_mask) = padded(large, filling), padded(small, filling)
    together = head([frames, further], [mask, further_mask])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)
    assert alone.detach().std(dim=0).min() > 1e-3  # not the same answer for every clip


def test_no_mask_is_the_same_as_a_mask_of_ones(head: Head) -> None:
    encoder_frames = [torch.cat([encoder(5, 6), encoder(5, 6, 2)]), torch.cat([encoder(7, 4), encoder(7, 4, 2)])]
    masks = [torch.ones(2, 5), torch.ones(2, 7)]
    torch.testing.assert_close(head(encoder_frames), head(encoder_frames, masks), atol=1e-6, rtol=0)


def test_the_order_of_frames_is_no_matter(head: Head) -> None:
    encoder_frames = [encoder(9, 6), encoder(8, 4)]
    torch.testing.assert_close(head([one.flip(1) for one in encoder_frames]), head(encoder_frames), atol=1e-5, rtol=0)


# What could break


def test_one_frame_is_finite_and_can_be_learned_from(head: Head) -> None:
    logits = head.train()([encoder(1, 6), encoder(1, 4)])
    logits.logsumexp(dim=1).sum().backward()
    assert logits.isfinite().all()
    slopes = [weight.grad for weight in head.parameters() if weight.grad is not None]
    assert slopes
    assert all(bool(slope.isfinite().all()) for slope in slopes)


def test_an_answer_is_what_is_judged_of_what_is_pooled(head: Head) -> None:
    encoder_frames = [encoder(5, 6), encoder(4, 4)]
    assert head(encoder_frames).shape == (1, 3)
    torch.testing.assert_close(head.classify(head.pool(encoder_frames)), head(encoder_frames))


def test_an_answer_depends_on_both_ears(head: Head) -> None:
    large, small = encoder(5, 6), encoder(4, 4)
    log_probabilities = [head([large, small]), head([encoder(5, 6, 3), small]), head([large, encoder(4, 4, 3)])]
    centred = [(log_probabilities[0] - other).detach().abs().max() for other in log_probabilities[1:]]
    assert min(centred) > 1e-3


def test_dropout_sleeps_unless_it_is_taught(head: Head) -> None:
    encoder_frames = [encoder(5, 6), encoder(4, 4)]
    assert torch.equal(head(encoder_frames), head(encoder_frames))
    head.train()
    assert not torch.equal(head(encoder_frames), head(encoder_frames))


def test_a_plain_heads_scaler_is_one_of_its_buffers_and_is_kept_with_it() -> None:
    head, fresh = head_of(PlainHead), PlainHead(SIZE, 3)
    fresh.load_state_dict(head.state_dict())
    encoder_frames = [encoder(5, 6), encoder(4, 4)]
    torch.testing.assert_close(fresh.eval()(encoder_frames), head(encoder_frames))
