"""Import ONNX Runtime with its telemetry switched off.

Since 1.29 it sends Microsoft what kinds of models are loaded on what kind of machine, and keeps a queue of that in the
user's folder, unless a variable is set while it is imported. So it is imported here and nowhere else. A value of
``ORT_DISABLE_TELEMETRY`` that the user has set is kept, also 0.
"""

from __future__ import annotations

import os
from typing import Final

__all__ = ["onnxruntime"]

_SWITCH: Final = "ORT_DISABLE_TELEMETRY"

if _SWITCH in os.environ:
    import onnxruntime
else:
    os.environ[_SWITCH] = "1"
    try:
        import onnxruntime
    finally:
        del os.environ[_SWITCH]  # importing hearfelt changes nothing in the process
    onnxruntime.disable_telemetry_events()  # in case it was imported elsewhere before
