"""Shared fixtures: the folder of real weights and pictures, and the bundled network."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import made_once as networks
import pytest
from cuda_emulator import Emulator, build_drivers
from tools import require_tools

# The same examples every time: what fails fails for everyone. --hypothesis-profile=default looks for new ones.
hypothesis.settings.register_profile("reproducible", derandomize=True)
hypothesis.settings.load_profile("reproducible")
ASSETS = Path(__file__).parents[1] / "tvm_srq" / "assets"
# files that take longest: whichever began last would keep one process busy when all others have nothing left to do
FIRST = (
    "tests/schedules/test_cpu_kernels.py", "tests/end_to_end/test_real_networks.py", "tests/relay_passes/test_any_graph.py",
    "tests/schedules/test_wide_maps.py", "tests/schedules/test_arm_kernels.py", "tests/schedules/cuda/test_tensor.py",
    "tests/schedules/steps/test_step_kernels.py", "tests/schedules/steps/test_step_kernels_on_cuda.py",
    "tests/end_to_end/test_arm.py", "tests/remote/test_arm_device.py", "tests/schedules/cuda/test_direct.py",
    "tests/end_to_end/test_compiled.py", "tests/quant/training/test_resume.py",
    "tests/quant/test_small_modules.py", "tests/scripts/test_check_spandrel.py",
)  # fmt: skip


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--skipped-to", metavar="FILE", type=Path, help="write the skipped tests' names, for: pytest @FILE")


def pytest_configure(config: pytest.Config) -> None:
    if config.option.skipped_to is not None and not hasattr(config, "workerinput"):  # the process that hears of every test
        config.pluginmanager.register(SkippedTests(config.option.skipped_to))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files of FIRST in front, everything else as it was collected; processes take files in this order."""
    place = {name: index for index, name in enumerate(FIRST)}
    items.sort(key=lambda item: place.get(item.nodeid.split("::")[0], len(place)))


class SkippedTests:
    """Writes down which tests were skipped, so that a machine with more tools runs those alone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.all: set[str] = set()
        self.skipped: dict[str, None] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.all.add(report.nodeid)
        if report.skipped:
            self.skipped[report.nodeid] = None

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:  # a file as a whole
            self.pytest_runtest_logreport(report)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        self.path.write_text("".join(f"{name}\n" for name in self.skipped))
        total, skipped = len(self.all), len(self.skipped)
        terminalreporter.write_line(f"{total} tests: {total - skipped} ran, {skipped} were skipped and are listed in {self.path}")


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder TVM_SRQ_DATA with datasets/ and weights/."""
    if "TVM_SRQ_DATA" not in os.environ:
        pytest.skip("TVM_SRQ_DATA is not set: real weights and pictures are not available")
    return Path(os.environ["TVM_SRQ_DATA"])


@pytest.fixture(scope="session")
def default_checkpoint() -> Path:
    return ASSETS / "edsr_r6f32_x2.safetensors"


@pytest.fixture(scope="session")
def made_once(tmp_path_factory) -> networks.MadeOnce:
    return networks.MadeOnce.of_this_run(tmp_path_factory)


@pytest.fixture(scope="session")
def default_network(made_once, default_checkpoint) -> networks.QuantizedNetwork:
    return networks.default_network(made_once, default_checkpoint)


@pytest.fixture(scope="session")
def small_edsr(made_once) -> networks.QuantizedNetwork:
    return networks.small_edsr(made_once)


@pytest.fixture(scope="session", autouse=True)
def statistics_folder(tmp_path_factory):
    """Nothing that tests compute is cached in the user's home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TVM_SRQ_CACHE", str(tmp_path_factory.mktemp("statistics")))
        yield


@pytest.fixture(scope="session", autouse=True)
def interruptible():
    """Commands under test hear Ctrl-C even where a shell started pytest in the background, deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def emulator_drivers(tmp_path_factory) -> Path:
    """The folder of the emulator's libraries; without g++ the test is skipped, or fails where CI is set."""
    require_tools("g++")
    folder = tmp_path_factory.mktemp("cuda_emulator")
    build_drivers(folder)
    return folder


@pytest.fixture(scope="session")
def emulator(emulator_drivers) -> Iterator[Emulator]:
    emulator = Emulator(emulator_drivers)
    yield emulator
    emulator.close()
