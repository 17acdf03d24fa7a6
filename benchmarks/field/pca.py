"""The baseline's refit: Spark ML's StandardScaler and PCA over the same table, projections overwritten as Parquet."""

import argparse
import json
import time

import numpy as np
from pyspark.ml.feature import PCA, StandardScaler
from pyspark.ml.functions import array_to_vector
from pyspark.sql import SparkSession
from pyspark.sql.functions import col


def main() -> None:
    """Fit, project, write; then leave the model where the comparison finds it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--table", required=True)
    parser.add_argument("--warehouse", required=True)
    parser.add_argument("--k", type=int, required=True)
    parser.add_argument("--partitions", type=int, required=True)
    parser.add_argument("--cache", action="store_true")
    parser.add_argument("--output", required=True)
    parser.add_argument("--model", required=True)
    options = parser.parse_args()
    spark = (
        SparkSession.builder.appName("field-pca")
        .config("spark.sql.catalog.lake", "org.apache.iceberg.spark.SparkCatalog")
        .config("spark.sql.catalog.lake.catalog-impl", "org.apache.iceberg.aws.glue.GlueCatalog")
        .config("spark.sql.catalog.lake.io-impl", "org.apache.iceberg.aws.s3.S3FileIO")
        .config("spark.sql.catalog.lake.warehouse", options.warehouse)
        .getOrCreate()
    )
    began = time.perf_counter()
    rows = spark.table(options.table).where(col("features").isNotNull())
    vectors = rows.select("key", "label", array_to_vector(col("features")).alias("features")).coalesce(
        options.partitions
    )
    if options.cache:
        vectors = vectors.cache()
    scaler = StandardScaler(inputCol="features", outputCol="scaled", withMean=True, withStd=True).fit(vectors)
    scaled = scaler.transform(vectors)
    pca = PCA(k=options.k, inputCol="scaled", outputCol="pca").fit(scaled)
    pca.transform(scaled).select("key", "label", "pca").write.mode("overwrite").parquet(options.output)
    seconds = time.perf_counter() - began
    np.savez(
        options.model,
        mean=scaler.mean.toArray(),
        std=scaler.std.toArray(),
        components=pca.pc.toArray().T,
        ratio=pca.explainedVariance.toArray(),
    )
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main()
