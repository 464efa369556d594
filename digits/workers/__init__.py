"""One function for many tasks: by processes of this machine, or on a Ray cluster."""
