"""Make .venv from the pinned lock; run by `make env` with whatever python3 there is (>= 3.8).

It finds a Python >= 3.12, checks what a wheel cannot bring (x86-64 Linux, glibc, a C compiler,
the graphics libraries that gmsh links), installs envs/requirements.lock with its hashes, and
names each missing thing with the command that cures it. A stamp makes the second run instant.
"""

import glob
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOCK = ROOT / "envs" / "requirements.lock"
STAMP = VENV / ".einthoven-lock"
MINIMUM = (3, 12)
LIBRARIES = {
    "libGLU.so.1": "libglu1-mesa",
    "libGL.so.1": "libgl1",
    "libXft.so.2": "libxft2",
    "libXcursor.so.1": "libxcursor1",
    "libXinerama.so.1": "libxinerama1",
    "libXrender.so.1": "libxrender1",
}


def fail(message):
    """End with one line."""
    sys.exit("make env: " + message)


def version_of(python):
    """(major, minor) of an interpreter, or None when it does not run."""
    code = "import sys, venv, ensurepip; print(*sys.version_info[:2])"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return tuple(map(int, done.stdout.split())) if done.returncode == 0 else None


def find_python():
    """The newest-tested usable interpreter: $PYTHON, then PATH, then pyenv, uv and conda."""
    home = os.path.expanduser("~")
    candidates = [os.environ.get("PYTHON"), sys.executable]
    candidates += [shutil.which("python3." + str(minor)) for minor in (12, 13, 14)]
    pyenv = os.environ.get("PYENV_ROOT", home + "/.pyenv")
    for pattern in (
        pyenv + "/versions/3.1[2-9]*/bin/python",
        home + "/.local/share/uv/python/cpython-3.1[2-9]*/bin/python3",
        home + "/*conda*/bin/python3",
        "/opt/*conda*/bin/python3",
    ):
        candidates += sorted(glob.glob(pattern))
    for python in filter(None, candidates):
        version = version_of(python)
        if version and version >= MINIMUM:
            return python
    fail(
        "no Python >= 3.12 with venv found (dolfinx's wheel needs it). Cure, one of: "
        "`apt-get install python3 python3-venv` (Debian 13 or newer); `pyenv install 3.12`; "
        "`pip install uv && uv python install 3.12`; or `make PYTHON=/path/to/python3.12 ...`"
    )


def check_machine():
    """Refuse early what no wheel can cure."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        fail("the pip route needs x86-64 Linux; elsewhere use conda: envs/*.yaml (see README)")
    glibc = platform.libc_ver()[1]
    if glibc and tuple(map(int, glibc.split("."))) < (2, 34):
        fail(f"glibc {glibc} is older than 2.34, which dolfinx's wheel needs; use conda")
    if not shutil.which("gcc") and not shutil.which("cc"):
        fail("no C compiler (FEniCSx compiles its forms). Cure: `apt-get install gcc libc6-dev`")
    known = subprocess.run(
        ["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=False
    ).stdout
    missing = [package for name, package in LIBRARIES.items() if name not in known]
    if known and missing:
        fail(f"gmsh lacks system libraries. Cure: `apt-get install -y {' '.join(missing)}`")


def install_uv(inside):
    """Install the locked uv with pip; uv then does the rest several times faster than pip."""
    pinned = re.search(r"^uv==.*?(?=^[a-z])", LOCK.read_text(), re.MULTILINE | re.DOTALL)
    with tempfile.TemporaryDirectory() as folder:
        requirement = Path(folder) / "uv.txt"
        requirement.write_text(pinned.group(0))
        pip = [inside, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        pip += ["--no-deps", "--require-hashes", "-r", str(requirement)]
        subprocess.run(pip, check=True)


def install(python):
    """Create the environment and install the lock, without resolving anything again."""
    # A half-made or older environment is not worth repairing.
    shutil.rmtree(VENV, ignore_errors=True)
    subprocess.run([python, "-m", "venv", str(VENV)], check=True)
    inside = str(VENV / "bin" / "python")
    install_uv(inside)
    print("make env: installing about 260 pinned packages (8 GB on disk, 1 to 5 minutes) ...")
    uv = [inside, "-m", "uv", "pip", "install", "--quiet", "--python", inside, "--no-deps"]
    subprocess.run([*uv, "--require-hashes", "-r", str(LOCK)], check=True)
    subprocess.run([*uv, "-e", str(ROOT)], check=True)
    probe = "import gmsh, dolfinx_solver, dolfinx, pyvista, einthoven"
    done = subprocess.run([inside, "-c", probe], capture_output=True, text=True)
    if done.returncode:
        fail("the installed packages do not import: " + done.stderr.strip().splitlines()[-1])


def main():
    """Make the environment unless the stamp says that it is there."""
    wanted = hashlib.sha256(LOCK.read_bytes() + str(ROOT).encode()).hexdigest()
    if STAMP.exists() and STAMP.read_text() == wanted and (VENV / "bin/python").exists():
        return
    check_machine()
    python = find_python()
    print("make env: using", python)
    try:
        install(python)
    except subprocess.CalledProcessError as error:
        command = " ".join(map(str, error.cmd))[:200]
        fail(f"`{command}` failed (exit {error.returncode})")
    STAMP.write_text(wanted)


if __name__ == "__main__":
    main()
