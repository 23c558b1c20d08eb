"""CSV for spreadsheets is the same, in whatever pieces it comes."""

from __future__ import annotations

import pytest

from ccusage_import.querying.safe_csv import safe_pieces

ROWS = b'"=name","tokens"\n"-home-ana",-1\n"two\n""=lines""","@"\n"","a ""=b"\n'
SAFE = b'"\'=name","tokens"\n"\'-home-ana",-1\n"two\n""=lines""","\'@"\n"","a ""=b"\n'
# The second text of a row ends on another line.
LATER, SAFE_LATER = b'"b","=two\nlines"\n', b'"b","\'=two\nlines"\n'


@pytest.mark.parametrize(("rows", "safe"), [(ROWS, SAFE), (LATER, SAFE_LATER)], ids=["rows", "later"])
def test_a_piece_may_end_anywhere(rows: bytes, safe: bytes) -> None:
    for cut in range(len(rows) + 1):
        assert b"".join(safe_pieces([rows[:cut], rows[cut:]])) == safe, rows[:cut]
    assert b"".join(safe_pieces(bytes([byte]) for byte in rows)) == safe
