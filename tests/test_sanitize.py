"""Text from elsewhere, made safe to print."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from shmtui.sanitize import LONGEST, inert


@given(st.text(st.characters(), max_size=80), st.booleans())
def test_inert_text_acts_on_nothing(text: str, ascii_only: bool) -> None:
    """No control, surrogate, bidirectional or invisible character is left, in either alphabet."""
    safe = inert(text, ascii_only)
    assert not any(unicodedata.category(char)[0] == "C" for char in safe)
    assert not {"\u2028", "\u2029"} & set(safe)
    assert not any(0xFE00 <= ord(char) <= 0xFE0F for char in safe)
    assert not ascii_only or safe.isascii()
    safe.encode()
    assert inert(safe, ascii_only) == safe


@given(st.text(st.characters(), min_size=1, max_size=20))
def test_a_hostile_name_of_megabytes_is_cut(text: str) -> None:
    """Its cost is bounded, and the cut is marked."""
    safe = inert(text * (2 * LONGEST))
    assert len(safe) <= LONGEST + 1
    assert safe[-1] == "…"
