// The image of a sitting: zoom, pan, and window/level for grey images, drawn on a canvas in the browser alone.
window.meReviewImage = (() => {
  'use strict';

  const make = (tag, name, text) => {
    const element = document.createElement(tag);
    if (name) element.className = name;
    if (text !== undefined) element.textContent = text;
    return element;
  };

  // Whether the picture has no colour: every 97th pixel is looked at.
  const isGrey = (pixels) => {
    for (let i = 0; i < pixels.length; i += 4 * 97) {
      if (Math.abs(pixels[i] - pixels[i + 1]) > 6 || Math.abs(pixels[i] - pixels[i + 2]) > 6) return false;
    }
    return true;
  };

  // The picture mapped so that `level` becomes middle grey and `window` spans black to white (both 0 to 255).
  const toned = (source, target, level, span) => {
    const table = new Uint8ClampedArray(256);
    for (let v = 0; v < 256; v += 1) table[v] = ((v - level) / Math.max(1, span) + 0.5) * 255;
    for (let i = 0; i < source.data.length; i += 4) {
      target.data[i] = table[source.data[i]];
      target.data[i + 1] = table[source.data[i + 1]];
      target.data[i + 2] = table[source.data[i + 2]];
      target.data[i + 3] = source.data[i + 3];
    }
  };

  return (sources, words) => {
    const panel = make('section', 'me-rv-image');
    const stage = make('div', 'me-rv-stage');
    const canvas = document.createElement('canvas');
    canvas.setAttribute('role', 'img');
    stage.setAttribute('aria-label', words.zoom);
    stage.appendChild(canvas);
    const tools = make('div', 'me-rv-tools');
    const picks = make('div', 'me-rv-picks');
    panel.append(stage, picks, tools);
    const view = { at: 0, scale: 1, x: 0, y: 0, level: 128, span: 255, grey: false };
    let source = null;
    let target = null;

    const slider = (name, low, high, key) => {
      const label = make('label', '', name);
      const input = make('input');
      Object.assign(input, { type: 'range', min: low, max: high, value: view[key] });
      input.addEventListener('input', () => { view[key] = Number(input.value); draw(); });
      label.appendChild(input);
      tools.appendChild(label);
      return input;
    };
    const level = slider(words.level, 0, 255, 'level');
    const span = slider(words.window, 4, 400, 'span');
    const reset = make('button', 'me-rv-small', words.reset);
    reset.type = 'button';
    tools.appendChild(reset);

    const place = () => {
      canvas.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
      stage.classList.toggle('me-rv-zoomed', view.scale > 1);
    };
    const draw = () => {
      if (!source) return;
      const context = canvas.getContext('2d');
      if (view.grey && (view.level !== 128 || view.span !== 255)) {
        toned(source, target, view.level, view.span);
        context.putImageData(target, 0, 0);
      } else context.putImageData(source, 0, 0);
    };
    const zoom = (factor, x = 0, y = 0) => {
      const next = Math.min(8, Math.max(1, view.scale * factor));
      // The point under the pointer (from the middle of the stage) stays where it is.
      view.x = next === 1 ? 0 : x - ((x - view.x) * next) / view.scale;
      view.y = next === 1 ? 0 : y - ((y - view.y) * next) / view.scale;
      view.scale = next;
      place();
    };
    const restore = () => {
      Object.assign(view, { scale: 1, x: 0, y: 0, level: 128, span: 255 });
      level.value = 128;
      span.value = 255;
      place();
      draw();
    };
    const load = (index) => {
      view.at = index;
      const image = new Image();
      image.onload = () => {
        if (view.at !== index) return;
        canvas.width = image.naturalWidth;
        canvas.height = image.naturalHeight;
        const context = canvas.getContext('2d', { willReadFrequently: true });
        context.drawImage(image, 0, 0);
        source = context.getImageData(0, 0, canvas.width, canvas.height);
        target = context.createImageData(canvas.width, canvas.height);
        view.grey = isGrey(source.data);
        for (const input of [level, span]) input.parentElement.hidden = !view.grey;
        restore();
        panel.dataset.ready = 'true';
      };
      image.src = sources[index];
      canvas.setAttribute('aria-label', `${words.image} ${index + 1}`);
      [...picks.children].forEach((pick, i) => pick.setAttribute('aria-pressed', String(i === index)));
    };

    reset.addEventListener('click', restore);
    stage.addEventListener('wheel', (event) => {
      event.preventDefault();
      const box = stage.getBoundingClientRect();
      zoom(event.deltaY < 0 ? 1.25 : 0.8, event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2);
    }, { passive: false });
    let grip = null;
    stage.addEventListener('pointerdown', (event) => {
      grip = { x: event.clientX - view.x, y: event.clientY - view.y };
      stage.setPointerCapture(event.pointerId);
    });
    stage.addEventListener('pointermove', (event) => {
      if (!grip || view.scale === 1) return;
      view.x = event.clientX - grip.x;
      view.y = event.clientY - grip.y;
      place();
    });
    stage.addEventListener('pointerup', () => { grip = null; });
    stage.addEventListener('dblclick', () => (view.scale > 1 ? restore() : zoom(2.5)));
    if (sources.length > 1) {
      sources.forEach((_, i) => {
        const pick = make('button', 'me-rv-small', String(i + 1));
        pick.type = 'button';
        pick.addEventListener('click', () => load(i));
        picks.appendChild(pick);
      });
    }
    load(0);
    const shift = (input, step) => { input.value = Number(input.value) + step; input.dispatchEvent(new Event('input')); };
    const keys = {
      '+': () => zoom(1.25), '=': () => zoom(1.25), '-': () => zoom(0.8), 0: restore,
      '[': () => shift(level, -8), ']': () => shift(level, 8), ',': () => shift(span, -12), '.': () => shift(span, 12),
      i: () => load((view.at + 1) % sources.length),
    };
    return { panel, key: (name) => { if (!keys[name]) return false; keys[name](); return true; } };
  };
})();
