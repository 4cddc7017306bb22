"""The route that downloads the report of a fused model."""

from typing import TYPE_CHECKING

from medeval.ui.adapters_board import Board

if TYPE_CHECKING:
    from fastapi import FastAPI

    from medeval.services import Services


def add_fused_route(app: "FastAPI", services: "Services") -> None:
    """Adds `/fused/ID.html` of fuse jobs and listed models; anything else is 404."""
    from fastapi import HTTPException, Response
    from fastapi.responses import FileResponse

    board = Board(services)

    @app.get("/fused/{name}")
    def fused(name: str) -> Response:
        job_id, _, suffix = name.rpartition(".")
        file = board.report(job_id) if suffix == "html" else None
        if file is None:
            raise HTTPException(404)
        return FileResponse(file, media_type="text/html", filename=f"{file.parent.name}-report.html")
