"""How money moves between the seller and a customer."""

METHODS = ("bank_transfer", "card", "direct_debit", "cash", "cheque", "withholding_tax", "offset", "other")
"""`withholding_tax`: the buyer paid it to the tax office in the seller's name (rule 14: never a negative tax)."""
