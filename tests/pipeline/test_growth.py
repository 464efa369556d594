"""The memory of a stage does not grow with the images, but for a few bytes of each."""

import json

import numpy as np
import pytest
from ruamel.yaml import YAML
from support.params import raw_params
from support.project import copy_code
from support.scikit_digits import SECTION, write_raw

from digits.data.raw import Split

pytestmark = pytest.mark.slow

FEW, MANY, SIDE = 100_000, 400_000, 20
# Runs a stage, and prints the highest memory of its process in MB.
MEASURE = """
import os, subprocess, sys
_, status, used = os.wait4(subprocess.Popen([sys.executable, "-m", "stages", sys.argv[1]]).pid, 0)
print("peak", used.ru_maxrss / 1024)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def squares(count):
    """Images with a square of noise, and labels from 0 to 9."""
    rng = np.random.default_rng(0)
    images = np.zeros((count, SIDE, SIDE), np.uint8)
    images[:, 5:15, 5:15] = rng.integers(1, 256, (count, 10, 10), np.uint8)
    return Split(images, (np.arange(count) % 10).astype(np.uint8))


def peaks(folder, count, stages):
    """The highest memory of each stage in MB, on so many training images."""
    project = copy_code(folder)
    bounds = {feature: [0, 255] for feature in SECTION["each"]}
    section = SECTION | {"side": SIDE, "images": {"train": count, "test": 1000}, "min_agreement": 0.0}
    section |= {"each": bounds, "average": {feature: [0, 255] for feature in SECTION["average"]}}
    section["each"] |= {"area": [0, 1], "x": [0, SIDE - 1], "y": [0, SIDE - 1], "width": [0, SIDE], "height": [0, SIDE]}
    section["average"] |= {"area": [0, 1], "x": [0, SIDE - 1], "y": [0, SIDE - 1]}
    with (folder / "params.yaml").open("w") as file:
        YAML().dump(raw_params() | {"validate": section}, file)
    everything = squares(count + 1000)
    write_raw(
        folder / "data" / "raw",
        {
            "train": Split(everything.images[:count], everything.labels[:count]),
            "test": Split(everything.images[count:], everything.labels[count:]),
        },
    )
    found = {}
    for stage in stages:
        done = project.run("python", "-c", MEASURE, stage)
        found[stage] = float(done.stdout.split("peak ")[1])
    return found


@pytest.mark.long
def test_four_times_the_images_take_little_more_memory(tmp_path):
    stages = ("validate", "preprocess")
    few, many = (peaks(tmp_path / str(count), count, stages) for count in (FEW, MANY))
    growth = {stage: round(many[stage] - few[stage]) for stage in stages}
    # The images alone have 120 MB more. Measured in three runs: 12 for validate and 3 for preprocess, each within 1.
    assert all(megabytes < 40 for megabytes in growth.values()), json.dumps(growth)
