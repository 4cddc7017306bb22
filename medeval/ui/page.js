// Keys, tooltips and the image lightbox. Works on the page's own HTML by delegation; text enters only as textContent.
(() => {
  'use strict';

  const shown = (selector) => {
    const found = document.querySelector(selector);
    return found && found.offsetParent !== null ? found : null;
  };

  // Lightbox
  let light = null;
  const close = () => { if (light) { light.remove(); light = null; } };
  const open = (source) => {
    close();
    light = document.createElement('div');
    light.className = 'me-light';
    light.setAttribute('role', 'dialog');
    light.setAttribute('aria-modal', 'true');
    const image = document.createElement('img');
    image.src = source;
    let scale = 1;
    const zoom = (factor) => {
      scale = Math.min(8, Math.max(1, scale * factor));
      image.style.transform = `scale(${scale})`;
    };
    light.addEventListener('wheel', (event) => {
      event.preventDefault();
      const box = image.getBoundingClientRect();
      if (scale === 1) {
        image.style.transformOrigin =
          `${(100 * (event.clientX - box.left)) / box.width}% ${(100 * (event.clientY - box.top)) / box.height}%`;
      }
      zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2);
    }, { passive: false });
    light.addEventListener('click', (event) => {
      if (event.target !== image) { close(); return; }
      const box = image.getBoundingClientRect();
      if (scale > 1) { scale = 1; image.style.transform = ''; return; }
      image.style.transformOrigin =
        `${(100 * (event.clientX - box.left)) / box.width}% ${(100 * (event.clientY - box.top)) / box.height}%`;
      zoom(2.5);
    });
    light.appendChild(image);
    document.body.appendChild(light);
  };

  // Tooltip
  let tip = null;
  let owner = null;
  const hide = () => { if (tip) tip.style.display = 'none'; owner = null; };
  const show = (target) => {
    if (!target.dataset.tip) return;
    if (!tip) {
      tip = document.createElement('div');
      tip.className = 'me-tip';
      tip.setAttribute('role', 'tooltip');
      document.body.appendChild(tip);
    }
    owner = target;
    tip.textContent = target.dataset.tip;
    tip.style.display = 'block';
    const at = target.getClientRects()[0] || target.getBoundingClientRect();
    const size = tip.getBoundingClientRect();
    const left = Math.min(Math.max(8, at.left), window.innerWidth - size.width - 8);
    const below = at.bottom + 6 + size.height < window.innerHeight;
    tip.style.left = `${left}px`;
    tip.style.top = `${below ? at.bottom + 6 : Math.max(8, at.top - size.height - 6)}px`;
  };
  const tipped = (event) => event.target.closest && event.target.closest('[data-tip]');
  for (const kind of ['mouseover', 'focusin']) {
    document.addEventListener(kind, (event) => {
      const target = tipped(event);
      if (target) show(target); else if (owner && !document.body.contains(owner)) hide();
    });
  }
  for (const kind of ['mouseout', 'focusout', 'scroll']) document.addEventListener(kind, hide, true);

  document.addEventListener('click', (event) => {
    const picture = event.target.closest && event.target.closest('.me-pic');
    if (picture) open(picture.querySelector('img').src);
  });

  // On a phone the answers stand far below the question: go there when it is asked.
  document.addEventListener('click', (event) => {
    if (window.innerWidth > 820 || !event.target.closest || !event.target.closest('#me-ask')) return;
    const question = document.querySelector('#me-question');
    if (question) question.scrollIntoView({ behavior: 'smooth', block: 'start' });
  });

  document.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      const following = document.activeElement && document.activeElement.closest('#me-follow-box');
      const button = following ? shown('#me-send') : shown('#me-ask');
      if (button) { event.preventDefault(); event.stopPropagation(); button.click(); }
    } else if (event.key === 'Escape') {
      if (light) { close(); return; }
      hide();
      const stop = shown('#me-stop');
      if (stop) stop.click();
    }
  }, true);
})();
