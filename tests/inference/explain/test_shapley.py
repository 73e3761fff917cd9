from __future__ import annotations

import numpy as np
import pytest

from hearfelt.features.classic import GROUPS
from hearfelt.inference.explain.shapley import GROUPS_IN_WORDS, shapley_values

GENERATOR = np.random.default_rng(0)
FEATURES = GENERATOR.normal(size=162).astype(np.float32)
BACKGROUND = GENERATOR.normal(size=(20, 162)).astype(np.float32)


def test_a_sum_of_features_is_shared_out_exactly_as_each_group_adds_to_it() -> None:
    shares, whole, base = shapley_values(lambda x: x.sum(axis=1, dtype=np.float64), FEATURES, BACKGROUND)
    for name, columns in GROUPS.items():
        wanted = FEATURES[columns].sum(dtype=np.float64) - BACKGROUND[:, columns].sum(axis=1, dtype=np.float64).mean()
        assert shares[name] == pytest.approx(wanted, abs=1e-6)
    assert whole - base == pytest.approx(sum(shares.values()), abs=1e-9)


def test_shares_add_up_for_any_function() -> None:
    weights = GENERATOR.normal(size=(162, 4))

    def tangled(x: np.ndarray) -> np.ndarray:
        return np.asarray(np.prod(np.tanh(x @ weights), axis=1) + np.abs(x[:, 0] * x[:, 161]))

    shares, whole, base = shapley_values(tangled, FEATURES, BACKGROUND)
    assert whole - base == pytest.approx(sum(shares.values()), abs=1e-9)


def test_a_group_that_is_never_looked_at_gets_nothing_and_equal_partners_share_equally() -> None:
    zero, one = np.zeros((1, 162), np.float32), np.ones(162, np.float32)
    both = GROUPS["rms"].start, GROUPS["zero_crossing_rate"].start
    shares, _, _ = shapley_values(lambda x: (x[:, both[0]] * x[:, both[1]]).astype(np.float64), one, zero)
    assert shares == pytest.approx({**dict.fromkeys(GROUPS, 0.0), "rms": 0.5, "zero_crossing_rate": 0.5})


def test_every_feature_group_has_words() -> None:
    assert set(GROUPS_IN_WORDS) == set(GROUPS)
