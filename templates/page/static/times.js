// Every time ticks: one timer for all of them, asleep while the page is hidden. What changes by the second does so only where it is seen.
let offset = 0;
let timer = 0;
const due = new Map(); // the second in which a time's text changes -> elements
const seconds = new Set(); // elements by the second that are not seen now
const seen = new WeakSet();
const watch = new IntersectionObserver(entries => {
  for (const one of entries) {
    if (!one.isIntersecting) { seen.delete(one.target); continue; }
    seen.add(one.target);
    if (seconds.delete(one.target)) tick(one.target);
  }
  arm();
});

export const now = () => Math.floor(Date.now() / 1000) + offset;

// The server's clock is the one that the times are by.
export function setNow(server) {
  const off = server - Math.floor(Date.now() / 1000);
  if (Math.abs(off - offset) > 1) offset = off;
}

export function span(total) {
  const s = Math.max(0, Math.floor(total));
  if (s < 60) return s + '\u00a0s';
  if (s < 3600) return Math.floor(s / 60) + '\u00a0m';
  if (s < 86400) { const m = Math.floor(s % 3600 / 60); return Math.floor(s / 3600) + '\u00a0h' + (m ? ' ' + m + '\u00a0m' : ''); }
  const h = Math.floor(s % 86400 / 3600);
  return Math.floor(s / 86400) + '\u00a0d' + (h && s < 864000 ? ' ' + h + '\u00a0h' : '');
}

export function ticking(root) {
  const found = root.querySelectorAll ? [...root.querySelectorAll('time[data-at]')] : [];
  if (root.matches?.('time[data-at]')) found.push(root);
  for (const one of found) tick(one);
  arm();
}

function tick(one) {
  const at = +one.dataset.at, how = one.dataset.as, t = now();
  if (!one._begun) { one._begun = true; one.title = new Date(at * 1000).toLocaleString(); }
  if (how === 'clock') { put(one, new Date(at * 1000).toTimeString().slice(0, 5)); return; }
  const rough = +one.dataset.step || 1; // nobody waits for its seconds
  const exact = how === 'left' ? at - t : t - at, s = exact < 60 ? exact - exact % rough : exact;
  put(one, how === 'left' && s <= 0 ? 'over' : span(s) + (how === 'ago' ? ' ago' : ''));
  const step = s < 60 ? rough : s < 86400 ? 60 : 3600;
  if (how === 'left' && s <= 0) return;
  if (s < 60 && !one._watched) { one._watched = true; watch.observe(one); }
  if (s >= 60 && one._watched) { one._watched = false; watch.unobserve(one); }
  if (s < 60 && !seen.has(one)) { seconds.add(one); return; }
  const next = how === 'left' ? t + (s % step || step) + (step > 1 ? 1 : 0) : t + step - (exact % step);
  let bucket = due.get(next);
  if (!bucket) due.set(next, bucket = new Set());
  bucket.add(one);
}

function put(one, text) {
  const node = one.firstChild;
  if (!node) one.textContent = text; else if (node.nodeValue !== text) node.nodeValue = text;
}

// A time that shows another moment now.
export function retime(one) { one._begun = false; tick(one); }

function arm() {
  if (timer || document.hidden || !due.size) return;
  let first = Infinity;
  for (const second of due.keys()) if (second < first) first = second;
  const wait = (first - offset) * 1000 - Date.now();
  timer = setTimeout(run, Math.max(30, Math.min(wait + 15, 60000)));
}

function run() {
  timer = 0;
  const t = now(), ready = new Set();
  for (const [second, bucket] of due) if (second <= t) { due.delete(second); bucket.forEach(one => ready.add(one)); }
  for (const one of ready) if (one.isConnected) tick(one); else if (one._watched) { watch.unobserve(one); one._watched = false; }
  arm();
}

document.addEventListener('visibilitychange', () => {
  clearTimeout(timer);
  timer = 0;
  if (!document.hidden) run();
});
