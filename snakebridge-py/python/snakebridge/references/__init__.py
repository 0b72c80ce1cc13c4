"""Objects that stay in the worker: their table, their names on the wire, and what is done with them."""
