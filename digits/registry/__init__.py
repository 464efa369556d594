"""Registry: models by any of their names, versions, the aliases champion and challenger, and decisions about them."""
