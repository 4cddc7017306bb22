# `make run` starts the app, `make test` runs the tests; both install what they need into .venv, once.
PYTHON ?= python3
PIP_INSTALL = .venv/bin/python -m pip install --quiet --disable-pip-version-check

.PHONY: run test check heavy clean

run: .venv/app.done
	@command -v tesseract >/dev/null || echo "可选 / optional OCR: apt install tesseract-ocr tesseract-ocr-chi-sim  (macOS: brew install tesseract tesseract-lang)"
	.venv/bin/python app.py

test: .venv/dev.done
	.venv/bin/python -m pytest

check: .venv/dev.done
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/python -m pytest

heavy: .venv/dev.done
	.venv/bin/python -m pytest --heavy

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "需要 Python >= 3.11 / Python 3.11 or newer is needed: make run PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv

# The stamp is newer than the pins: nothing is installed again until they change.
.venv/app.done: .venv/bin/python requirements.txt pyproject.toml
	@echo "首次安装依赖，约 1-2 分钟 / installing packages, a minute or two the first time"
	$(PIP_INSTALL) -r requirements.txt
	$(PIP_INSTALL) --no-deps --editable .
	@touch $@

.venv/dev.done: .venv/app.done requirements-dev.txt
	$(PIP_INSTALL) -r requirements-dev.txt
	@touch $@

clean:
	rm -rf .venv build .pytest_cache .mypy_cache .ruff_cache
