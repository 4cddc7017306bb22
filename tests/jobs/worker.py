"""What the queue's tests run instead of `python -m medeval`: a train job that counts, and obeys its config.

config: `count` progress events, `pause` seconds between them, `deaf` ignores the wish to stop, `fail` raises,
`fill` writes that many bytes.
"""

import signal
import sys
import time
from pathlib import Path

from medeval.errors import MedevalError
from medeval.services import workers
from medeval.settings import Settings
from medeval.training.progress import JobFolder


def work(folder: JobFolder, settings: Settings) -> None:
    config = folder.config
    if config.get("deaf"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    saved = folder.path / "saved"
    first = int(saved.read_text()) if saved.exists() else 0
    print(f"begins at {first}", flush=True)
    if config.get("fail"):
        raise MedevalError(str(config["fail"]))
    if config.get("fill"):
        (folder.path / "big").write_bytes(bytes(int(config["fill"])))
    for done in range(first, int(config.get("count", 3))):
        folder.emit("progress", done=done + 1, total=config.get("count", 3), unit="step")
        if folder.stop_requested() and not config.get("deaf"):
            saved.write_text(str(done + 1))
            return
        time.sleep(float(config.get("pause", 0.0)))
    folder.emit("result", ok=True)


if __name__ == "__main__":
    workers.WORKERS["train"] = "worker:work"
    sys.exit(workers.run_job(Path(sys.argv[-1])))
