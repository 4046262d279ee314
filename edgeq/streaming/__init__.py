"""Streaming: an integer model over a window of time becomes one that takes a few frames a step."""

from __future__ import annotations

from edgeq.streaming.build import Streamed, stream
from edgeq.streaming.framing import Framing, InputFrames, OutputRows
from edgeq.streaming.tracks import StreamMode, StreamOptions, StreamSave

__all__ = ["Framing", "InputFrames", "OutputRows", "StreamMode", "StreamOptions", "StreamSave",
           "Streamed", "stream"]
