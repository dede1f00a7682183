"""What is shown in the place of a value can be told from other words."""

from __future__ import annotations

import pytest

from muniment.governance.privacy.kinds import Kind
from muniment.governance.privacy.masking import fits_masked, mask

VALUES: dict[Kind, str] = {
    "card": "4111 1111 1111 1111",
    "iban": "DE89 3704 0044 0532 0130 00",
    "phone": "+49 30 1234567",
    "email": "a.b@house.example",
    "secret": "sk-live-4711",
    "national_id": "12 345 678",
    "person": "Alice Moreau",
    "place": "Calder Row",
}


@pytest.mark.parametrize("kind", VALUES)
def test_a_text_fits_what_was_masked_in_it_and_no_other_text_does(kind: Kind) -> None:
    value = VALUES[kind]
    shown = f"Pay {mask(kind, value)} by Friday."
    assert fits_masked(shown, f"Pay {value} by Friday.")
    assert not fits_masked(shown, f"Pay {value} by Monday.")
    assert not fits_masked(shown, "Pay by Friday.")
    assert not fits_masked("Pay 300 by Friday.", "Pay 400 by Friday.")
