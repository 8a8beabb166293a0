"""Runs a command where the network ends at this process: a server of its own counts who calls. Uses nothing of ours.

python jail.py PORT REPORT WORD...      port 0: no server, the network stays as it is
"""

import fcntl
import resource
import socket
import struct
import subprocess
import sys
from pathlib import Path

_SIOCSIFFLAGS, _IFF_UP = 0x8914, 0x1


def main(port: int, report: Path, words: list[str]) -> int:
    """Run the command; how many connections came, and the most KiB that one of its processes took, go to ``report``.

    The system counts that memory from the fork on, so it has to be counted from a small process.
    """
    with socket.socket() as server:
        if port:
            fcntl.ioctl(server, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))
            server.bind(("127.0.0.1", port))
            server.listen(128)
        code = subprocess.call(words)  # noqa: S603 - the words of the campaign
        calls = _waiting(server) if port else 0
    report.write_text(f"{calls} {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss}")
    return code if code >= 0 else 128 - code


def _waiting(server: socket.socket) -> int:
    server.setblocking(False)
    calls = 0
    while True:
        try:
            server.accept()[0].close()
        except BlockingIOError:
            return calls
        calls += 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]))
