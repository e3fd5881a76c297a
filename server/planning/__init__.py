"""Meeting types and their rules as data, scheduling, the expected roll."""
