"""Schema changes, one numbered file each under `versions`; a released file is never edited."""
