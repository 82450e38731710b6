"""Which documents there are, by their codes of UNTDID 1001."""

INVOICE_TYPES = ("380", "384", "386", "389")
"""Commercial, corrected, prepayment and self-billed invoice."""
