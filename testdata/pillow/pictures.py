"""Test pictures that Go makes too, byte for byte (frames/pictures_test.go)."""

import numpy as np


def picture(pattern: str, width: int, height: int) -> np.ndarray:
    """The picture of that pattern and size: [height, width, 3] uint8."""
    y, x, c = np.meshgrid(
        np.arange(height, dtype=np.uint32),
        np.arange(width, dtype=np.uint32),
        np.arange(3, dtype=np.uint32),
        indexing="ij",
    )
    if pattern == "noise":  # a hash of each sample's place
        v = ((y * np.uint32(width) + x) * np.uint32(3) + c + np.uint32(1)) * np.uint32(2654435761)
        v ^= v >> np.uint32(15)
        v *= np.uint32(2246822519)
        v ^= v >> np.uint32(13)
        v = v >> np.uint32(24)
    elif pattern == "rings":  # ever finer towards the bottom right, with a gradient in the blue
        v = np.where(c == 2, x + y, ((x * x + y * y) >> np.uint32(4)) + c * np.uint32(85))
    elif pattern == "board":  # black and white squares of 3 pixels: every edge overshoots
        v = ((x // np.uint32(3) + y // np.uint32(3) + c // np.uint32(2)) % np.uint32(2)) * np.uint32(255)
    else:
        raise ValueError(pattern)
    return (v & np.uint32(255)).astype(np.uint8)
