// What this browser keeps: the token and its settings, for this origin (port included). No cookie: that would go to every port of the host.
const NAME = 'gitfleet.';

export function kept(key) {
  try { return localStorage.getItem(NAME + key) || ''; } catch { return memory.get(key) || ''; }
}

export function keep(key, value) {
  memory.set(key, value);
  try { if (value) localStorage.setItem(NAME + key, value); else localStorage.removeItem(NAME + key); } catch { /* this page only */ }
}

const memory = new Map();

// A token in the fragment of a link is taken, and leaves the address at once.
export function takeToken() {
  const found = /^#token=([\w-]{16,200})$/.exec(location.hash);
  if (!found) return false;
  keep('token', found[1]);
  history.replaceState(history.state, '', location.pathname + location.search);
  return true;
}

export function ask(path, init = {}) {
  return fetch(path, { ...init, headers: { ...init.headers, Authorization: 'Bearer ' + kept('token') }, credentials: 'omit', redirect: 'error' });
}
