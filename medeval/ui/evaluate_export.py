"""The route that downloads the report of a run."""

from typing import TYPE_CHECKING

from medeval.errors import MedevalError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from medeval.services import Services

MEDIA = {
    "md": "text/markdown", "csv": "text/csv", "json": "application/json", "html": "text/html",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}  # fmt: skip


def add_report_route(app: "FastAPI", services: "Services") -> None:
    """Adds `/report/RUN_ID.FORMAT`; a wrong id or format is 404, runs that cannot be compared are 422."""
    from fastapi import HTTPException, Response

    from medeval.evaluation.report import report_file
    from medeval.metrics.profiles import DEFAULT_PROFILE

    @app.get("/report/{name}")
    def report(name: str, lang: str = "zh", profile: str = DEFAULT_PROFILE, against: str = "") -> Response:
        run_id, _, fmt = name.rpartition(".")
        store = services.store
        if fmt not in MEDIA or not store.has_run(run_id) or (against and not store.has_run(against)):
            raise HTTPException(404)
        other = (store.run(against), store.cells(against)) if against else None
        try:
            content = report_file(
                store.run(run_id), store.cells(run_id), fmt, "en" if lang == "en" else "zh", profile=profile,
                against=other,
            )  # fmt: skip
        except MedevalError as error:
            raise HTTPException(422, str(error)) from error
        attachment = f'attachment; filename="medeval-{run_id}.{fmt}"'
        return Response(content, media_type=MEDIA[fmt], headers={"Content-Disposition": attachment})
