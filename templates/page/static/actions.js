// What is said for a moment, what is copied, and dialogs.
let timer = 0;

export function say(text) {
  const toast = document.getElementById('toast');
  toast.textContent = text;
  toast.classList.add('on');
  clearTimeout(timer);
  timer = setTimeout(() => toast.classList.remove('on'), 2600);
}

export async function copy(text) {
  try { await navigator.clipboard.writeText(text); } catch {
    const area = document.createElement('textarea');
    area.value = text;
    area.className = 'vh';
    document.body.append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }
  say('Copied: ' + text);
}

document.addEventListener('click', event => {
  const button = event.target.closest('[data-copy]');
  if (button) { event.preventDefault(); copy(button.dataset.copy); }
});
for (const dialog of document.querySelectorAll('dialog')) dialog.addEventListener('click', event => { if (event.target === dialog) dialog.close(); });
