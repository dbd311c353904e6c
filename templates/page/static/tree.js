// The tree of claims. What is folded is not here: which folders are turned is said in the address, and the server sends their rows.
import { put } from './page.js';
import { onChange } from './patch.js';

const field = name => new URL(location).searchParams.get(name) || '';

document.addEventListener('click', event => {
  const fold = event.target.closest('#view [data-fold]');
  if (fold) {
    const turned = new Set(field('open').split('.').filter(Boolean)), name = fold.dataset.fold;
    if (!turned.delete(name)) turned.add(name);
    put({ open: [...turned].join('.') }, { replace: true });
    return;
  }
  const more = event.target.closest('#view [data-more]');
  if (more) put({ rows: more.dataset.more }, { replace: true });
});

// Whether a folder is open is the server's to say, also when one goes back.
onChange(() => {
  for (const one of document.querySelectorAll('#view [data-fold]')) if (one.getAttribute('aria-expanded') !== one.dataset.open) one.setAttribute('aria-expanded', one.dataset.open);
});
