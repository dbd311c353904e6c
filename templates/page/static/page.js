// The start: token, routes, and the state of the whole page. The address is the state: a link gives the view that it was copied from.
import { say } from './actions.js';
import './acts.js';
import * as keys from './keys.js';
import { Live } from './live.js';
import * as patch from './patch.js';
import { keep, kept, takeToken } from './store.js';
import { setNow, span, ticking } from './times.js';
import './shares.js';
import './tree.js';

const $ = (selector, root = document) => root?.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
const pages = $$('#help .kg div:not(.kg-h)').map(one => [...one.querySelectorAll('kbd')].map(k => k.textContent)).filter(one => one[0] === 'g');
const LOCAL = ['q', 'state']; // fields of the address that only the browser looks at
const frame = $$('.mtop,.rail,.foot,.tabs');
let at = { page: '', server: '', id: '' };
let fresh = true;
let opening = false;

/* The address */
const nameOf = path => path.replace(/^\/|\/+$/g, '') || 'overview';
const known = new Set($$('.more-l [href], .tabs [href]').map(one => nameOf(one.getAttribute('href'))));

function parts(url) {
  const fields = new URLSearchParams(url.search);
  const find = document.body.dataset.finds.split(' ').includes(nameOf(url.pathname)) ? ['state'] : LOCAL;
  const asked = new URLSearchParams([...fields].filter(([name]) => !find.includes(name)));
  return { page: nameOf(url.pathname), server: asked.toString(), id: fields.get('id') || '', q: fields.get('q') || '', state: fields.get('state') || '' };
}

export function go(href, { replace = false } = {}) {
  const url = new URL(href, location);
  if (nameOf(url.pathname) === at.page && !replace) {
    const old = new URLSearchParams(location.search);
    for (const name of LOCAL) if (!url.searchParams.has(name) && old.get(name) && url.search) url.searchParams.set(name, old.get(name));
  }
  history[replace ? 'replaceState' : 'pushState'](null, '', url.pathname + url.search);
  route();
}

// Change fields of the address; "" takes one out.
export function put(fields, options) {
  const url = new URL(location);
  for (const [name, value] of Object.entries(fields)) if (value) url.searchParams.set(name, value); else url.searchParams.delete(name);
  go(url, options);
}

function route() {
  const next = parts(new URL(location));
  const other = next.page !== at.page;
  const asks = other || next.server !== at.server;
  if (!other && next.id !== at.id) opening = next.id ? 'open' : 'close';
  const before = at;
  at = next;
  const lost = !known.has(at.page);
  if (lost || !$('#nowhere').hidden) nowhere(lost);
  if (lost) return;
  if (asks) {
    if (other) { live.id = ''; fresh = true; }
    live.go(`/page/${encodeURIComponent(at.page)}/live${at.server ? '?' + at.server : ''}`);
  }
  for (const one of $$('.tabs [data-page], #more [data-page]')) one.toggleAttribute('aria-current', one.dataset.page === at.page);
  mark(before);
  filter();
}

// An address that has no page. What was there is not shown under it.
function nowhere(lost) {
  const told = $('#nowhere');
  $('#main').append(told);
  told.hidden = !lost;
  $('#view').hidden = lost;
  if (!lost) return;
  live.stop();
  live.path = '';
  $('#banner').hidden = true;
  $('[data-text=address]').textContent = location.pathname;
  document.title = 'No such page · gitfleet';
  focus($('h1', told));
}

function mark(before) {
  if (before && before.id !== at.id) patch.rowOf(`${at.page}:${before.id}`)?.removeAttribute('data-own-on');
  if (at.id) patch.rowOf(`${at.page}:${at.id}`)?.setAttribute('data-own-on', '');
}

let narrowed = false;
function filter() {
  const find = $('#view [data-find]');
  if (find && document.activeElement !== find) find.value = at.q;
  for (const one of $$('#view [data-filter]')) one.setAttribute('aria-pressed', one.dataset.filter === at.state);
  if (!find || find.dataset.find === 'server') return;
  const narrow = Boolean(at.q || at.state);
  if (!narrow && !narrowed) return;
  narrowed = narrow;
  const words = at.q.toLowerCase().split(/\s+/).filter(Boolean);
  let some = false, any = false;
  for (const row of $$('#view .list [data-list] > *')) {
    const fits = (!at.state || row.dataset.state === at.state) && (!words.length || words.every(word => (row._text ??= row.textContent.toLowerCase()).includes(word)));
    if (row.hidden === fits) row.hidden = !fits;
    some ||= fits;
    any = true;
  }
  const none = $('#view [data-nomatch]');
  if (none) none.hidden = some || !any;
}

/* What comes */
let turns = 0;
function take(kind, data) {
  const begun = performance.now();
  setNow(data.at);
  if (kind === 'whole') patch.whole(data, fresh); else patch.apply(data);
  const arrived = fresh;
  fresh = false;
  document.title = data.title;
  shownAt = Date.now();
  for (const one of frame) one.hidden = false;
  const unread = $('.rail [data-page=overview] .n')?.textContent;
  if (unread) document.title = `(${unread}) ${data.title}`;
  const name = data.title.split(' · ').at(-2) || '';
  for (const one of $$('[data-text=repository]')) if (one.textContent !== name) one.textContent = name;
  mark(null);
  if (arrived) { if (at.q && $('#view [data-find=server]')) route(); filter(); $('#main').scrollTop = 0; focus($('#view h1')); if (at.id) opening = 'open'; }
  if (opening) settle();
  document.body.dataset.seen = ++turns;
  if (arrived) requestAnimationFrame(() => setTimeout(() => performance.measure('first paint', { start: begun })));
}

// Focus goes into what was opened, and back to the row when it is closed.
function settle() {
  const head = $('#panel:not([hidden]) h2');
  const row = patch.rowOf(`${at.page}:${at.id}`), beside = $('#view #panel');
  if (opening === 'open') { if (beside ? !head : !row) return; focus(beside ? head : row); row?.scrollIntoView({ block: beside ? 'nearest' : 'center' }); } else focus($('[data-row]', last) || $('#view h1'));
  opening = false;
}
let last = null;
const focus = one => one?.focus({ preventScroll: true });

patch.onChange((changed) => {
  for (const one of changed) one._text = undefined;
  filter();
});

/* The state of the whole page */
let shownAt = 0;
function tell(state, since) {
  if (state === 'token') { signIn('That token is not one of this server.'); return; }
  const banner = $('#banner');
  banner.hidden = state === 'live';
  document.body.dataset.live = state;
  for (const one of $$('.live')) one.replaceChildren(sign(state === 'live' ? 'work' : 'stale', state === 'live' ? 'Live' : 'Not live', state === 'live' ? '' : 'amber'));
  if (state === 'live') return;
  const words = document.createElement('span');
  words.append('The stream broke ', timeOf(since), ` ago. ${shownAt ? `This is the state of ${new Date(shownAt).toTimeString().slice(0, 8)}, not of now.` : 'Nothing has come yet.'} ${fresh && shownAt ? 'The page of this address comes once it is back. ' : ''}It is tried again.`);
  const now = document.createElement('button');
  now.className = 'btn';
  now.textContent = 'Try now';
  now.onclick = () => live.again();
  banner.replaceChildren(sign('stale', 'Not live', 'amber w5'), words, now);
  ticking(banner);
}

function timeOf(ms) {
  const one = document.createElement('time');
  one.dateTime = new Date(ms).toISOString();
  one.dataset.at = Math.floor(ms / 1000);
  one.dataset.as = 'for';
  one.textContent = span(0);
  return one;
}

function sign(glyph, word, tone) {
  const one = document.createElement('span'), svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg'), use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  one.className = 'st ' + tone;
  svg.setAttribute('class', 'gl');
  svg.setAttribute('aria-hidden', 'true');
  use.setAttribute('href', '#g-' + glyph);
  svg.append(use);
  const text = document.createElement('span');
  text.textContent = word;
  one.append(svg, text);
  return one;
}

/* The token */
function signIn(words) {
  live.stop();
  live.path = '';
  for (const one of frame) one.hidden = true;
  $('#view').hidden = true;
  $('#nowhere').hidden = true;
  $('#banner').hidden = true;
  const form = $('#sign-in'), no = $('#sign-no');
  $('#main').append(form);
  form.hidden = false;
  no.hidden = !words || !kept('token');
  no.textContent = words;
  $('#token').value = '';
  focus($('#token'));
  document.title = 'Sign in · gitfleet';
}

$('#sign-in').addEventListener('submit', event => {
  event.preventDefault();
  keep('token', $('#token').value.trim());
  begin();
});

function begin() {
  $('#sign-in').hidden = true;
  $('#view').hidden = false;
  at = { page: '', server: '', id: '' };
  route();
}

/* Theme */
function theme(next) {
  const all = ['auto', 'light', 'dark'], root = document.documentElement;
  root.dataset.theme = next || all[(all.indexOf(root.dataset.theme) + 1) % 3];
  if (!next) keep('theme', root.dataset.theme);
  for (const one of $$('[data-does=theme]')) one.textContent = 'Theme: ' + root.dataset.theme;
}

const doing = {
  theme: () => theme(), help: () => $('#help').showModal(), more: () => $('#more').showModal(),
  out: () => { keep('token', ''); $('#more').close(); signIn(''); },
  close: () => put({ id: '', tab: '' }),
};

document.addEventListener('click', event => {
  const to = event.target.closest('a[href^="/"]');
  if (to && event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey && !to.target) {
    event.preventDefault();
    to.closest('dialog')?.close();
    last = to.closest('.lr,li');
    go(to.getAttribute('href'));
    return;
  }
  const does = event.target.closest('[data-does]')?.dataset.does;
  if (does && doing[does]) doing[does]();
  const chip = event.target.closest('#view [data-filter]');
  if (chip) { put({ state: chip.dataset.filter }, { replace: true }); patch.sort(); }
});

let typed = 0;
document.addEventListener('input', event => {
  if (!('find' in event.target.dataset)) return;
  clearTimeout(typed);
  typed = setTimeout(() => put({ q: event.target.value.trim() }, { replace: true }), event.target.dataset.find === 'server' ? 250 : 60);
});

keys.start({
  go, theme, sort: () => { patch.sort(); say('Sorted again'); }, pages: pages.map(([, key], i) => ({ key, name: $$('#help .kg dd')[i].textContent.toLowerCase() })),
  close: () => { if (!at.id) return false; last = patch.rowOf(`${at.page}:${at.id}`); put({ id: '', tab: '' }); return true; },
  clear: () => { if (at.q || at.state) { const find = $('#view [data-find]'); if (find) find.value = ''; put({ q: '', state: '' }, { replace: true }); } },
  selected: () => (at.id ? patch.rowOf(`${at.page}:${at.id}`) : null),
});
addEventListener('popstate', route);
addEventListener('hashchange', () => { if (takeToken()) begin(); });

const live = new Live(take, tell);
theme(kept('theme') || 'auto');
takeToken();
if (kept('token') || !known.has(nameOf(location.pathname))) begin(); else signIn('');
