"""The whole app over recorded answers, in a process of its own: `review_app.py FOLDER PORT`."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]


def main(folder: Path, port: int) -> None:
    import uvicorn
    from review_samples import open_services

    from medeval.ui.server import listen, make_app, prepare_process

    services = open_services(folder / "home", folder)
    prepare_process(services.settings)
    listener = listen("127.0.0.1", port)
    uvicorn.Server(uvicorn.Config(make_app(services), log_level="warning")).run(sockets=[listener])


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
