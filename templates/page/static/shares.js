// What goes on by itself between two messages: how much of a lease is left, and how far a gate run has come. One timer for both, asleep
// while the page is hidden or shows neither.
import { onChange } from './patch.js';
import { now } from './times.js';

const EVERY = 5000;
let timer = 0;

function all() {
  clearTimeout(timer);
  timer = 0;
  const leases = document.querySelectorAll('#view [data-until]'), runs = document.querySelectorAll('#view [data-from]');
  for (const one of leases) lease(one);
  for (const one of runs) run(one);
  if (!document.hidden && (leases.length || runs.length)) timer = setTimeout(all, EVERY);
}

// Amber below a quarter.
function lease(one) {
  const share = Math.max(0, Math.min(1, (+one.dataset.until - now()) / (+one.dataset.ttl || 1)));
  put(one, share);
  const low = share < 0.25;
  if (one.classList.contains('amber') !== low) one.classList.toggle('amber', low);
}

// Against what the last ones took; one that takes longer stays near its end, without a figure.
function run(one) {
  const typical = +one.dataset.typical, share = typical ? (now() - +one.dataset.from) / typical : 0;
  put(one, Math.max(0, Math.min(0.97, share)));
  const figure = one.querySelector('.pc');
  const text = share < 0.97 ? Math.max(0, Math.floor(share * 100)) + '\u00a0%' : 'longer than usual';
  if (figure && figure.textContent !== text) figure.textContent = text;
}

function put(one, share) {
  const text = share.toFixed(3);
  if (one._share === text) return;
  one._share = text;
  one.style.setProperty('--p', text);
}

onChange(all);
document.addEventListener('visibilitychange', all);
