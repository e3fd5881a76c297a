"""The long forms: weak networks for minutes each, many switches of address, hours of lessons. See ``make soak``."""
