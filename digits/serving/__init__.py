"""The two local servers: the scoring server and the drawing page."""
