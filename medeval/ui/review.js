// A sitting: shows one case with anonymous answers, takes marks by key or pointer, saves each at once.
// Works only on the reviewers' page; texts enter as textContent alone.
(() => {
  'use strict';
  const root = document.getElementById('me-review');
  const data = document.getElementById('me-rv-data');
  if (!root || !data) return;
  const { lang, words, scales, slots } = JSON.parse(data.textContent);
  const ROWS = [...scales, 'rank'];
  const FLAG = ROWS.length; // after an answer's last mark the cursor rests on its flag
  const SETTLE = 1000; // milliseconds in which a press still meant for the last case shows no names
  const here = location.pathname.replace(/\/$/, '').split('/').pop();
  const id = (name) => document.getElementById(name);
  if (matchMedia('(prefers-color-scheme: dark)').matches) document.documentElement.classList.add('dark');

  let stop = null; // what the server sent
  let marks = []; // what is filled in, by column
  let at = { column: 0, row: 0 };
  let viewer = null;
  let asking = false; // a reason is being typed
  let busy = false;
  let waiting = null; // a draft still to be sent
  let sending = null; // the request under way
  let typing = 0;

  const { make, button, card, question } = window.meReviewParts({ lang, words, scales, slots });
  const half = (text) => {
    const [zh, en] = String(text).split(' / ');
    return en === undefined ? text : lang === 'zh' ? zh : en;
  };
  const say = (text, kind = '') => { id('me-rv-state').textContent = text; id('me-rv-state').className = kind; };

  const call = async (path, body) => {
    const options = body === undefined ? {} : {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body), keepalive: true,
    };
    let reply;
    try { reply = await fetch(`${here}/${path}`, options); } catch { throw new Error(words.offline); }
    const found = await reply.json().catch(() => ({ error: words.offline }));
    if (!reply.ok) throw new Error(half(found.error || words.offline));
    return found;
  };
  const guarded = async (work) => {
    if (busy) return;
    busy = true;
    try { await work(); } catch (error) { say(error.message, 'me-rv-bad'); } finally { busy = false; }
  };

  const saved = () => stop.marks !== null;
  const missing = () => {
    for (let column = 0; column < marks.length; column += 1) {
      for (let row = 0; row < ROWS.length; row += 1) if (!marks[column][ROWS[row]]) return { column, row };
    }
    return null;
  };

  // Drafts: one request at a time, the newest content next; "kept" is said only once nothing is waiting.
  const send = async () => {
    while (waiting) {
      const body = waiting;
      waiting = null;
      await call('draft', body);
    }
    say(words.unsaved);
  };
  const keep = () => {
    clearTimeout(typing);
    typing = 0;
    waiting = { n: stop.n, marks: JSON.parse(JSON.stringify(marks)) };
    say(words.saving);
    if (!sending) sending = send().catch((error) => say(error.message, 'me-rv-bad')).finally(() => { sending = null; });
  };
  const keepSoon = () => { clearTimeout(typing); typing = setTimeout(keep, 350); };
  const settled = async () => { if (typing) keep(); await sending; };
  addEventListener('pagehide', () => {
    if (typing) keep();
    if (waiting) call('draft', waiting).catch(() => {});
  });

  const set = (column, name, value) => {
    if (saved() || asking || busy) return;
    marks[column][name] = value;
    paint();
    keep();
  };

  const show = () => {
    root.replaceChildren();
    const body = make('div', 'me-rv-body');
    viewer = stop.images.length ? window.meReviewImage(stop.images, words) : null;
    if (viewer) body.appendChild(viewer.panel);
    const right = make('div', 'me-rv-right');
    right.appendChild(question(stop));
    const grid = make('div', 'me-grid');
    grid.style.setProperty('--n', stop.answers.length);
    const acts = {
      pick: (column, row, value) => { at = { column, row }; set(column, ROWS[row], value); },
      flag: (column) => set(column, 'danger', !marks[column].danger),
      note: (column, text) => { marks[column].comment = text; keepSoon(); },
    };
    stop.answers.forEach((answer, column) => grid.appendChild(card(answer, column, marks, acts)));
    right.append(grid, make('p', 'me-quiet me-rv-tip', words.rank_tip), make('div', 'me-rv-foot'));
    body.appendChild(right);
    root.appendChild(body);
    paint();
    scrollTo(0, 0);
  };

  const paint = () => {
    document.querySelectorAll('.me-rv-scale').forEach((line) => {
      const [column, row] = line.dataset.cell.split('-').map(Number);
      line.classList.toggle('me-rv-here', !saved() && column === at.column && row === at.row);
      line.querySelectorAll('button').forEach((pick) => {
        const on = marks[column][ROWS[row]] === Number(pick.dataset.value);
        pick.setAttribute('aria-checked', String(on));
        pick.disabled = saved();
      });
    });
    document.querySelectorAll('[data-flag]').forEach((flag) => {
      flag.setAttribute('aria-pressed', String(Boolean(marks[flag.dataset.flag].danger)));
      flag.classList.toggle('me-rv-rest', !saved() && at.row === FLAG && Number(flag.dataset.flag) === at.column);
      flag.disabled = saved();
    });
    document.querySelectorAll('[data-note]').forEach((note) => { note.readOnly = saved(); });
    root.classList.toggle('me-rv-locked', saved());
    foot();
    const done = stop.rated.length;
    id('me-rv-count').textContent = `${stop.n + 1}/${stop.total}`;
    id('me-rv-fill').style.width = `${(100 * done) / stop.total}%`;
    const line = document.querySelector('.me-rv-here');
    if (line) line.scrollIntoView({ block: 'nearest' });
  };

  const foot = () => {
    const box = document.querySelector('.me-rv-foot');
    box.replaceChildren();
    if (asking) {
      const reason = make('input', 'me-rv-reason');
      Object.assign(reason, { placeholder: words.reason, maxLength: 500, id: 'me-rv-reason' });
      box.append(reason, button('me-rv-main', words.confirm, () => takeBack(reason.value)),
        button('me-rv-small', words.cancel, () => { asking = false; paint(); }));
      reason.focus();
      return;
    }
    if (stop.n > 0) box.appendChild(button('me-rv-small', words.back, () => go(stop.n - 1)));
    if (saved()) {
      box.append(make('span', 'me-quiet', words.locked), button('me-rv-small', words.undo, askWhy),
        button('me-rv-main', words.next, onward));
    } else {
      box.appendChild(button('me-rv-main', words.save, save));
    }
  };

  // moving on

  const take = (found) => {
    stop = found;
    asking = false;
    const filled = found.marks || (Array.isArray(found.draft) ? found.draft : []);
    marks = found.answers.map((_, i) => ({ danger: false, comment: '', ...(filled[i] || {}) }));
    at = missing() || { column: 0, row: 0 };
    say('');
    if (found.finished) return guardedReveal();
    return show();
  };
  const go = (n) => guarded(async () => { await settled(); take(await call(n === undefined ? 'stop' : `stop?n=${n}`)); });
  const onward = () => {
    if (stop.complete) return lastPage();
    return go(stop.n + 1 < stop.total && stop.rated.includes(stop.n + 1) ? stop.n + 1 : undefined);
  };
  const save = () => guarded(async () => {
    const open = missing();
    if (open) {
      at = open;
      paint();
      say(`${words.missing} ${slots[open.column]} · ${words[ROWS[open.row]]}`, 'me-rv-bad');
      return;
    }
    await settled();
    await call('rate', { n: stop.n, marks });
    const next = await call('stop');
    if (next.complete) { stop = next; lastPage(); } else take(next);
    say(words.saved, 'me-rv-ok');
  });
  const askWhy = () => { asking = true; paint(); };
  const takeBack = (reason) => guarded(async () => {
    await call('back', { n: stop.n, reason });
    take(await call(`stop?n=${stop.n}`));
  });
  const undo = () => guarded(async () => {
    await settled();
    if (!saved() && stop.n > 0 && !stop.complete) take(await call(`stop?n=${stop.n - 1}`));
    else if (document.querySelector('.me-rv-last')) take(await call(`stop?n=${stop.total - 1}`));
    if (saved()) askWhy();
  });

  const lastPage = () => {
    viewer = null;
    const box = make('section', 'me-rv-last');
    box.append(make('h1', '', words.done_title), make('p', '', words.done_text));
    const buttons = make('div', 'me-rv-foot');
    const show = button('me-rv-main', words.reveal, reveal);
    show.id = 'me-rv-reveal';
    show.disabled = true;
    setTimeout(() => { show.disabled = false; }, SETTLE);
    buttons.append(button('me-rv-small', words.back, () => go(stop.total - 1)), show);
    box.appendChild(buttons);
    root.replaceChildren(box);
    id('me-rv-count').textContent = `${stop.total}/${stop.total}`;
    id('me-rv-fill').style.width = '100%';
  };
  const reveal = () => guarded(async () => { await call('finish', {}); await showNames(); });
  const guardedReveal = () => { showNames().catch((error) => say(error.message, 'me-rv-bad')); };

  const showNames = async () => {
    const { stops } = await call('revealed');
    root.replaceChildren(window.meReviewNames(stops, { lang, words, scales, slots }));
    id('me-rv-count').textContent = `${stops.length}/${stops.length}`;
    id('me-rv-fill').style.width = '100%';
    say('');
  };

  // keys

  const step = (columns, rows) => {
    const column = (at.column + columns + marks.length) % marks.length;
    let row = (at.row + rows + ROWS.length) % ROWS.length;
    if (at.row === FLAG) row = rows < 0 ? FLAG - 1 : 0; // from the flag: up to the place, else to the top of an answer
    at = { column, row };
    paint();
  };
  const press = (digit) => {
    if (saved() || busy) return;
    const { column, row } = at.row < FLAG ? at : { column: at.column + 1, row: 0 };
    const name = ROWS[row];
    if (column >= marks.length || digit < 1 || digit > (name === 'rank' ? marks.length : 5)) return;
    at = { column, row: row + 1 };
    set(column, name, digit);
  };
  const inCase = {
    ArrowLeft: () => step(-1, 0), ArrowRight: () => step(1, 0), ArrowUp: () => step(0, -1), ArrowDown: () => step(0, 1),
    d: () => set(at.column, 'danger', !marks[at.column].danger),
    c: () => { const note = document.querySelector(`[data-note="${at.column}"]`); note.focus(); },
    Enter: () => (saved() ? onward() : save()), u: undo, Backspace: () => { if (stop.n > 0) go(stop.n - 1); },
  };
  // Enter saved the last case, so it shows no names: that takes a key of its own
  const atEnd = { r: () => id('me-rv-reveal').click(), u: undo, Backspace: () => go(stop.total - 1) };
  document.addEventListener('keydown', (event) => {
    const target = event.target;
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || !stop) return;
    if (target.matches('input:not([type=range]), textarea')) {
      if (target.id === 'me-rv-reason' && event.key === 'Enter') takeBack(target.value);
      else if (event.key === 'Escape' || (event.key === 'Enter' && !event.shiftKey)) {
        if (asking) { asking = false; paint(); }
        target.blur();
      } else return;
      event.preventDefault();
      return;
    }
    if (target.matches('a, summary, input[type=range], .me-rv-foot button, .me-rv-image button') && event.key === 'Enter') return;
    if (target.matches('input[type=range]') && event.key.startsWith('Arrow')) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (document.querySelector('.me-rv-names')) return;
    const acts = document.querySelector('.me-rv-last') ? atEnd : inCase;
    if (acts === inCase && /^[1-9]$/.test(key)) press(Number(key));
    else if (acts[key]) acts[key]();
    else if (!(viewer && viewer.key(key))) return;
    event.preventDefault();
  });

  guarded(async () => {
    const found = await call('stop');
    if (found.complete && !found.finished) { stop = found; lastPage(); } else take(found);
  });
})();
