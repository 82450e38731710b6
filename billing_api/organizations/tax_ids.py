"""The kinds of tax ids whose form and check digits are known, and the one form in which each is kept."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from stdnum.exceptions import ValidationError
from stdnum.util import get_cc_module


class WrongTaxId(ValueError):
    """The number is not one of its kind; the text says of which form it should be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """`rules` are those of python-stdnum, of which the first that takes a number counts. What is kept begins with
    `prefix` where documents want the number with its country, which may be left out on the way in."""

    rules: tuple[Callable[[str], str], ...]
    prefix: str
    example: str


def _kind(rules: str, example: str, prefix: str = "") -> _Kind:
    return _Kind(rules=tuple(_rule(*name.split(".")) for name in rules.split()), prefix=prefix, example=example)


def _rule(country: str, name: str) -> Callable[[str], str]:
    module = get_cc_module(country, name)
    if module is None:
        raise LookupError(f"python-stdnum knows no {country}.{name}")
    return module.validate


_STATES = re.compile(
    r"[ .-]*(AT|BE|BG|CY|CZ|DE|DK|EE|EL|ES|FI|FR|HR|HU|IE|IT|LT|LU|LV|MT|NL|PL|PT|RO|SE|SI|SK|XI)", re.IGNORECASE
)
"""Those whose numbers VIES knows; python-stdnum takes more beginnings, such as GR and EU."""

# fmt: off
_KINDS = {
    "eu_vat": _kind("eu.vat", "DE136695976"),
    "gb_vat": _kind("gb.vat", "GB980780684", "GB"), "gb_utr": _kind("gb.utr", "2032059756"),
    "ch_vat": _kind("ch.vat ch.uid", "CHE458474452"), "ch_uid": _kind("ch.uid", "CHE458474452"),
    "li_peid": _kind("li.peid", "78454748"),
    "no_mva": _kind("no.mva", "NO232728795MVA", "NO"), "no_orgnr": _kind("no.orgnr", "649788383"),
    "is_vsk": _kind("is.vsk", "68454"), "fo_vn": _kind("fo.vn", "945026"),
    "us_ein": _kind("us.ein", "346584711"), "ca_bn": _kind("ca.bn", "185517612RT0001"),
    "au_abn": _kind("au.abn", "31195546244"), "au_acn": _kind("au.acn", "691470407"),
    "nz_ird": _kind("nz.ird", "37441929"),
    "in_gstin": _kind("in.gstin", "27VRKPB9507B1ZG"), "in_pan": _kind("in.pan", "RIIPJ3371S"),
    "sg_uen": _kind("sg.uen", "10548722L"), "jp_cn": _kind("jp.cn", "9205013689716"),
    "kr_brn": _kind("kr.brn", "5361906535"), "cn_uscc": _kind("cn.uscc", "91310000MN21550051"),
    "tw_ubn": _kind("tw.ubn", "54358526"), "vn_mst": _kind("vn.mst", "6852814842"),
    "tr_vkn": _kind("tr.vkn", "2856512144"), "il_hp": _kind("il.hp", "520161241"),
    "ru_inn": _kind("ru.inn", "9017363016"), "ua_edrpou": _kind("ua.edrpou", "36576199"),
    "rs_pib": _kind("rs.pib", "455273349"), "mk_edb": _kind("mk.edb", "0856979158132"),
    "me_pib": _kind("me.pib", "71824006"), "md_idno": _kind("md.idno", "9873184537333"),
    "mc_tva": _kind("mc.tva", "FR35000456425"), "sm_coe": _kind("sm.coe", "78640"),
    "br_cnpj": _kind("br.cnpj", "20884675778400"), "br_cpf": _kind("br.cpf", "50759819254"),
    "mx_rfc": _kind("mx.rfc", "PTC760101VJ9"), "ar_cuit": _kind("ar.cuit", "30031055594"),
    "cl_rut": _kind("cl.rut", "499270364"), "co_nit": _kind("co.nit", "2289283299"),
    "pe_ruc": _kind("pe.ruc", "20850560189"), "ec_ruc": _kind("ec.ruc", "1710274216001"),
    "uy_rut": _kind("uy.rut", "213654080016"), "ve_rif": _kind("ve.rif", "J190357081"),
    "de_steuernummer": _kind("de.stnr", "03699523859"), "de_idnr": _kind("de.idnr", "22251389407"),
    "es_nif": _kind("es.nif", "B41262254"), "it_codicefiscale": _kind("it.codicefiscale", "13204070802"),
    "fr_siren": _kind("fr.siren", "357429588"), "fr_siret": _kind("fr.siret", "60689674400004"),
    "dk_cvr": _kind("dk.cvr", "49767145"), "se_orgnr": _kind("se.orgnr", "5560633173"),
    "fi_ytunnus": _kind("fi.ytunnus", "69281568"), "pl_nip": _kind("pl.nip", "7220889781"),
}
# fmt: on
"""By type. Numbers of any other type stay as they were written: new kinds come up faster than libraries know them."""

EXAMPLES = {type: kind.example for type, kind in _KINDS.items()}
"""A true number of each kind that is looked at, in the form in which it is kept; nobody's, as far as is known."""


def normalized(type: str, value: str) -> str:
    """A tax id in the form in which it is kept and compared: without spaces and punctuation, in capitals, with its
    country where documents want it so. Of a type that is not known the text as it stands.

    Whether a number has been given out is for its register to say.

    Raises:
        WrongTaxId: the form or the check digits are not those of its type.
    """
    kind = _KINDS.get(type)
    if kind is None:
        return value
    if type == "eu_vat" and not _STATES.match(value):
        raise WrongTaxId("It begins with its state of the Union, such as DE136695976; Greece is EL.")
    for rule in kind.rules:
        try:
            return kind.prefix + rule(value).removeprefix(kind.prefix)
        except ValidationError:
            continue
    raise WrongTaxId(f"Its form or its check digits are not those of {type}; such a number is {kind.example}.")
