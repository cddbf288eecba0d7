#!/bin/sh
# Compiles every table of the tests' records with pdflatex: errors, and text that is cut off, fail. By hand, or `make
# latex`; CI has no TeX. Wants pdflatex (Debian: texlive-latex-base, texlive-latex-recommended).
#
#     tests/latex/check.sh [FOLDER]    where tables.tex, tables.pdf and tables.log go
set -eu
folder=${1:-$(mktemp -d)}
mkdir -p "$folder"
cd "$(dirname "$0")/../.."
"${PYTHON:-python3}" -m tests.latex.tables "$folder"
cd "$folder"
pdflatex -interaction=nonstopmode -halt-on-error tables.tex > /dev/null || { grep -A 3 '^!' tables.log; exit 1; }
if grep -E '^Overfull|Float too large|Missing character|LaTeX Warning: (Reference|Citation|Font)' tables.log; then
    echo "text is cut off or missing: see $folder/tables.pdf" >&2
    exit 1
fi
echo "$folder/tables.pdf"
