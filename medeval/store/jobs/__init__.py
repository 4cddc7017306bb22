"""Jobs: background work that outlives the page, the app and a crash (design/jobs.md)."""

from medeval.store.jobs.jobs import Job, JobKind, Jobs, JobState

__all__ = ["Job", "JobKind", "JobState", "Jobs"]
