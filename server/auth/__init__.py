"""Who somebody is (accounts, sessions, tickets) and what they may do (rights)."""
