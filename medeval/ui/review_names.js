// After the last case: who stood in each column, beside the reviewer's own marks and the rules' total.
window.meReviewNames = (stops, page) => {
  'use strict';
  const { lang, words, scales, slots } = page;
  const make = (tag, name, text) => {
    const element = document.createElement(tag);
    if (name) element.className = name;
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const box = make('section', 'me-rv-names');
  box.append(make('h1', '', words.revealed), make('p', 'me-quiet', words.revealed_text));
  stops.forEach((item) => {
    const table = make('table', 'me-table');
    table.appendChild(make('caption', '', `${item.n + 1}. ${item.title[lang]}`));
    const row = (name, cells, head = 'td') => {
      const line = make('tr');
      const first = make('th', '', name);
      first.scope = 'row';
      line.append(first, ...cells.map((text) => make(head, '', text)));
      table.appendChild(line);
    };
    row(words.column, item.names.map((_, i) => slots[i]));
    const names = item.names.map((name) => name[lang]);
    row(words.name, names.map((name, i) => (name === item.variants[i] ? name : `${name} · ${item.variants[i]}`)), 'th');
    scales.forEach((scale) => row(words[scale], item.marks.map((mark) => String(mark[scale]))));
    row(words.rank, item.marks.map((mark) => String(mark.rank)));
    if (item.marks.some((mark) => mark.danger)) row(words.danger, item.marks.map((mark) => (mark.danger ? '⚠' : '')));
    row(words.rules, item.rules); // rounded by the server, as on the other pages
    const wide = make('div', 'me-scroll');
    wide.appendChild(table);
    box.appendChild(wide);
  });
  return box;
};
