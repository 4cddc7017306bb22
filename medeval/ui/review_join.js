// The name of a reviewer goes out by fetch: a plain form would carry "Origin: null" under our referrer policy.
(() => {
  'use strict';
  const form = document.getElementById('me-rv-join');
  if (!form) return;
  const lang = document.documentElement.lang;
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const options = { method: 'POST', body: JSON.stringify({ name: form.elements.name.value }) };
    const found = await fetch(location.pathname, options).then((reply) => reply.json(), () => ({ error: '…' }));
    if (found.to) location.href = `../${found.to}?lang=${lang}`;
    else {
      const [zh, en] = String(found.error).split(' / ');
      document.getElementById('me-rv-wrong').textContent = lang === 'zh' || !en ? zh : en;
    }
  });
})();
