// Copies the command beside a copy button; where the browser forbids it, the text is selected instead.
(() => {
  'use strict';
  document.addEventListener('click', async (event) => {
    const button = event.target.closest && event.target.closest('.me-ad-copy');
    const code = button && button.parentElement.querySelector('code');
    if (!code) return;
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.classList.add('me-ad-copied');
      setTimeout(() => button.classList.remove('me-ad-copied'), 1500);
    } catch {
      window.getSelection().selectAllChildren(code);
    }
  });
})();
