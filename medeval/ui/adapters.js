// Copies the command beside a copy button, or the link that the button names; where the browser forbids it, the text is selected instead.
(() => {
  'use strict';
  document.addEventListener('click', async (event) => {
    const button = event.target.closest && event.target.closest('.me-ad-copy');
    if (!button) return;
    const link = button.dataset.copy;
    const code = button.parentElement.querySelector(link ? 'a' : 'code');
    if (!code) return;
    try {
      await navigator.clipboard.writeText(link ? new URL(link, document.baseURI).href : code.textContent);
      button.classList.add('me-ad-copied');
      setTimeout(() => button.classList.remove('me-ad-copied'), 1500);
    } catch {
      window.getSelection().selectAllChildren(code);
    }
  });
})();
