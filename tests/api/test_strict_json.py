import json

import pytest

from api.strict_json import MAX_DEPTH, InvalidJson, parse

REFUSED = {
    "nothing": b"",
    "half an object": b'{"a": 1',
    "two values": b"{} {}",
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "invalid UTF-8": b'{"a": "\xff"}',
    "an encoded surrogate": b'{"a": "\xed\xa0\x80"}',
    "a lone surrogate": rb'{"a": "\ud800"}',
    "a lone surrogate as a key": rb'{"\udc00": 1}',
    "an escaped NUL": rb'{"a": "\u0000"}',
    "a NUL as a key": rb'{"\u0000": 1}',
    "a raw NUL": b'{"a": "\x00"}',
    "a NUL after the value": b"{}\x00",
    "a raw control character": b'{"a": "\x01"}',
    "a duplicate key": b'{"a": 1, "a": 2}',
    "a duplicate key below": b'{"x": [{"a": 1, "a": 1}]}',
    "a duplicate key written differently": rb'{"a": 1, "\u0061": 2}',
    "NaN": b'{"a": NaN}',
    "Infinity": b"[Infinity]",
    "minus Infinity": b"[-Infinity]",
    "1e999": b"[1e999]",
    "-1e999": b"[-1e999]",
    "an integer above int64": b"[9223372036854775808]",
    "an integer below int64": b"[-9223372036854775809]",
    "5000 digits": b"[" + b"9" * 5000 + b"]",
    "5000 digits behind the point": b"[0." + b"9" * 5000 + b"]",
    "a leading zero": b"[01]",
    "a plus": b"[+1]",
    "hexadecimal": b"[0x10]",
    "single quotes": b"{'a': 1}",
    "a comment": b"{} // x",
    "a trailing comma": b"[1,]",
    "100000 brackets": b"[" * 100_000,
    "100000 closed brackets": b"[" * 100_000 + b"]" * 100_000,
    "100000 objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "one level too deep": b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
}


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED)
def test_what_two_parsers_could_read_differently_is_refused_without_quoting_it(raw: bytes) -> None:
    with pytest.raises(InvalidJson) as caught:
        parse(raw)

    assert str(caught.value).endswith(".")
    assert len(str(caught.value)) < 80


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        -0.5,
        1e308,
        9223372036854775807,
        -9223372036854775808,
        "",
        'Zürich \U0001f600 "',
        [],
        {},
        {"a": [1, {"b": None}]},
    ],
)
@pytest.mark.parametrize("ascii_only", [True, False])
def test_ordinary_json_is_read_as_the_standard_library_reads_it(value: object, ascii_only: bool) -> None:
    raw = json.dumps(value, ensure_ascii=ascii_only).encode()

    assert parse(raw) == value


def test_the_deepest_accepted_nesting_is_accepted() -> None:
    raw = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH

    assert parse(raw) == json.loads(raw)


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert parse(rb'"\ud83d\ude00"') == "\U0001f600"
