"""How a customer is taxed where a line does not say it itself."""

CATEGORY_OF: dict[str, str | None] = {
    "standard": None,
    "exempt": "E",
    "reverse_charge": "AE",
    "intra_community_supply": "K",
    "export": "G",
    "zero_rated": "Z",
    "out_of_scope": "O",
}
"""The tax category (UNCL 5305) that each treatment puts on a line; None leaves the line's default."""

TREATMENTS = tuple(CATEGORY_OF)
