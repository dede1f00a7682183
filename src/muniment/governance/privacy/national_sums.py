"""Whether the characters of a national identifier hold together: ranges, dates and check digits as published."""

from __future__ import annotations

from muniment.governance.privacy.check_digits import luhn, mod11_10, verhoeff, weighted

_ES = "TRWAGMYFPDXBNJZSQVHLCKE"
_FI = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_IT_MONTHS = "ABCDEHLMPRST"
_IT_DIGITS = "LMNPQRSTUV"
_IT_ODD = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
_GB_NEVER = frozenset(("BG", "GB", "KN", "NK", "NT", "TN", "ZZ"))


def us(digits: str) -> bool:
    """Social security number: no check digit; some areas, groups and serials are never given."""
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    return area not in ("000", "666") and area[0] != "9" and group != "00" and serial != "0000"


def gb(text: str) -> bool:
    """National insurance number: no check digit; some prefixes are never given."""
    return text[:2] not in _GB_NEVER


def de(digits: str) -> bool:
    """Steuer-ID: of the first ten digits, one comes twice or thrice and no other comes again; MOD 11,10."""
    first = digits[:10]
    again = [count for digit in set(first) if (count := first.count(digit)) > 1]
    return len(again) == 1 and again[0] in (2, 3) and mod11_10(digits)


def fr(text: str) -> bool:
    """NIR: month, and a key of 97 less the remainder by 97; the departments of Corsica count as 19 and 18."""
    month = int(text[3:5])
    number = text[:13].replace("2A", "19").replace("2B", "18")
    plausible = 1 <= month <= 12 or 20 <= month <= 42 or month >= 50
    return plausible and number.isdigit() and 97 - int(number) % 97 == int(text[13:])


def es(text: str) -> bool:
    """DNI or NIE: the letter is the remainder by 23; X, Y and Z stand for 0, 1 and 2."""
    number = text[:-1].translate(str.maketrans("XYZ", "012"))
    return number.isdigit() and _ES[int(number) % 23] == text[-1]


def it(text: str) -> bool:
    """Codice fiscale: birth month and day, and a letter over all others; letters may stand for digits."""
    places = (6, 7, 9, 10, 12, 13, 14)
    read = {place: _it_digit(text[place]) for place in places}
    if any(digit < 0 for digit in read.values()) or sum(text[place].isdigit() for place in places) < 3:
        return False
    day = read[9] * 10 + read[10]
    if text[8] not in _IT_MONTHS or not 1 <= (day - 40 if day > 40 else day) <= 31:
        return False
    values = [int(c) if c.isdigit() else ord(c) - ord("A") for c in text[:15]]
    total = sum(_IT_ODD[value] if at % 2 == 0 else value for at, value in enumerate(values))
    return chr(ord("A") + total % 26) == text[15]


def _it_digit(character: str) -> int:
    return int(character) if character.isdigit() else _IT_DIGITS.find(character)


def nl(digits: str) -> bool:
    """BSN: the weighted sum is divisible by 11."""
    digits = digits.zfill(9)
    return len(digits) == 9 and digits != "0" * 9 and weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def be(digits: str) -> bool:
    """National number: a date, and 97 less the remainder by 97, with a 2 in front for those born from 2000 on."""
    month, day = int(digits[2:4]) % 20, int(digits[4:6])
    if month > 12 or day > 31 or digits[6:9] in ("000", "999"):
        return False
    key = int(digits[9:])
    return key in (97 - int(digits[:9]) % 97, 97 - int("2" + digits[:9]) % 97)


def pl(digits: str) -> bool:
    """PESEL: a date whose month tells the century, and a weighted check digit."""
    month, day = int(digits[2:4]) % 20, int(digits[4:6])
    sum_ = weighted(digits[:10], (1, 3, 7, 9, 1, 3, 7, 9, 1, 3))
    return 1 <= month <= 12 and 1 <= day <= 31 and (10 - sum_ % 10) % 10 == int(digits[10])


def se(digits: str) -> bool:
    """Personnummer: a date (60 more for a coordination number), and a check digit as on cards."""
    short = digits[-10:]
    month, day = int(short[2:4]), int(short[4:6])
    return 1 <= month <= 12 and 1 <= (day - 60 if day > 60 else day) <= 31 and luhn(short)


def india(digits: str) -> bool:
    """Aadhaar number: Verhoeff's check digit."""
    return verhoeff(digits)


def br(digits: str) -> bool:
    """CPF: two check digits."""
    if len(set(digits)) == 1:
        return False
    for length in (9, 10):
        sum_ = weighted(digits[:length], range(length + 1, 1, -1))
        if sum_ * 10 % 11 % 10 != int(digits[length]):
            return False
    return True


def fi(text: str) -> bool:
    """Henkilötunnus: a date, and a character for the remainder by 31."""
    day, month = int(text[:2]), int(text[2:4])
    number = int(text[:6] + text[-4:-1])
    return 1 <= day <= 31 and 1 <= month <= 12 and _FI[number % 31] == text[-1]


def ch(digits: str) -> bool:
    """AHV number: a check digit as of article numbers."""
    return (10 - weighted(digits[:12], (1, 3) * 6) % 10) % 10 == int(digits[12])
