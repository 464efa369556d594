"""Labels that networks contradict which never saw them."""
