"""From the log to the record: attendance, ledger entry, minutes, signatures, exports, verification."""
