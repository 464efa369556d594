"""The checks of the raw data: what is expected of it, whether that holds, and the report."""
