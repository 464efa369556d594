"""Predictions for more images than one call holds: in shards, by several workers, to Parquet."""
