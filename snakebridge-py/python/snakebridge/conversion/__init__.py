"""Values into types that msgspec does not know, and what is wrong with a value that does not fit."""
