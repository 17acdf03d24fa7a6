"""The baseline: Keras in a scalar-iterator pandas UDF with broadcast weights, then an overwrite of Parquet.

As the published pipelines of the kind do it, and better than most of them in these ways: the network is built without
its classifier, one batch goes to the network in one call, the model is built once a partition, images are read from
the local disk (ours come from S3).
"""

import argparse
import io
import json
import os
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from pyspark.sql import SparkSession
from pyspark.sql.functions import col, element_at, pandas_udf, split  # type: ignore[attr-defined]

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
APPLICATIONS = {"mobilenet_v2": ("MobileNetV2", 224), "vgg16": ("VGG16", 224), "inception_v3": ("InceptionV3", 299)}


def build(name: str, weights: str | list[Any]) -> Any:  # noqa: ANN401 (a Keras model)
    """The network without its classifier, averaged to one vector an image."""
    from tensorflow import keras  # type: ignore[import-untyped]

    application, side = APPLICATIONS[name]
    model = getattr(keras.applications, application)(
        include_top=False, pooling="avg", input_shape=(side, side, 3), weights=None
    )
    if isinstance(weights, str):
        model.load_weights(weights)
    else:
        model.set_weights(weights)
    return model


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--network", required=True)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--images", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--partitions", type=int, required=True)
    options = parser.parse_args()
    started = time.perf_counter()
    spark = SparkSession.builder.appName("field").getOrCreate()
    network, side = options.network, APPLICATIONS[options.network][1]
    weights = spark.sparkContext.broadcast(build(network, options.weights).get_weights())

    def preprocess(content: bytes) -> Any:  # noqa: ANN401 (pixels)
        image = Image.open(io.BytesIO(content)).convert("RGB").resize((side, side), Image.Resampling.BICUBIC)
        return np.asarray(image, np.float32)

    @pandas_udf("array<float>")  # type: ignore[untyped-decorator]
    def featurize(batches: Iterator[pd.Series]) -> Iterator[pd.Series]:
        from tensorflow import keras

        module = getattr(keras.applications, network)
        model = build(network, weights.value)
        for batch in batches:
            pixels = module.preprocess_input(np.stack([preprocess(content) for content in batch]))
            yield pd.Series(list(model.predict_on_batch(pixels)))

    images = spark.read.format("binaryFile").option("recursiveFileLookup", "true").load(options.images)
    images = images.withColumn("label", element_at(split("path", "/"), -2)).repartition(options.partitions)
    features = images.select(col("path"), col("label"), featurize("content").alias("features"))
    features.write.mode("overwrite").parquet(options.output)
    print(json.dumps({"seconds": time.perf_counter() - started}))


if __name__ == "__main__":
    main()
