"""CSV for spreadsheets is the same, in whatever pieces it comes."""

from __future__ import annotations

from ccusage_import.querying.safe_csv import safe_pieces

ROWS = b'"=name","tokens"\n"-home-ana",-1\n"two\n""=lines""","@"\n"","a ""=b"\n'
SAFE = b'"\'=name","tokens"\n"\'-home-ana",-1\n"two\n""=lines""","\'@"\n"","a ""=b"\n'


def test_a_piece_may_end_anywhere() -> None:
    for cut in range(len(ROWS) + 1):
        assert b"".join(safe_pieces([ROWS[:cut], ROWS[cut:]])) == SAFE, ROWS[:cut]
    assert b"".join(safe_pieces(bytes([byte]) for byte in ROWS)) == SAFE
