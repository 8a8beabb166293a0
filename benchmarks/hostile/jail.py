"""Runs a command where the network ends at this process: a server of its own counts who calls. Uses nothing of ours.

python jail.py PORT REPORT WORD...
"""

import fcntl
import socket
import struct
import subprocess
import sys
from pathlib import Path

_SIOCSIFFLAGS, _IFF_UP = 0x8914, 0x1


def main(port: int, report: Path, words: list[str]) -> int:
    """Bring the loopback device up, listen, run the command; how many connections came goes to ``report``."""
    with socket.socket() as server:
        fcntl.ioctl(server, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))
        server.bind(("127.0.0.1", port))
        server.listen(128)
        server.setblocking(False)
        code = subprocess.call(words)  # noqa: S603 - the words of the campaign
        calls = 0
        while True:
            try:
                server.accept()[0].close()
            except BlockingIOError:
                break
            calls += 1
    report.write_text(str(calls))
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]))
