"""What tells who somebody is: what is covered exactly, and what only looks like it."""

from __future__ import annotations

import pytest

from extproc.detect import people
from extproc.detect.entities import EntityRule, EntityScanner

PEOPLE = people.names("patient|student|mother")


def found(rules: tuple[EntityRule, ...], text: str) -> list[str]:
    return [text[hit.start : hit.end] for hit in EntityScanner(rules).find(text)]


@pytest.mark.parametrize(
    ("text", "covered"),
    [("Mr. Harold Finch left", ["Harold Finch"]), ("Patient: Maria T. Gonzalez came", ["Maria T. Gonzalez"]),
     ("patient name is José Núñez, 40", ["José Núñez"]), ('{"patient_name": "Ann O\'Hara"}', ["Ann O'Hara"]),
     ("her mother Ana Lopez-Diaz called", ["Ana Lopez-Diaz"]), ("the student's name: Zoe", ["Zoe"]),
     ("Patient Education Materials", []), ("Dr. No is a film", []), ("Student Union opens", []), ("mother Earth", [])],
)  # fmt: skip
def test_a_name_follows_a_title_or_a_role(text: str, covered: list[str]) -> None:
    assert found(PEOPLE, text) == covered


@pytest.mark.parametrize(
    ("text", "covered"),
    [("on 04/12/1961.", ["04/12/1961"]), ("2023-11-02T10:00", []), ("since 2023-11-02", ["2023-11-02"]),
     ("March 3rd, 1948", ["March 3rd, 1948"]), ("14 Nov 2023", ["14 Nov 2023"]), ("12.04.1961", ["12.04.1961"]),
     ("2023-13-40", []), ("31/31/2020", []), ("v1.24.2023", []), ("1/2/3", []), ("in May 2021", [])],
)  # fmt: skip
def test_a_date_has_a_day_a_month_and_a_year_that_exist(text: str, covered: list[str]) -> None:
    assert found((people.ANY_DATE,), text) == covered


def test_a_date_of_birth_needs_a_word_of_birth_before_it() -> None:
    assert found((people.BIRTH_DATE,), "DOB: 1961-04-12, seen 2021-05-04") == ["1961-04-12"]
    assert found((people.BIRTH_DATE,), "born 12 April 1961") == ["12 April 1961"]


@pytest.mark.parametrize(
    ("text", "covered"),
    [("at 482 Maple Grove Avenue, Springfield", ["482 Maple Grove Avenue"]), ("PO Box 1123", ["PO Box 1123"]),
     ("Portland, OR 97205", ["97205"]), ("12 5th Ave", ["12 5th Ave"]), ("drive 5 miles on the road", []),
     ("error 404 Not Found", []), ("line 97205", [])],
)  # fmt: skip
def test_an_address_is_a_number_and_a_street(text: str, covered: list[str]) -> None:
    assert found(people.ADDRESS, text) == covered


def test_a_chassis_number_has_its_check_digit() -> None:
    assert found(people.VEHICLE, "VIN 1HGCM82633A004352 or 1HGCM82643A004352") == ["1HGCM82633A004352"]
    assert found(people.VEHICLE, "11111111111111111") == []


@pytest.mark.parametrize(
    ("text", "covered"),
    [("I am 11 years old", ["11 years old"]), ("i'm 12, hello", ["12"]), ("I'm nine and a half", ["nine"]),
     ("I'm in 4th grade", ["4th grade"]), ("I am 5 minutes late", []), ("I'm 6 feet tall", []), ("I am 10% done", []),
     ("I'm 4.5 out of 5", []), ("I'm 11 times faster", []), ("she is 11", [])],
)  # fmt: skip
def test_a_child_says_so_of_itself(text: str, covered: list[str]) -> None:
    assert found(people.AGE_UNDER_13, text) == covered


def test_a_year_is_no_number_of_a_file() -> None:
    assert found(people.FILE, "case number 2021, case number 2021-CV-8") == ["2021-CV-8"]
