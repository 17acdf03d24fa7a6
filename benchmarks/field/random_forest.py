"""The field's classifier: Spark ML's random forest of 100 trees on standardised PCA features, with its default depth.

random_forest.py FILE.npz…   (arrays train [n, k], train_codes [n], test [m, k], test_codes [m])

Prints, for each file, how many of the test rows are right.
"""

import json
import sys

import numpy as np
import pyarrow as pa
from pyspark.ml.classification import RandomForestClassifier
from pyspark.ml.functions import array_to_vector
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import col

TREES = 100
SEED = 0


def frame(spark: SparkSession, rows: np.ndarray, codes: np.ndarray) -> DataFrame:
    """Return the rows as vectors, and their classes."""
    lists = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), rows.shape[1]).cast(pa.list_(pa.float64()))
    table = pa.table({"list": lists, "label": pa.array(codes.astype(np.float64))})
    return spark.createDataFrame(table).select(array_to_vector(col("list")).alias("features"), "label")


def main() -> None:
    """Fit and test each file."""
    spark = SparkSession.builder.master("local[*]").config("spark.ui.enabled", "false").getOrCreate()
    right = []
    for name in sys.argv[1:]:
        with np.load(name) as content:
            train = frame(spark, content["train"], content["train_codes"]).cache()
            test = frame(spark, content["test"], content["test_codes"])
        forest = RandomForestClassifier(numTrees=TREES, seed=SEED).fit(train)
        right.append(forest.transform(test).where(col("prediction") == col("label")).count())
        train.unpersist()
    print(json.dumps(right))


if __name__ == "__main__":
    main()
