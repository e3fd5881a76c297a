"""The demonstration organisation that an empty data folder is filled with."""
