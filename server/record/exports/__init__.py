"""Documents made from a ledger entry, in the layouts of domain.md §3: XLSX and DOCX."""
