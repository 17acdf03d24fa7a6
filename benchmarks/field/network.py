"""Makes the network that both sides run: the graph of Pomona, and the same weights for Keras.

network.py NAME OUTPUT [--weights FILE]    (with backbones/ on the import path)
"""

import argparse
import json
import sys
from pathlib import Path

from export import SAMPLES, export  # type: ignore[import-not-found]
from networks import Model, WeightsError, build_base, fetch_base, load_base  # type: ignore[import-not-found]
from quiet import without_chatter  # type: ignore[import-not-found]
from registry import Backbone, backbone_named  # type: ignore[import-not-found]

RANDOM_SEED = 1


def base_of(backbone: Backbone, weights: Path | None) -> tuple[Model, str]:
    """The network and where its weights are from: a file, Keras, or nowhere (random; the time is the same)."""
    if weights:
        return load_base(backbone, weights), weights.name
    try:
        return fetch_base(backbone), "Keras"
    except WeightsError as error:
        print(f"{error}; random weights take their place: they take the same time", file=sys.stderr)
    import keras  # type: ignore[import-not-found]

    keras.utils.set_random_seed(RANDOM_SEED)
    return build_base(backbone), "random"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("output", type=Path)
    parser.add_argument("--weights", type=Path)
    options = parser.parse_args()
    backbone = backbone_named(options.name)
    with without_chatter():
        base, source = base_of(backbone, options.weights)
    export(backbone, base, SAMPLES, options.output)
    base.save_weights(options.output / f"{backbone.name}.weights.h5")
    (options.output / "source.txt").write_text(json.dumps(source))


if __name__ == "__main__":
    main()
