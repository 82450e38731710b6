"""Fields for what the lists of the world name: countries, currencies, time zones, languages, units, tax categories."""

from importlib.resources import files
from typing import Any
from zoneinfo import available_timezones

from billing_api.domain.money import CURRENCY_CODES
from billing_api.domain.tax import CATEGORIES
from billing_api.web.fields import Choice, Text

COUNTRIES = tuple(
    sorted(
        line.split("\t")[0]
        for line in files("tzdata").joinpath("zoneinfo/iso3166.tab").read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    )
)
"""ISO 3166-1 alpha-2, as the time zone database lists it."""
TIME_ZONES = frozenset(available_timezones() - {"localtime", "Factory"})


def country_field(**kwargs: Any) -> Choice:
    """An ISO 3166-1 alpha-2 code in capitals."""
    hint = "An ISO 3166-1 alpha-2 code in capitals, such as DE."
    shape = {"description": hint, "example": "DE", "x_component": "Country"}
    return Choice(*COUNTRIES, hint=hint, shape=shape, **kwargs)


def currency_field(**kwargs: Any) -> Choice:
    """An ISO 4217 code in capitals, of a currency with minor units defined."""
    hint = "An ISO 4217 code in capitals, such as EUR."
    shape = {"description": hint, "example": "EUR", "x_component": "Currency"}
    return Choice(*CURRENCY_CODES, hint=hint, shape=shape, **kwargs)


def time_zone_field(**kwargs: Any) -> Choice:
    """A name of the IANA time zone database."""
    pattern = "^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$"
    hint = "An IANA time zone, such as Europe/Berlin."
    shape = {"description": hint, "format": "time-zone", "pattern": pattern, "example": "Europe/Berlin"}
    return Choice(*TIME_ZONES, hint=hint, show=False, shape=shape, **kwargs)


def locale_field(**kwargs: Any) -> Text:
    """A language tag of BCP 47 in its common form."""
    hint = "A language tag of BCP 47, such as de or de-DE."
    shape = {"description": hint, "example": "de-DE"}
    return Text(35, pattern="[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", hint=hint, shape=shape, **kwargs)


_UNIT = "A UN/ECE Recommendation 20 code, such as C62 (piece) or HUR (hour)."
_CATEGORY = (
    "Tax category (UNCL 5305): S standard, Z zero rated, E exempt, AE reverse charge, K intra-community supply, "
    "G export, O outside the scope of tax, L Canary Islands (IGIC), M Ceuta and Melilla (IPSI), B split payment."
)


def unit_field(**kwargs: Any) -> Text:
    """A unit of measure of UN/ECE Recommendation 20, by its form."""
    return Text(3, pattern="[A-Z0-9]{1,3}", hint=_UNIT, metadata={"description": _UNIT}, **kwargs)


def tax_category_field(**kwargs: Any) -> Choice:
    """A tax category of UNCL 5305."""
    hint = f"A tax category of UNCL 5305 belongs here: {', '.join(CATEGORIES)}."
    return Choice(*CATEGORIES, hint=hint, shape={"description": _CATEGORY, "example": "S"}, **kwargs)
