"""What the faults share: each tells figures, which `make faults` shows at its end."""

import faults
import pytest


@pytest.fixture
def tell(record_property):
    """`tell("7 of 7 ...")` is one line of figures, of whatever process the test is in."""
    return lambda line: record_property("figures", line)


def pytest_terminal_summary(terminalreporter):
    """All lines, where all faults were asked for."""
    reports = terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
    for report in reports if faults.MANY else []:
        for line in dict(report.user_properties).values():
            terminalreporter.write_line(line)
