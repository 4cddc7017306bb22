// Parts of a sitting's page: the question, and one anonymous answer with its scales. They know nothing of saving.
window.meReviewParts = (page) => {
  'use strict';
  const { lang, words, scales, slots } = page;
  const ROWS = [...scales, 'rank'];

  const make = (tag, name, text) => {
    const element = document.createElement(tag);
    if (name) element.className = name;
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const button = (name, text, act) => {
    const element = make('button', name, text);
    element.type = 'button';
    element.addEventListener('click', act);
    return element;
  };

  const scale = (column, row, columns, acts) => {
    const name = ROWS[row];
    const line = make('div', 'me-rv-scale');
    line.dataset.cell = `${column}-${row}`;
    line.setAttribute('role', 'radiogroup');
    line.setAttribute('aria-label', `${slots[column]} ${words[name]}`);
    line.appendChild(make('span', '', words[name]));
    const levels = make('div', 'me-rv-levels');
    for (let value = 1; value <= (name === 'rank' ? columns : 5); value += 1) {
      const pick = button('', String(value), () => acts.pick(column, row, value));
      pick.setAttribute('role', 'radio');
      pick.tabIndex = -1;
      pick.dataset.value = value;
      levels.appendChild(pick);
    }
    line.appendChild(levels);
    return line;
  };

  const card = (answer, column, marks, acts) => {
    const box = make('article', 'me-card me-rv-card');
    const head = make('header');
    const flag = button('me-rv-flag', `⚠ ${words.danger}`, () => acts.flag(column));
    flag.tabIndex = -1;
    flag.dataset.flag = column;
    head.append(make('h3', '', slots[column]), flag);
    box.appendChild(head);
    if (answer.thought) {
      const thought = make('details', 'me-think');
      thought.append(make('summary', '', words.thought), make('div', 'me-text', answer.thought));
      box.appendChild(thought);
    }
    box.appendChild(make('div', 'me-text', answer.text || words.empty));
    const form = make('div', 'me-rv-form');
    ROWS.forEach((_, row) => form.appendChild(scale(column, row, marks.length, acts)));
    const note = make('textarea', 'me-rv-note');
    Object.assign(note, { rows: 1, maxLength: 4000, placeholder: words.comment, tabIndex: -1 });
    note.dataset.note = column;
    note.setAttribute('aria-label', `${slots[column]} ${words.comment}`);
    note.value = marks[column].comment || '';
    note.addEventListener('input', () => acts.note(column, note.value));
    form.appendChild(note);
    box.appendChild(form);
    return box;
  };

  // What OCR read of a lab report; doubtful figures are marked, none was changed.
  const says = (rows) => {
    const box = make('details', 'me-says');
    box.appendChild(make('summary', '', `${words.says} (${rows.length})`));
    const table = make('table', 'me-table');
    rows.forEach((row) => {
      const line = make('tr');
      const range = row.low && row.high ? `${row.low}–${row.high}` : row.high ? `<${row.high}` : row.low ? `>${row.low}` : '';
      line.append(
        make('td', '', [row.name, row.abbr].filter(Boolean).join(' ')),
        make('td', row.low_confidence ? 'me-unsure' : '', row.low_confidence ? `${row.value} ?` : row.value),
        make('td', '', row.flag), make('td', '', row.unit), make('td', '', range));
      table.appendChild(line);
    });
    box.appendChild(table);
    return box;
  };

  const question = (stop) => {
    const box = make('section', 'me-rv-question');
    box.appendChild(make('div', 'me-title', `${words.case} ${stop.n + 1} / ${stop.total}`));
    if (stop.history.length) {
      const earlier = make('details', 'me-past');
      earlier.appendChild(make('summary', '', words.earlier_turns));
      stop.history.forEach((turn) => earlier.appendChild(
        make('p', '', `${turn.role === 'user' ? words.user : words.assistant}${lang === 'zh' ? '：' : ': '}${turn.text}`)));
      box.appendChild(earlier);
    }
    box.appendChild(make('div', 'me-prompt', stop.prompt));
    stop.says.forEach((rows) => box.appendChild(says(rows)));
    return box;
  };

  return { make, button, card, question };
};
