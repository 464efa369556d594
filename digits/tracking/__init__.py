"""Tracking: runs in MLflow, found by the content of the model they made."""
