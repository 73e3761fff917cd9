from __future__ import annotations

import pytest

from hearfelt import errors
from hearfelt.errors import AudioError, ExtraMissingError, HearfeltError, require

OURS = [getattr(errors, name) for name in errors.__all__ if name.endswith("Error")]


@pytest.mark.parametrize("kind", OURS)
def test_every_error_is_ours_and_has_an_exit_code_that_is_not_success_or_wrong_usage(kind: type[HearfeltError]) -> None:
    assert issubclass(kind, HearfeltError)
    assert kind("x").exit_code not in (0, 2)
    assert 400 <= kind("x").http_status < 600


def test_a_subclass_of_an_error_keeps_its_exit_code() -> None:
    class SpecialError(AudioError):
        pass

    assert SpecialError("x").exit_code == AudioError.exit_code


def test_input_errors_are_value_errors_and_a_missing_extra_is_an_import_error() -> None:
    assert issubclass(AudioError, ValueError)
    assert issubclass(ExtraMissingError, ImportError)


def test_a_missing_package_names_the_extra() -> None:
    with pytest.raises(ExtraMissingError, match=r"no_such_package is not installed.*hearfelt\[plots\]"):
        require("no_such_package.inside", "plots")


def test_a_broken_package_is_not_called_missing(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path))
    (folder / "broken_package_of_a_test.py").write_text("import no_such_package")
    monkeypatch.syspath_prepend(str(folder))
    with pytest.raises(ModuleNotFoundError, match="no_such_package") as caught:
        require("broken_package_of_a_test", "plots")
    assert not isinstance(caught.value, ExtraMissingError)
