"""The 43 classes of GTSRB, in the data set's own order, and how mirroring maps one class to another."""

import json
from pathlib import Path

# One list for the camera, the tests and the training.
LABELS = json.loads((Path(__file__).parent.parent / "labels.json").read_text(encoding="utf-8"))

# Class -> class of its mirror image (left and right swapped). A class that is absent must not be mirrored.
MIRROR = {
    **{same: same for same in (11, 12, 13, 15, 17, 18, 22, 26, 30, 35)},
    19: 20, 20: 19, 33: 34, 34: 33, 36: 37, 37: 36, 38: 39, 39: 38,
}
