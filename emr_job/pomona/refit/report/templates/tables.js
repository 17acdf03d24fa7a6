// the class table: search, order, and the classes beyond the first
(() => {
  const table = document.getElementById("classes");
  if (!table) return;
  const body = table.tBodies[0], rows = [...body.rows], shown = Number(table.dataset.shown);
  const search = document.getElementById("class-search"), all = document.getElementById("class-all"), told = document.getElementById("class-told");
  let whole = rows.length <= shown;
  const names = new Map(rows.map(row => [row, (row.cells[0].title || row.cells[0].textContent).toLowerCase()]));
  const show = () => {
    const wanted = search.value.trim().toLowerCase();
    let found = 0, visible = 0;
    for (const row of body.rows) {
      const fits = !wanted || names.get(row).includes(wanted);
      found += fits;
      row.hidden = !fits || (!whole && visible >= shown);
      visible += !row.hidden;
    }
    all.hidden = whole || found <= shown;
    told.textContent = visible + " of " + rows.length.toLocaleString("en") + " classes are shown";
  };
  const order = (column, direction) => {
    const value = row => column ? Number(row.cells[column].dataset.v) : names.get(row);
    rows.sort((a, b) => { const x = value(a), y = value(b); return (x < y ? -1 : x > y ? 1 : 0) * direction; });
    body.append(...rows);
    [...table.tHead.rows[0].cells].forEach((head, i) => i === column ? head.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending") : head.removeAttribute("aria-sort"));
    show();
  };
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button"; button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const sorted = head.getAttribute("aria-sort");
      // names and shares begin with the least, which is what a reader looks for; numbers begin with the largest
      const first = column === 0 || column === 3 || column === 4 ? 1 : -1;
      order(column, sorted ? (sorted === "ascending" ? -1 : 1) : first);
    });
  });
  search.addEventListener("input", show);
  all.addEventListener("click", () => { whole = true; show(); });
  document.getElementById("class-tools").hidden = false;
  show();
})();

// long lists of cards begin with a few of them
for (const list of document.querySelectorAll(".cards[data-shown]")) {
  const more = [...list.children].slice(Number(list.dataset.shown));
  if (!more.length) continue;
  const button = document.createElement("button");
  button.type = "button"; button.className = "more"; button.textContent = "Show " + more.length + " more";
  for (const card of more) card.hidden = true;
  button.addEventListener("click", () => { for (const card of more) card.hidden = false; button.remove(); });
  list.after(button);
}

// keys that can be copied
for (const button of document.querySelectorAll("button.copy")) {
  const code = button.previousElementSibling;
  button.hidden = false;
  button.addEventListener("click", async () => {
    try { await navigator.clipboard.writeText(code.textContent); }
    catch {
      getSelection().selectAllChildren(code);
      document.execCommand("copy");
    }
    button.dataset.done = "1";
    setTimeout(() => { delete button.dataset.done; }, 1500);
  });
}
