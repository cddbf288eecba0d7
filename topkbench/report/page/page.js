// Tables sort by a click on a header: numbers by value, then words; what is missing comes last, whichever way round.

const collator = new Intl.Collator("en", { numeric: true });

/** What a cell is sorted by: of "61.98 ± 0.34" or "62.43 [60.50, 64.32]" the first number. */
function sortKey(cell) {
  const text = cell.textContent;
  const number = parseFloat(text);
  const isMissing = cell.classList.contains("number") ? isNaN(number) : text === "";
  return { isMissing, number: isNaN(number) ? Infinity : number, text };
}

function sort(header) {
  const isDescending = header.ariaSort === "ascending";
  for (const other of header.parentElement.cells) other.removeAttribute("aria-sort");
  header.ariaSort = isDescending ? "descending" : "ascending";
  const body = header.closest("table").tBodies[0];
  const sorted = [...body.rows].map((row) => ({ row, ...sortKey(row.cells[header.cellIndex]) }));
  const turn = isDescending ? -1 : 1;
  sorted.sort((a, b) => a.isMissing - b.isMissing || turn * (a.number - b.number || collator.compare(a.text, b.text)));
  body.append(...sorted.map(({ row }) => row));
}

for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => sort(button.parentElement));
}

// Runs are filtered by words, all of which must match, and by the values of some columns.

const runs = document.querySelector("#runs");
const rows = [...runs.querySelectorAll("tbody tr")];

function filter() {
  const words = runs.querySelector("input").value.toLowerCase().split(/\s+/);
  const choices = [...runs.querySelectorAll("select")].filter((select) => select.selectedIndex > 0);
  for (const row of rows) {
    const text = [...row.cells].map((cell) => cell.textContent.toLowerCase()).join(" ");
    const isChosen = choices.every((select) => row.cells[select.dataset.column].textContent === select.value);
    row.hidden = !isChosen || !words.every((word) => text.includes(word));
  }
  runs.querySelector("output").value = `${rows.filter((row) => !row.hidden).length} of ${rows.length} runs`;
}

for (const event of ["input", "change"]) runs.querySelector(".filters").addEventListener(event, filter);

// A run opens by its link, or by a click anywhere on its row, which follows the link; the address says which is open.

const dialog = document.querySelector("#run");

async function unpacked(base64) {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}

async function show() {
  const row = rows.find((each) => each.querySelector("a").hash === location.hash);
  if (!row) return dialog.close();
  const address = location.hash;
  const text = await unpacked(row.dataset.record);
  if (location.hash !== address) return; // another was opened meanwhile
  dialog.lastElementChild.replaceChildren(...described(text, dialog.dataset.select));
  if (!dialog.open) dialog.showModal();
}

runs.querySelector("tbody").addEventListener("click", ({ target }) => {
  const isReading = getSelection().toString() !== "";
  if (!isReading && !target.closest("a")) location.hash = target.closest("tr").querySelector("a").hash;
});
dialog.addEventListener("close", () => {
  if (location.hash.startsWith("#run=")) history.replaceState(null, "", location.href.split("#")[0]);
});
addEventListener("hashchange", show);
show();
