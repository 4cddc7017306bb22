// The Evaluate tab: filtering and sorting the matrix, and which two runs are ticked. Text is never made into markup.
(() => {
  'use strict';

  const state = { tag: '', filters: new Set(), sort: null, down: true, ticks: [] };

  window.meTicked = (element, last) => {
    let ticked = [...element.querySelectorAll('[data-tick]')].filter((box) => box.checked);
    if (ticked.length > 2) {
      const drop = ticked.find((box) => box !== last);
      drop.checked = false;
      ticked = ticked.filter((box) => box !== drop);
    }
    state.ticks = ticked.map((box) => box.dataset.tick);
    return state.ticks;
  };

  // The list is drawn anew while a run goes on; a single tick is known only here.
  const tickAgain = (list) => {
    const boxes = [...list.querySelectorAll('[data-tick]')];
    const given = boxes.filter((box) => box.checked).map((box) => box.dataset.tick);
    if (given.length === 2) state.ticks = given;
    boxes.forEach((box) => { box.checked = state.ticks.includes(box.dataset.tick); });
  };

  const passes = (row) =>
    (!state.tag || row.dataset.tags.split(' ').includes(state.tag)) &&
    [...state.filters].every((name) => row.dataset[name] === '1');

  const value = (row, column) => {
    const cell = row.querySelectorAll('td')[column];
    return cell && cell.dataset.value !== '' ? Number(cell.dataset.value) : null;
  };

  const compare = (a, b) => {
    const natural = Number(a.dataset.place) - Number(b.dataset.place);
    if (state.sort === null) return natural;
    if (state.sort === 'case') return state.down ? natural : -natural;
    const [left, right] = [value(a, state.sort), value(b, state.sort)];
    if (left === null || right === null) return (left === null) - (right === null) || natural;
    return (state.down ? right - left : left - right) || natural;
  };

  const apply = (root) => {
    const body = root.querySelector('tbody');
    if (!body) return;
    const select = root.querySelector('[data-tag]');
    if (![...select.options].some((option) => option.value === state.tag)) state.tag = '';
    select.value = state.tag;
    root.querySelectorAll('[data-filter]').forEach((chip) =>
      chip.setAttribute('aria-pressed', String(state.filters.has(chip.dataset.filter))));
    root.querySelectorAll('[data-sort]').forEach((head) => {
      const mine = String(state.sort) === head.dataset.sort;
      head.parentElement.setAttribute('aria-sort', mine ? (state.down ? 'descending' : 'ascending') : 'none');
    });
    const rows = [...body.rows];
    const wanted = [...rows].sort(compare);
    if (wanted.some((row, place) => row !== rows[place])) body.append(...wanted);
    let left = 0;
    for (const row of wanted) {
      row.hidden = !passes(row);
      left += row.hidden ? 0 : 1;
    }
    root.querySelector('.me-ev-none').hidden = left > 0;
  };

  const within = (event, selector) => event.target.closest && event.target.closest(`#me-ev-matrix ${selector}`);
  const root = () => document.querySelector('#me-ev-matrix .me-ev-matrix');

  document.addEventListener('click', (event) => {
    const chip = within(event, '[data-filter]');
    const head = within(event, '[data-sort]');
    if (chip) {
      const name = chip.dataset.filter;
      if (!state.filters.delete(name)) state.filters.add(name);
      apply(root());
    } else if (head) {
      const key = head.dataset.sort === 'case' ? 'case' : Number(head.dataset.sort);
      if (state.sort !== key) { state.sort = key; state.down = true; } else if (state.down) state.down = false;
      else state.sort = null;
      apply(root());
    } else if (within(event, '[data-open]')) {
      const row = within(event, 'tr');
      row.parentElement.querySelectorAll('[aria-current]').forEach((other) => other.removeAttribute('aria-current'));
      row.setAttribute('aria-current', 'true');
      window.meWanted = true;
    }
  });
  document.addEventListener('change', (event) => {
    const select = within(event, '[data-tag]');
    if (select) { state.tag = select.value; apply(root()); }
  });

  // New HTML arrives from the server at any time: keep the filter, and bring asked-for answers into view once.
  let seen = null;
  let list = null;
  new MutationObserver(() => {
    const now = root();
    if (now && now !== seen) { seen = now; apply(now); }
    const runs = document.querySelector('#me-ev-runs .me-ev-runs');
    if (runs && runs !== list) { list = runs; tickAgain(runs); }
    const detail = window.meWanted && document.querySelector('#me-ev-detail .me-ev-detail');
    if (detail) {
      window.meWanted = false;
      detail.scrollIntoView({ behavior: 'smooth', block: 'start' });
    }
  }).observe(document.documentElement, { subtree: true, childList: true });
})();
