"""What may run in the embedded warehouse, judged without an engine."""

from __future__ import annotations

import pytest

from infra.clickhouse.failure import Code, StatementFailed, name_of
from infra.clickhouse.judgement import judge, output_format
from infra.clickhouse.role import Role

FUNCTIONS = frozenset({"file", "url", "merge", "numbers", "values", "format", "brandnew"})


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 'it\\'s; INTO OUTFILE file(' AS a FROM b WHERE c = 'SETTINGS x = 1'",
        "SELECT `a``b`, url FROM merge WHERE file_name = 'x'",
        "SELECT format('{}', a) FROM numbers(3)",
        "SELECT system.one.dummy FROM system.one",
        "SELECT a / b, '/etc/passwd' AS `views.view` FROM t",
    ],
)
def test_names_and_strings_are_not_mistaken_for_what_is_refused(statement: str) -> None:
    """Words inside strings, and names that only look like functions, are let through."""
    judge(statement, Role.READER, FUNCTIONS)


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("INSERT INTO t SELECT 1", Code.READONLY),
        ("", Code.READONLY),
        ("SHOW GRANTS", Code.READONLY),
        ("SELECT 1 SETTINGS max_threads = 1", Code.READONLY),
        ("SELECT 1 INTO OUTFILE 'x'", Code.ACCESS_DENIED),
        ("SELECT * FROM brandnew(1)", Code.ACCESS_DENIED),
        ("SELECT * APPLY file FROM `values`('/x')", Code.ACCESS_DENIED),
        ("SELECT aiGenerate('x')", Code.ACCESS_DENIED),
        ("SELECT * FROM system.anything", Code.ACCESS_DENIED),
        ("SELECT * FROM `system`.`processes`", Code.ACCESS_DENIED),
        ("SELECT * FROM {t:Identifier}", Code.ACCESS_DENIED),
        ("EXISTS TABLE `/etc/passwd`", Code.ACCESS_DENIED),
        ("EXISTS VIEW default.`../../etc/passwd`", Code.ACCESS_DENIED),
        ("SELECT 1 IN (`/etc/passwd`)", Code.ACCESS_DENIED),
        ("SELECT hasColumnInTable('default', '/etc/passwd', 'x')", Code.ACCESS_DENIED),
        ("SELECT joinGet('/etc/passwd', 'x', 1)", Code.ACCESS_DENIED),
        ("SELECT joinGetOrNull('/etc/passwd', 'x', 1)", Code.ACCESS_DENIED),
    ],
)
def test_a_reader_is_refused(statement: str, code: Code) -> None:
    """What is not listed is refused, with ClickHouse's own number."""
    with pytest.raises(StatementFailed) as caught:
        judge(statement, Role.READER, FUNCTIONS)
    assert caught.value.number == code


@pytest.mark.parametrize(
    "statement",
    [
        "KILL QUERY WHERE 1 ASYNC",
        "SYSTEM SHUTDOWN",
        "SELECT 1 INTO OUTFILE 'x'",
        "INSERT INTO t FROM INFILE 'x' FORMAT CSV",
        "INSERT INTO FUNCTION file('x') SELECT 1",
        "CREATE TABLE t (a UInt8) ENGINE = File(CSV)",
    ],
)
def test_a_writer_reaches_no_files_and_ends_nothing(statement: str) -> None:
    """A writer's credential is for tables, not for the machine."""
    with pytest.raises(StatementFailed):
        judge(statement, Role.WRITER, FUNCTIONS)


def test_the_format_is_the_last_format_clause() -> None:
    """A FORMAT clause is found, and a string that says FORMAT is not."""
    assert output_format("SELECT 'x FORMAT JSON' FORMAT CSV SETTINGS a = 1") == "CSV"
    assert output_format("SELECT ' FORMAT JSON '") is None


def test_a_failure_s_name_is_taken_from_its_end_only() -> None:
    """A word in brackets inside the message, which may be data, is not its name."""
    assert name_of("Code: 60. DB::Exception: (SECRET) is gone. (GONE)\n") == "GONE"
    assert name_of("Code: 27. DB::Exception: x. (BAD) (version 26.9.2.1)") == "BAD"
    assert name_of("Cannot parse (SECRET) here") == ""
